"""How an emulator sends callbacks: settings of a scenario, targets, signatures.

What is sent is the dialect's answer to a query; single callbacks go wrong by the fault
plan, on its route "callback". Nothing is ever sent to another machine: a target is on
loopback, or has a name that the scenario says stands for a loopback address.
"""

from __future__ import annotations

import hmac
import ipaddress
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from attrs import evolve, field, frozen

from liangxin_async.emulator._checks import (
    ScenarioError,
    at,
    build,
    number,
    one_of,
    text,
)

URL_RULES: Final = ("loopback", "documented", "any")
_MOST_RETRIES: Final = 100
_PLAIN: Final = ("http", "https")


@frozen(kw_only=True)
class Courtesy:
    """How patiently a dialect delivers; any 2xx is a delivery.

    Attributes:
        limit: seconds for one attempt.
        waits: seconds from each failed attempt to the next; their number is that of
            the retries.
    """

    limit: float
    waits: tuple[float, ...]


@frozen(kw_only=True)
class Manner:
    """How one callback is sent, apart from what it says.

    Attributes:
        is_sent: whether it is sent at all.
        late: seconds after the honest instant.
        lead: seconds before the task's end, or None for after it.
        times: how often it is delivered, each time with retries of its own.
        spacing: seconds between one delivery and the next.
        parts: pieces that the body is sent in.
        pause: seconds between them.
        signature: "right", "wrong", "missing" or "old".
        age: seconds that an "old" one was signed before it is sent.
    """

    is_sent: bool = True
    late: float = 0.0
    lead: float | None = None
    times: int = 1
    spacing: float = 0.0
    parts: int = 1
    pause: float = 0.0
    signature: str = "right"
    age: float = 0.0


HONEST: Final = Manner()


# Targets


def _split(url: str) -> tuple[SplitResult, str] | None:
    """Return a URL's parts and host, or None if http cannot go there."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # a port that is none raises here
    except ValueError:
        return None
    return (parts, host) if host and parts.scheme in _PLAIN else None


def is_loopback_host(host: str) -> bool:
    """Whether a host is this machine; of names only "localhost" is."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_loopback(url: Any) -> bool:
    """Whether something is an http or https URL of this machine."""
    found = _split(url) if isinstance(url, str) else None
    return found is not None and is_loopback_host(found[1])


def is_let_through(url: Any, rule: str) -> bool:
    """Whether a rule of `Callbacks.urls` allows what the documentation may not."""
    if not isinstance(url, str) or not url or rule == "documented":
        return False
    return rule == "any" or is_loopback(url)


def origin(url: str) -> str:
    """Return scheme, host and port of a URL: of a secret path what may be shown."""
    found = _split(url)
    if found is None:
        return "not a URL"
    parts, host = found
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


@frozen
class Target:
    """Where a callback goes.

    Attributes:
        urls: loopback URLs; attempts take them in turn.
        host: the Host header, or None for the one that the URL has.
    """

    urls: tuple[str, ...]
    host: str | None = None


def _origins(value: Any) -> tuple[str, ...]:
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, (list, tuple)) or not given:
        raise ScenarioError(f"must be an address or a list of some, got {value!r}")
    for item in given:
        parts = urlsplit(item) if is_loopback(item) else None
        if parts is None or parts.path.strip("/") or parts.query or parts.fragment:
            words = f"must be like http://127.0.0.1:8080, of loopback, got {item!r}"
            raise ScenarioError(words)
    return tuple(item.rstrip("/") for item in given)


def _as_hosts(
    value: Mapping[str, str | Sequence[str]],
) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise ScenarioError(f"hosts must map names to addresses, got {value!r}")
    return {
        str(name).lower(): at(f"hosts: {name}", _origins, item)
        for name, item in value.items()
    }


def _as_waits(value: Sequence[float] | None) -> tuple[float, ...] | None:
    match value:
        case None:
            return None
        case [*waits] if len(waits) <= _MOST_RETRIES and all(map(_is_wait, waits)):
            return tuple(float(wait) for wait in waits)
    words = f"null or a list of up to {_MOST_RETRIES} seconds from 0"
    raise ScenarioError(f"waits must be {words}, got {value!r}")


def _is_wait(value: Any) -> bool:
    kind_fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    return kind_fits and 0 <= value < float("inf")


@frozen(kw_only=True)
class Callbacks:
    """How callbacks are sent, and what their URLs may be.

    One is sent for every accepted create that names a URL, after the task's end.

    Attributes:
        delay: seconds from a task's end to its callback. EvoLink sends it only once
            the bill is confirmed, so queries may show the end before; how long that
            takes is not stated.
        limit: seconds for one attempt; None for the dialect's own. EvoLink states 10.
            LiangXin states nothing: its 15 are those of the best-known service of its
            family.
        waits: seconds from each failed attempt to the next; None for the dialect's
            own. EvoLink states (1, 2, 4). LiangXin says that delivery is retried
            "briefly", without number or spacing: its (1, 1, 1) are the emulator's own.
        urls: what is let through when a create comes in: "documented" is what the
            dialect's page allows, "loopback" that and addresses of this machine, "any"
            every text.
        hosts: names that stand for loopback addresses, as a name server would have it:
            `{"bot.example.com": "http://127.0.0.1:8080"}`. With several addresses,
            attempts take them in turn, like a balancer in front of replicas.
        webhook_key: key of the family's optional signature on LiangXin's callbacks, or
            None for none. EvoLink documents no signature, and has none.
    """

    delay: float = field(default=0.0, validator=number(0))
    limit: float | None = field(default=None, validator=number(0.001, optional=True))
    waits: tuple[float, ...] | None = field(default=None, converter=_as_waits)
    urls: str = field(default="loopback", validator=one_of(*URL_RULES))
    hosts: Mapping[str, tuple[str, ...]] = field(factory=dict, converter=_as_hosts)
    webhook_key: str | None = field(
        default=None, validator=text(optional=True), repr=False
    )

    def courtesy(self, usual: Courtesy) -> Courtesy:
        """Return the patience of a dialect under these settings."""
        limit = usual.limit if self.limit is None else self.limit
        return evolve(
            usual, limit=limit, waits=usual.waits if self.waits is None else self.waits
        )

    def target(self, url: str) -> Target | None:
        """Return where a callback for `url` goes, or None: it must not be sent."""
        found = _split(url)
        if found is None:
            return None
        parts, host = found
        if host in self.hosts:
            rest = parts._replace(scheme="", netloc="", fragment="").geturl()
            path = rest if rest.startswith("/") else f"/{rest}"
            named = parts.netloc.rpartition("@")[2]
            return Target(tuple(o + path for o in self.hosts[host]), named)
        return Target((url,)) if is_loopback_host(host) else None


def as_callbacks(value: Callbacks | Mapping[str, Any]) -> Callbacks:
    """Take settings, or an object of their fields."""
    if isinstance(value, Callbacks):
        return value
    return at("callbacks", build, Callbacks, value)


def signature(key: str, task_id: str, timestamp: int) -> dict[str, str]:
    """Return the two headers of the family; neither covers the body."""
    signed = hmac.digest(key.encode(), f"{task_id}.{timestamp}".encode(), "sha256")
    return {
        "X-Webhook-Timestamp": str(timestamp),
        "X-Webhook-Signature": b64encode(signed).decode(),
    }
