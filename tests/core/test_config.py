"""Settings: what is allowed, the defaults, and where each comes from."""

from __future__ import annotations

import math
import pickle
from typing import Any

import attrs
import pytest

from liangxin_async._config import (
    Polling,
    Timeouts,
    check_duration,
    is_loopback,
)
from liangxin_async._config import resolve_base_url as resolve
from liangxin_async._errors import ConfigurationError

VARIABLE = "LIANGXIN_BASE_URL"

NUMBERS = [
    (kind, attribute.name)
    for kind in (Timeouts, Polling)
    for attribute in attrs.fields(kind)
]
NULLABLE = {(Polling, name) for name in ("max_rate", "patience", "video_patience")}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def resolve_base_url(given: Any, default: str | None) -> str:
    return resolve(given, VARIABLE, default)


# ----------------------------------------------------------------------- settings


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
@pytest.mark.parametrize("bad", [-1, -0.001, math.nan, "1", True, b"1", [1], 1j])
def test_settings_refuse(kind: Any, name: str, bad: object) -> None:
    """A setting that is no number, or below its range, is named with what is allowed."""
    with pytest.raises(ConfigurationError) as caught:
        kind(**{name: bad})
    assert f"{kind.__name__}.{name}" in str(caught.value)
    assert "allowed" in str(caught.value)


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
def test_settings_none(kind: Any, name: str) -> None:
    """None means "no limit" where the documentation says so, and nowhere else."""
    if (kind, name) in NULLABLE:
        assert getattr(kind(**{name: None}), name) is None
    else:
        with pytest.raises(ConfigurationError):
            kind(**{name: None})


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
def test_settings_keep_their_defaults(kind: Any, name: str) -> None:
    """A default may be given explicitly, and is kept as it is."""
    default = getattr(kind(), name)
    assert getattr(kind(**{name: default}), name) == default


@pytest.mark.parametrize("lag", [0, 1.5])
def test_polling_lag_is_a_share(lag: float) -> None:
    """A lag of nothing would take endless queries."""
    with pytest.raises(ConfigurationError):
        Polling(lag=lag)


@pytest.mark.parametrize("workers", [0, 2.5, 10**6])
def test_polling_workers(workers: float) -> None:
    """Workers are counted in whole numbers, within reason."""
    with pytest.raises(ConfigurationError, match="whole number"):
        Polling(workers=workers)


def test_polling_ceiling_below_floor() -> None:
    """A longest interval below the shortest cannot work."""
    with pytest.raises(ConfigurationError, match=r"Polling\.ceiling"):
        Polling(floor=2.0, ceiling=1.0)
    assert Polling(floor=2.0, ceiling=2.0).ceiling == 2.0


@pytest.mark.parametrize("kind", [Timeouts, Polling])
def test_settings_are_values(kind: Any) -> None:
    """Settings are frozen, compare by value, and can be pickled."""
    settings = kind()
    assert pickle.loads(pickle.dumps(settings)) == settings == kind()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(settings, attrs.fields(kind)[0].name, 1.0)
    with pytest.raises(TypeError):
        kind(1.0)


def test_polling_defaults_follow_the_family() -> None:
    """The family's advice: patience of 10 to 15 minutes, not-found for up to 90 s."""
    assert Polling().patience is not None
    assert 600 <= Polling().patience <= 900
    assert Polling().grace >= 90


@pytest.mark.parametrize("good", [None, 0, 0.0, 0.5, 3600, math.inf])
def test_check_duration_allows(good: float | None) -> None:
    """None, or seconds from 0."""
    check_duration("timeout", good)


@pytest.mark.parametrize("bad", [-1, -1e-9, math.nan, "1", True, [1.0]])
def test_check_duration_refuses(bad: object) -> None:
    """Anything else is refused by name."""
    with pytest.raises(ConfigurationError, match="patience"):
        check_duration("patience", bad)


# ----------------------------------------------------------------------- base URL


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://api.example", "https://api.example"),
        ("https://api.example/", "https://api.example"),
        ("https://api.example//", "https://api.example"),
        ("https://api.example:8443/v2/", "https://api.example:8443/v2"),
        (" https://api.example\n", "https://api.example"),
        ("HTTPS://api.example", "https://api.example"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9"),
        ("http://localhost:9/prefix", "http://localhost:9/prefix"),
        ("http://[::1]:9", "http://[::1]:9"),
    ],
)
def test_base_url_kept(given: str, expected: str) -> None:
    """Scheme, host, port and prefix are kept; the trailing slash goes."""
    assert resolve_base_url(given, None) == expected


@pytest.mark.parametrize(
    "given",
    [
        "api.example",
        "//api.example",
        "/api",
        "ftp://api.example",
        "file:///etc/passwd",
        "https://",
        "https://:443",
        "https://[::1",
        "https://api.example:99999",
        "https://api.example:port",
        "https://api .example",
        "https://api.example/a b",
        "https://api\n.example",
        "https://api.example\x00",
        "https://user@api.example",
        "https://user:word@api.example",
        "https://@api.example",
        "https://api.example?x=1",
        "https://api.example/?",
        "https://api.example#",
        "https://api.example/#top",
        5,
        b"https://api.example",
    ],
)
def test_base_url_refused(given: str) -> None:
    """Whatever is no plain address of an API is refused, and says what is wrong."""
    with pytest.raises(ConfigurationError, match="base_url"):
        resolve_base_url(given, None)


@pytest.mark.parametrize(
    "given",
    [
        "http://api.example",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://127.0.0.1.example",
        "http://localhost.example",
    ],
)
def test_base_url_plain_http_to_others(given: str) -> None:
    """Plain http is refused unless the host is loopback: it would show the key."""
    with pytest.raises(ConfigurationError, match="plain http"):
        resolve_base_url(given, None)


def test_base_url_error_keeps_secrets() -> None:
    """A password or a token in a refused URL is not repeated."""
    for given in ("https://user:s3cret@h.example", "https://h.example?key=s3cret"):
        with pytest.raises(ConfigurationError) as caught:
            resolve_base_url(given, None)
        assert "s3cret" not in str(caught.value)
        assert "h.example" in str(caught.value)


def test_base_url_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument wins over the environment, which wins over the dialect's own."""
    own = "https://own.example"
    assert resolve_base_url(None, own) == own
    monkeypatch.setenv(VARIABLE, " https://env.example/ ")
    assert resolve_base_url(None, own) == "https://env.example"
    assert resolve_base_url("https://arg.example", own) == "https://arg.example"
    monkeypatch.setenv(VARIABLE, "  ")
    assert resolve_base_url(None, own) == own


@pytest.mark.parametrize("blank", ["", "  "])
def test_base_url_blank_is_no_default(blank: str) -> None:
    """A variable that was forgotten must not lead to the real, paid service."""
    with pytest.raises(ConfigurationError, match="blank"):
        resolve_base_url(blank, "https://own.example")


def test_base_url_has_no_built_in_default() -> None:
    """No source states LiangXin's host, so none is invented."""
    with pytest.raises(ConfigurationError) as caught:
        resolve_base_url(None, None)
    assert VARIABLE in str(caught.value)
    assert "base_url=" in str(caught.value)


def test_base_url_of_one_service_is_not_taken_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each service has a variable of its own, so that no key meets a strange host."""
    monkeypatch.setenv("LIANGXIN_BASE_URL", "https://liangxin.example")
    own = "https://own.example"
    assert resolve(None, "EVOLINK_BASE_URL", own) == own


@pytest.mark.parametrize(
    ("polling", "kind", "seconds"),
    [
        (Polling(), "image", 900.0),
        (Polling(), None, 900.0),
        (Polling(), "video", 3600.0),
        (Polling(patience=5.0), "video", 3600.0),
        (Polling(patience=None), "image", math.inf),
        (Polling(video_patience=None), "video", math.inf),
    ],
)
def test_polling_patience_goes_by_kind(
    polling: Polling, kind: str | None, seconds: float
) -> None:
    """Videos get a longer patience than pictures; an unknown kind counts as picture."""
    assert polling.patience_with(kind) == seconds


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("api.localhost", True),
        ("127.0.0.1", True),
        ("127.9.8.7", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("localhost.example", False),
        ("notlocalhost", False),
        ("", False),
        (None, False),
    ],
)
def test_is_loopback(host: str | None, expected: bool) -> None:
    """Only names and addresses that cannot leave this machine count."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    "url", ["https://...", "https://a..b.example", "https://" + "a" * 70]
)
def test_base_url_whose_host_cannot_exist(url: str) -> None:
    """A host that no resolver could be asked for is found before anything is sent."""
    with pytest.raises(ConfigurationError, match="base_url"):
        resolve_base_url(url, None)


def test_base_url_without_a_scheme_is_shown_as_given() -> None:
    """The message shows what was typed, without what may be secret."""
    with pytest.raises(ConfigurationError, match=r"got '127.0.0.1:41403'"):
        resolve_base_url("127.0.0.1:41403", None)
    with pytest.raises(ConfigurationError) as caught:
        resolve_base_url("ftp://me:secret@host.example/x?key=secret", None)
    assert "secret" not in str(caught.value)


def test_base_url_with_a_prefix_beyond_ascii_is_encoded() -> None:
    """What goes on the wire is ASCII."""
    assert resolve_base_url("https://h.example/\u00e4/", None).endswith("/%C3%A4")
