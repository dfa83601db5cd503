"""What a user may set, the defaults, and where each default comes from.

Durations are float seconds. None means "no limit" wherever it is allowed.
"""

from __future__ import annotations

import math
import os
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen
from yarl import URL

from liangxin_async._errors import ConfigurationError
from liangxin_async._naming import name_publicly

if TYPE_CHECKING:
    from collections.abc import Callable


def _within(
    low: float, high: float = math.inf, *, none: bool = False, whole: bool = False
) -> Callable[[Any, Attribute[Any], Any], None]:
    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        if value is None and none:
            return
        kinds = (int,) if whole else (int, float)
        number = isinstance(value, kinds) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            kind = "whole number" if whole else "number"
            allowed = f"a {kind} from {low:g}" + (
                f" to {high:g}" if math.isfinite(high) else ""
            )
            raise ConfigurationError(
                f"{type(instance).__name__}.{attribute.name}: got {value!r}; "
                f"allowed: {allowed}{' or None' if none else ''}"
            )

    return check


@frozen(kw_only=True)
class Timeouts:
    """How long one exchange with the service may take. The caller's own deadline is
    the `timeout` argument of each call.

    Attributes:
        connect: seconds to get a connection, TLS included.
        create: seconds from sending a create to its whole answer. Long on purpose: a
            create that is given up may have been paid for.
        query: seconds from the start of a query, connecting included, to its whole
            answer. Queries are repeated.
        download_idle: seconds without a byte before a download counts as broken.
        close: seconds that `aclose()` waits for creates under way, so that their task
            ids can still be told.
    """

    connect: float = field(default=10.0, validator=_within(0.001))
    create: float = field(default=60.0, validator=_within(0.001))
    query: float = field(default=20.0, validator=_within(0.001))
    download_idle: float = field(default=30.0, validator=_within(0.001))
    close: float = field(default=5.0, validator=_within(0.0))


@frozen(kw_only=True)
class Polling:
    """How the shared poller asks about tasks.

    LiangXin states neither an interval nor a limit. Its API family advises 2 to 3 s
    between queries, growing, and 10 to 15 minutes of patience for images.

    Attributes:
        first: seconds until the first query about a task of a model whose pace is not
            known yet.
        floor: shortest interval between two queries about one task, seconds.
        ceiling: longest interval between two queries about one task, seconds.
        growth: interval after a fruitless query, as a share of the task's age, while
            the model's pace is unknown or the task is slower than all before it.
        lag: mean time from the end of a task to the query that sees it, as a share of
            the mean generation time, that is aimed at once the pace is known. Half of
            it costs about twice the queries. It is this share of throughput, too,
            that polling takes where the service limits tasks in flight.
        max_rate: queries per second for the whole session; None for no limit but
            `workers`, and what the service shows by answering 429.
        workers: queries under way at the same time, at most.
        patience: seconds after acceptance at which the poller gives a task up with
            `TaskTimeoutError` (it can be attached again); None never gives up.
        video_patience: the same for tasks of models that are known to make videos.
            No source gives a figure for these; an hour is ours.
        grace: seconds after acceptance during which "not found" means "not yet".
            The family has been seen to need up to 90 s.
    """

    first: float = field(default=1.0, validator=_within(0.0))
    floor: float = field(default=0.1, validator=_within(0.001))
    ceiling: float = field(default=30.0, validator=_within(0.001))
    growth: float = field(default=0.3, validator=_within(0.01, 10))
    lag: float = field(default=0.09, validator=_within(0.01, 1))
    max_rate: float | None = field(default=None, validator=_within(0.01, none=True))
    workers: int = field(default=8, validator=_within(1, 256, whole=True))
    patience: float | None = field(default=900.0, validator=_within(0.0, none=True))
    video_patience: float | None = field(
        default=3600.0, validator=_within(0.0, none=True)
    )
    grace: float = field(default=90.0, validator=_within(0.0))

    def __attrs_post_init__(self) -> None:
        if self.ceiling < self.floor:
            raise ConfigurationError(
                f"Polling.ceiling: got {self.ceiling!r}; "
                f"allowed: at least Polling.floor, {self.floor!r}"
            )

    def patience_with(self, kind: str | None) -> float:
        """Seconds of patience with a task of a kind ("image", "video", or None where
        nobody knows); may be infinite."""
        patience = self.video_patience if kind == "video" else self.patience
        return math.inf if patience is None else patience


def check_duration(name: str, value: object) -> None:
    """Raise ConfigurationError unless `value` is None or a number of seconds >= 0."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise ConfigurationError(
            f"{name}: got {value!r}; allowed: None or seconds, 0 or more"
        )


def check_positive(name: str, value: object, *, whole: bool = False) -> None:
    """Raise ConfigurationError unless `value` is a number (or whole number) above 0."""
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not value > 0:
        allowed = "a whole number from 1" if whole else "a number above 0"
        raise ConfigurationError(f"{name}: got {value!r}; allowed: {allowed}")


def is_loopback(host: str | None) -> bool:
    """Whether `host` names this machine: `localhost` or a loopback address."""
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_host(host: str | None) -> bool:
    """Whether `host` can be looked up at all: no empty or endless part."""
    try:
        return bool(host and host.encode("idna"))
    except UnicodeError:
        return False


def resolve_base_url(given: str | None, variable: str, default: str | None) -> str:
    """Return the origin and path prefix of the API, without a trailing slash.

    The argument wins over the environment, which wins over the service's own.

    Args:
        given: the argument, or None.
        variable: name of the environment variable.
        default: what the service documents, or None.

    Raises:
        ConfigurationError: nothing set, not a URL, plain http to another machine, or
            with user name, query or fragment.
    """
    if given is not None and not isinstance(given, str):
        raise ConfigurationError(f"base_url: a str or None, not {type(given).__name__}")
    if given is not None and not given.strip():
        raise ConfigurationError(
            "base_url: blank; allowed: https://host[:port][/prefix], or None"
        )
    url = (given or os.environ.get(variable, "")).strip() or default
    if not url:
        raise ConfigurationError(
            f"no base URL: pass base_url=... or set {variable}. None is built "
            "in, because no public source states the service's host. "
            "`liangxin demo` needs neither key nor URL."
        )
    try:
        parts = urlsplit(url)
        _ = parts.port  # read for its error alone
    except ValueError as exc:
        raise ConfigurationError(f"base_url: not a URL ({exc})") from None
    # Not the user name, nor the query: either may be a secret.
    shown = url.partition("?")[0].partition("#")[0].rpartition("@")[2][:100]
    if parts.scheme not in ("http", "https") or not _is_host(parts.hostname):
        raise ConfigurationError(
            f"base_url: got {shown!r}; allowed: https://host[:port][/prefix]"
        )
    if any(char.isspace() or not char.isprintable() for char in url):
        raise ConfigurationError("base_url: white space or a control character in it")
    if parts.username is not None or "?" in url or "#" in url:
        raise ConfigurationError(
            f"base_url: {shown!r} was given with a user name, query or fragment; "
            "allowed: https://host[:port][/prefix]"
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigurationError(
            f"base_url: got {shown!r}; plain http would show the API key to the "
            "network. Allowed: https, or http to this machine"
        )
    return str(URL(parts.geturl())).rstrip("/")  # percent-encodes what needs it


name_publicly(Polling, Timeouts)
