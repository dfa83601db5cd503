"""The receiver: what it answers to whom, driven through its ASGI face."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import threading
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from liangxin_async import EVOLINK, LIANGXIN, ConfigurationError, Session, ZImage
from liangxin_async.webhook import MaskTokens, Receiver, sign
from tests.conftest import CANARY
from tests.shell.fakes import FakeService, session_on

from .asgi import Delivery, status_of

pytestmark = pytest.mark.anyio

HOST = "https://bot.example/liangxin"
KEY = "made-up-webhook-key"


@pytest.fixture
async def session() -> AsyncIterator[Any]:
    """A session whose tasks take an hour, on a service without sockets."""
    service = FakeService(duration=3600.0, latency=0.0)
    async with session_on(service, callback_url=HOST) as session:
        session.service = service
        yield session


async def accepted(session: Any) -> tuple[str, dict[str, Any]]:
    """Submit; return the path that the service was given, and a callback about it."""
    handle = await session.submit(ZImage("a cat"))
    path = session.service.bodies[-1]["callBackUrl"].removeprefix("https://bot.example")
    data = {"taskId": handle.task_id, "state": "success", "resultJson": ""}
    return path, {"code": 200, "msg": "success", "data": data}


def forgeries(session: Any) -> int:
    count: int = session.stats.callback_forgeries
    return count


# ------------------------------------------------------------------------ answers


async def test_callback_is_answered_200_and_makes_the_session_look(
    session: Any,
) -> None:
    """Also repeated, and also for a task that is long over."""
    receiver = Receiver(session)
    path, body = await accepted(session)
    for _ in range(50):
        assert await status_of(receiver.asgi, path, body) == 200
    await anyio.sleep(0.01)
    assert session.service.queries == {"task_0": 1}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "get"])
async def test_other_methods_are_refused(session: Any, method: str) -> None:
    """405 and what is allowed, whatever the path."""
    receiver = Receiver(session)
    path, _ = await accepted(session)
    for where in (path, "/liangxin/x"):
        status, headers = await Delivery(where, method=method).to(receiver.asgi)
        assert (status, headers["allow"]) == (405, "POST")
    assert forgeries(session) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "x", "A" * 44, "../" * 20, "%00", "é", "A" * 5000),
        *("{right}x", "x{right}", "{right}/", "{right}/x"),
    ],
)
async def test_wrong_path_is_404_unread_and_only_counted(
    session: Any, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No body is read, nothing is looked up, nothing is logged."""
    receiver = Receiver(session)
    path, _ = await accepted(session)
    right = path.rpartition("/")[2]
    delivery = Delivery("/liangxin/" + wrong.format(right=right), [None])
    caplog.clear()
    status, headers = await delivery.to(receiver.asgi)
    assert (status, headers["connection"]) == (404, "close")
    assert delivery.read == 0
    assert forgeries(session) == 1
    assert caplog.records == []
    assert session.service.queries == {}


async def test_path_of_another_account_is_404(session: Any) -> None:
    """Another key, another secret."""
    receiver = Receiver(session)
    other = Session("another-key", base_url="http://127.0.0.1:9", callback_url=HOST)
    assert other._settings.paths is not None
    token = other._settings.paths.new_token()
    assert await status_of(receiver.asgi, f"/liangxin/{token}", {}) == 404


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "chunk"])
async def test_unknown_compression_is_415(session: Any, encoding: str) -> None:
    """Only what can be undone within bounds is."""
    path, body = await accepted(session)
    delivery = Delivery(
        path, [json.dumps(body).encode()], headers={"content-encoding": encoding}
    )
    assert (await delivery.to(Receiver(session).asgi))[0] == 415
    assert delivery.read == 0


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress)],
)
async def test_compressed_callback_is_read(
    session: Any, encoding: str, compress: Any
) -> None:
    """gzip and deflate, in pieces of any size."""
    path, body = await accepted(session)
    raw = compress(json.dumps(body).encode())
    pieces = [raw[place : place + 7] for place in range(0, len(raw), 7)]
    delivery = Delivery(path, pieces, headers={"Content-Encoding": encoding})
    assert (await delivery.to(Receiver(session).asgi))[0] == 200
    await anyio.sleep(0.01)
    assert session.service.queries == {"task_0": 1}


async def test_long_body_is_413_before_it_is_read(session: Any) -> None:
    """By its announced length at once, else when the limit is reached."""
    receiver = Receiver(session, max_size_bytes=1000)
    path, _ = await accepted(session)
    told = Delivery(path, [b"x" * 1001], headers={"content-length": "1001"})
    assert (await told.to(receiver.asgi))[0] == 413
    assert told.read == 0
    untold = Delivery(path, [b"x" * 100] * 1_000_000)
    assert (await untold.to(receiver.asgi))[0] == 413
    assert untold.read == 11
    fits = Delivery(path, [b" " * 1000], headers={"content-length": "1000"})
    assert (await fits.to(receiver.asgi))[0] == 400


async def test_length_of_thousands_of_digits_is_413(session: Any) -> None:
    """What no number can be made of is no fault of the application's, and is refused
    unread; without a token it is as unknown as any other."""
    app = Receiver(session).asgi
    path, _ = await accepted(session)
    headers = {"Content-Length": "9" * 5000}
    refused = Delivery(path, [None], headers=headers)
    assert (await refused.to(app))[0] == 413
    assert await status_of(app, "/liangxin/other", headers=headers) == 404


async def test_gzip_bomb_is_413_in_bounded_memory(session: Any) -> None:
    """32 MiB of zeros in 32 kB: stopped at the limit."""
    receiver = Receiver(session, max_size_bytes=64 * 1024)
    path, _ = await accepted(session)
    press = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(press.compress(bytes(1 << 20)) for _ in range(32)) + press.flush()
    delivery = Delivery(path, [bomb], headers={"content-encoding": "gzip"})
    tracemalloc.start()
    try:
        status, _ = await delivery.to(receiver.asgi)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert status == 413
    assert peak < 1_000_000


async def test_slow_body_is_408(session: Any) -> None:
    """One byte and then nothing: the time for the whole body is limited."""
    receiver = Receiver(session, read_timeout=0.02)
    path, _ = await accepted(session)
    assert (await Delivery(path, [b"{", None]).to(receiver.asgi))[0] == 408


async def test_too_many_bodies_at_once_are_503(session: Any) -> None:
    """Those that are being read go on; the sender is told to come again."""
    receiver = Receiver(session, at_once=3, read_timeout=0.05)
    path, body = await accepted(session)
    statuses: list[int] = []

    async def slow() -> None:
        statuses.append((await Delivery(path, [None]).to(receiver.asgi))[0])

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(slow)
        await anyio.wait_all_tasks_blocked()
        status, headers = await Delivery(path, [b"{}"]).to(receiver.asgi)
        assert (status, headers["retry-after"]) == (503, "1")
    assert statuses == [408] * 3
    assert await status_of(receiver.asgi, path, body) == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b"[" * 9000, b'{"data":{}}', b'{"data":7}'],
)
async def test_malformed_body_is_400_without_effect(session: Any, body: bytes) -> None:
    """No JSON, or no task: the next delivery may arrive whole."""
    path, _ = await accepted(session)
    assert await status_of(Receiver(session).asgi, path, body) == 400
    assert session.service.queries == {}
    assert forgeries(session) == 0


@pytest.mark.parametrize("rest", [b"not gzip at all", gzip.compress(b"{}")[:-12]])
async def test_badly_compressed_body_is_400(session: Any, rest: bytes) -> None:
    """Not what its header says, or cut off."""
    path, _ = await accepted(session)
    headers = {"content-encoding": "gzip"}
    status = await status_of(Receiver(session).asgi, path, rest, headers=headers)
    assert status == 400


async def test_sender_that_goes_away_harms_nobody(session: Any) -> None:
    """The body breaks off: nothing is taken, nothing is raised."""
    path, body = await accepted(session)
    pieces = [json.dumps(body).encode()[:20], ...]
    status, _ = await Delivery(path, pieces).to(Receiver(session).asgi)
    assert status == 400
    assert session.service.queries == {}


async def test_answer_to_a_sender_that_has_gone_raises_nothing(session: Any) -> None:
    """A server may refuse to send it; the application around sees no exception."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise ConnectionResetError("the client has gone")

    path, _ = await accepted(session)
    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    await Receiver(session).asgi(scope, receive, send)


async def test_fault_of_ours_is_500_and_logged(
    session: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The user's application never meets an exception of the receiver's."""

    def broken(body: bytes) -> None:
        raise ZeroDivisionError

    path, body = await accepted(session)

    class Broken:
        read_callback = staticmethod(broken)

    monkeypatch.setattr(session, "_dialect", Broken())
    assert await status_of(Receiver(session).asgi, path, body) == 500
    assert "broke its receiver" in caplog.text
    assert path.rpartition("/")[2] not in caplog.text


async def test_callback_about_another_task_is_200_and_counted(session: Any) -> None:
    """Telling a forger apart from others would help only him."""
    receiver = Receiver(session)
    path, body = await accepted(session)
    body["data"]["taskId"] = "task_of_nobody"
    assert await status_of(receiver.asgi, path, body) == 200
    assert session.service.queries == {}
    assert forgeries(session) == 1


async def test_callback_for_another_replica_is_200_and_costs_nothing(
    session: Any,
) -> None:
    """The same key in another process: its paths are known, its requests are not."""
    receiver = Receiver(session)
    other = session_on(FakeService(), callback_url=HOST)
    url = other._settings.paths.url(other._settings.paths.new_token())
    body = {"data": {"taskId": "task_0", "state": "success"}}
    for _ in range(20):
        assert (
            await status_of(
                receiver.asgi, url.removeprefix("https://bot.example"), body
            )
            == 200
        )
    assert session.service.queries == {}
    assert session._runtime.callbacks._expected == {}
    assert forgeries(session) == 0


# ---------------------------------------------------------------------- signatures


def signed(
    *, age: float = 0, key: str = KEY, task_id: str = "task_0"
) -> dict[str, str]:
    stamp = str(int(time.time() - age))
    return {
        "X-Webhook-Timestamp": stamp,
        "X-Webhook-Signature": sign(task_id, stamp, key=key),
    }


@pytest.mark.parametrize(
    ("signature", "status"),
    [
        ({}, 200),
        ({"age": 250}, 200),
        (None, 403),
        ({"key": "another"}, 403),
        ({"age": 1000}, 403),
        ({"task_id": "task_1"}, 403),
    ],
    ids=["right", "older", "missing", "other key", "stale", "other task"],
)
async def test_signature_is_checked_where_a_key_is_set(
    session: Any, signature: dict[str, Any] | None, status: int
) -> None:
    """In addition to the path; what is not signed right has no effect."""
    headers = {} if signature is None else signed(**signature)
    receiver = Receiver(session, signature_key=KEY)
    path, body = await accepted(session)
    assert await status_of(receiver.asgi, path, body, headers=headers) == status
    await anyio.sleep(0.01)
    assert session.service.queries == ({"task_0": 1} if status == 200 else {})
    # The look itself finds the task running, which is counted as well.
    assert forgeries(session) == 1


async def test_signature_without_a_limit_of_age(session: Any) -> None:
    """`max_age=None` accepts any."""
    receiver = Receiver(session, signature_key=KEY, max_age=None)
    path, body = await accepted(session)
    headers = signed(age=10**6)
    assert await status_of(receiver.asgi, path, body, headers=headers) == 200


# ------------------------------------------------------------------ set-up and loops


def test_receiver_needs_a_callback_url() -> None:
    """Nothing would come, and the error says what to do."""
    session = Session("a-key", base_url="http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="callback_url"):
        Receiver(session)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_size_bytes": 0},
        {"max_size_bytes": 1.5},
        {"max_size_bytes": None},
        {"read_timeout": 0},
        {"read_timeout": "1"},
        {"read_timeout": float("nan")},
        {"at_once": 0},
        {"at_once": True},
        {"signature_key": ""},
        {"signature_key": b"bytes"},
        {"max_age": -1},
        {"max_age": "1"},
    ],
    ids=str,
)
def test_receiver_settings_are_checked(wrong: dict[str, Any]) -> None:
    """One clear error that names the setting."""
    session = Session("a-key", base_url="http://127.0.0.1:9", callback_url=HOST)
    name = "key" if "signature_key" in wrong else next(iter(wrong))
    with pytest.raises(ConfigurationError, match=name):
        Receiver(session, **wrong)


async def test_receiver_and_session_show_no_secret(session: Any) -> None:
    """Neither the API key nor what is derived of it, nor a path."""
    receiver = Receiver(session)
    path, _ = await accepted(session)
    paths, callbacks = session._settings.paths, session._runtime.callbacks
    (expected,) = callbacks._expected.values()
    shown = repr((receiver, session, session._settings, paths, callbacks, expected))
    for secret in (CANARY, path.rpartition("/")[2], repr(paths._secret)):
        assert secret not in shown
    assert CANARY.encode() not in paths._secret


async def test_receiver_of_a_session_that_is_not_open() -> None:
    """Before it is opened and after it was closed: answered, without effect."""
    session = session_on(FakeService(), callback_url=HOST)
    receiver = Receiver(session)
    path = "/liangxin/" + session._settings.paths.new_token()
    body = {"data": {"taskId": "task_0"}}
    assert await status_of(receiver.asgi, path, body) == 200
    assert await status_of(receiver.asgi, "/liangxin/x", body) == 404
    await session.open()
    await session.aclose()
    assert await status_of(receiver.asgi, path, body) == 200
    assert await status_of(receiver.asgi, "/liangxin/x", body) == 404


async def test_receiver_in_another_thread_hands_its_hints_over(session: Any) -> None:
    """An application with a loop of its own: the hint arrives in the session's."""
    receiver = Receiver(session)
    path, body = await accepted(session)

    def serve() -> None:
        assert asyncio.run(status_of(receiver.asgi, path, body)) == 200
        assert asyncio.run(status_of(receiver.asgi, "/liangxin/x", body)) == 404

    thread = threading.Thread(target=serve)
    thread.start()
    await anyio.to_thread.run_sync(thread.join)
    await anyio.sleep(0.01)
    assert session.service.queries == {"task_0": 1}
    assert forgeries(session) == 2


async def test_asgi_lifespan_and_websocket(session: Any) -> None:
    """Served alone it starts and stops; it speaks no websocket."""
    receiver = Receiver(session)

    async def play(kind: str, *types: str) -> list[str]:
        left, sent = list(types), []

        async def receive() -> dict[str, str]:
            return {"type": left.pop(0)}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await receiver.asgi({"type": kind}, receive, send)
        return sent

    steps = ("lifespan.startup", "lifespan.shutdown")
    assert await play("lifespan", *steps) == [f"{step}.complete" for step in steps]
    assert await play("websocket", "websocket.connect") == ["websocket.close"]
    assert await play("something new") == []


@pytest.mark.parametrize(
    "path", ["/回调", "/caf%C3%A9/cb", "/café", "/a%2Fb", "/100%25", "/{tenant}"]
)
async def test_routes_match_every_path_that_a_callback_url_may_have(path: str) -> None:
    """Also one that aiohttp would not match as it is, or would take for a pattern."""
    url = f"https://bot.example{path}"
    async with session_on(FakeService(), callback_url=url) as session:
        (route,) = Receiver(session).routes()
        app = web.Application()
        app.add_routes([route])
        sent = URL(session._settings.paths.url(session._settings.paths.new_token()))
        request = make_mocked_request("POST", sent.raw_path)
        match = await app.router.resolve(request)
        assert match.http_exception is None
        assert match["token"] == sent.name
        other = make_mocked_request("POST", f"/other/{sent.name}")
        assert (await app.router.resolve(other)).http_exception is not None


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://bot.example", "/{token}"),
        ("https://bot.example/", "/{token}"),
        ("https://bot.example/a/b/", "/a/b/{token}"),
        ("https://bot.example/a?tenant=7", "/a/{token}"),
        ("https://bot.example/a#x", "/a/{token}"),
    ],
)
async def test_routes_follow_the_callback_url(url: str, path: str) -> None:
    """One POST route below its path; a query stays behind the token."""
    service = FakeService()
    async with session_on(service, callback_url=url) as session:
        (route,) = Receiver(session).routes()
        assert (route.method, route.path) == ("POST", path)
        (other,) = Receiver(session).routes("/inner/")
        assert other.path == "/inner/{token}"
        await session.submit(ZImage("a cat"))
        sent = service.bodies[0]["callBackUrl"]
    assert sent.endswith("?tenant=7") == ("?" in url)
    assert sent.startswith("https://bot.example" + path.removesuffix("{token}"))


def test_callback_url_leaves_room_for_the_path() -> None:
    """What is sent is longer than what was given, and EvoLink takes 2048 characters."""
    head = "https://bot.example/"
    Session("k", dialect=EVOLINK, callback_url=head + "a" * (2048 - len(head) - 45))
    with pytest.raises(ConfigurationError, match="callback_url"):
        Session("k", dialect=EVOLINK, callback_url=head + "a" * (2048 - len(head) - 44))


@pytest.mark.parametrize(
    ("base", "url", "fits"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:2/x", True),
        ("http://localhost:1", "http://localhost/x", True),
        ("http://[::1]:1", "https://[::1]:2/x", True),
        ("http://127.0.0.1:1", "https://bot.example/x", True),
        ("http://127.0.0.1:1", "http://bot.example/x", False),
        ("http://127.0.0.1:1", "http://127.0.0.1:0/x", False),
        ("http://127.0.0.1:1", "http://127.0.0.1:x/x", False),
        ("http://127.0.0.1:1", "ftp://127.0.0.1/x", False),
        ("http://127.0.0.1:1", "http://127.0.0.1/a b", False),
        ("http://127.0.0.1:1", "http://192.168.0.1/x", False),
        ("https://api.example", "http://127.0.0.1:2/x", False),
    ],
)
@pytest.mark.parametrize("dialect", [LIANGXIN, EVOLINK])
def test_callback_url_on_this_machine_only_with_a_service_there(
    base: str, url: str, fits: bool, dialect: Any
) -> None:
    """So that all can be tried with the emulator, and nothing is loosened elsewhere."""
    how: Any = {"base_url": base, "dialect": dialect}
    if fits:
        Session("a-key", callback_url=url, **how)
        return
    with pytest.raises(ConfigurationError, match="callback_url"):
        Session("a-key", callback_url=url, **how)


# -------------------------------------------------------------------------- masking


def test_masking_of_logs() -> None:
    """Text, arguments and extras of a record; everything else stays as it is."""
    session = Session("a-key", base_url="http://127.0.0.1:9", callback_url=HOST)
    assert session._settings.paths is not None
    token = session._settings.paths.new_token()
    line = f'"POST /liangxin/{token} HTTP/1.1" 200'
    record = logging.makeLogRecord(
        {
            "msg": f"{line} %s %s",
            "args": (f"/x/{token}?a=1", 200),
            "first_request_line": line,
            "request_header": {"Referer": f"https://bot.example/{token}"},
            "levelno": 20,
        }
    )
    assert MaskTokens().filter(record)
    assert token not in repr(record.__dict__)
    assert record.getMessage() == (
        '"POST /liangxin/[callback] HTTP/1.1" 200 /x/[callback]?a=1 200'
    )
