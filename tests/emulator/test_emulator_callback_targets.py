"""Where callbacks may go, and which URLs a create may name for them."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path
from socket import AF_INET, SOCK_STREAM
from typing import Any

import anyio
import pytest

from liangxin_async.emulator import Fault, Scenario
from liangxin_async.emulator._poster import loopback_socket
from tests.emulator.caller import Play
from tests.emulator.receiver import ask, done, only, receiving

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(20)]

DIALECTS = ("liangxin", "evolink")


# Where to


STRANGERS = [
    "https://example.com/hook",
    "https://8.8.8.8/",
    "http://10.0.0.1/",
    "http://0.0.0.0:9/",
    "http://127.0.0.1.example.com/",
    "http://127.0.0.1@example.com/",
    "http://2130706433/",
    "http://127.1/",
    "http://printer.local/",
    "http://[::ffff:8.8.8.8]/",
    "ftp://127.0.0.1/",
    "http://127.0.0.1:99999/",
    "not a URL",
    "//127.0.0.1/",
]


@pytest.mark.parametrize("url", STRANGERS)
async def test_callback_to_another_machine_is_refused(play: Play, url: str) -> None:
    """It is never sent, the books say so, and nothing raises."""
    caller = await play(Scenario(duration=0, callbacks={"urls": "any"}))
    assert (await ask(caller, url)).status == 200
    await done(caller.emulator)
    ledger = caller.emulator.ledger
    assert ledger.callbacks == {"expected": 1, "refused": 1}
    assert ledger.callback_attempts == 0
    assert ledger.callback_targets_refused.total() == 1
    assert only(caller).outcome == "refused"


async def test_refused_target_is_shown_without_its_path(play: Play) -> None:
    """A path may be a secret; scheme, host and port are enough to see a mistake."""
    caller = await play(Scenario(duration=0))
    await ask(caller, "https://bot.example.com:8443/secret?a=b")
    refused = caller.emulator.ledger.callback_targets_refused
    assert refused == {"https://bot.example.com:8443": 1}


async def test_connector_makes_sockets_to_loopback_only() -> None:
    """Whatever a name resolves to, the last step is guarded too."""
    for name in ("93.184.216.34", "10.0.0.1", "0.0.0.0"):
        with pytest.raises(OSError, match="loopback"):
            loopback_socket((AF_INET, SOCK_STREAM, 6, "", (name, 80)))
    loopback_socket((AF_INET, SOCK_STREAM, 6, "", ("127.0.0.1", 80))).close()


async def test_redirect_is_not_followed(play: Play) -> None:
    """A 307 is a failed attempt; its Location is never asked."""
    caller = await play(Scenario(duration=0, callbacks={"waits": []}))
    async with receiving(307) as receiver:
        await receiver.expected_by(caller)
        await done(caller.emulator)
        assert len(receiver.posts) == 1
    assert only(caller).statuses == [307]


@pytest.mark.parametrize("host", ["::1", "localhost"])
async def test_callback_reaches_every_loopback(play: Play, host: str) -> None:
    """IPv6 and the name of this machine are loopback, too."""
    caller = await play(Scenario(duration=0))
    bound = "127.0.0.1" if host == "localhost" else host
    try:
        async with receiving(host=bound) as receiver:
            await ask(caller, receiver.url.replace("127.0.0.1", host))
            await done(caller.emulator)
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert only(caller).outcome == "delivered"


async def test_public_name_stands_for_loopback(play: Play) -> None:
    """A documented URL arrives here, with its path and its own Host."""
    async with receiving() as one, receiving() as two:
        hosts = {"bot.example.com": [one.url, two.url + "/"]}
        callbacks = {"urls": "documented", "hosts": hosts}
        caller = await play(Scenario(duration=0, callbacks=callbacks))
        for path in ("/a/b?c=d", "", "/d"):
            url = f"https://bot.example.com:8443{path}#x"
            assert (await ask(caller, url, "evolink")).status == 200
            await done(caller.emulator)
    assert [post.path for post in one.posts] == ["/a/b?c=d", "/d"]
    assert [post.path for post in two.posts] == ["/"]
    assert one.posts[0].headers["Host"] == "bot.example.com:8443"


async def test_callback_goes_over_tls(play: Play, tmp_path: Path) -> None:
    """https on loopback works, with a certificate that nobody has signed."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    files = ["-subj", "/CN=nobody", "-keyout", str(key), "-out", str(certificate)]
    command = [openssl, *words.split(), *files]
    await anyio.run_process(command)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    caller = await play(Scenario(duration=0))
    async with receiving(tls=tls) as receiver:
        await receiver.expected_by(caller)
        await done(caller.emulator)
    assert (receiver.url[:5], only(caller).outcome) == ("https", "delivered")


# Which URLs a create may name


@pytest.mark.parametrize(
    ("rule", "url", "statuses"),
    [
        ("loopback", "http://127.0.0.1:8000/x", (200, 200)),
        ("loopback", "https://localhost/x", (200, 200)),
        ("loopback", "http://example.com/x", (400, 400)),
        ("loopback", "http://10.0.0.1/x", (400, 400)),
        ("loopback", "http://127.0.0.1/" + "x" * 2040, (200, 400)),
        ("loopback", 5, (400, 400)),
        ("documented", "http://127.0.0.1:8000/x", (400, 400)),
        ("documented", "https://127.0.0.1/x", (200, 400)),
        ("documented", "https://example.com/x", (200, 200)),
        ("any", "http://example.com/x", (200, 200)),
        ("any", "nonsense", (200, 200)),
        ("any", None, (400, 400)),
    ],
)
async def test_callback_url_is_checked_by_rule(
    play: Play, rule: str, url: Any, statuses: tuple[int, int]
) -> None:
    """The dialect's own rule holds, but for what the scenario lets through."""
    unsent = Fault(route="callback", kind="unsent")
    caller = await play(Scenario(callbacks={"urls": rule}, faults=[unsent]))
    replies = [await ask(caller, url, dialect) for dialect in DIALECTS]
    assert tuple(reply.status for reply in replies) == statuses
    if statuses == (400, 400):
        assert "callBackUrl must" in replies[0].json["msg"]
        assert replies[1].json["error"]["param"] == "callback_url"
