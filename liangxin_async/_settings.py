"""What a session was told, checked once; and the parts that are made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import field, frozen

from liangxin_async._arguments import (
    check_address,
    check_callback_url,
    check_count,
    check_dialect,
    check_own_callback,
    check_request,
    check_token,
    find_key,
)
from liangxin_async._callbacks import ANY_TOKEN, CallbackPaths
from liangxin_async._config import Polling, Timeouts, is_loopback, resolve_base_url
from liangxin_async._download import Downloader
from liangxin_async._errors import ConfigurationError
from liangxin_async._runtime import Runtime, make_runtime
from liangxin_async._secret import ApiKey
from liangxin_async._telling import Teller, check_observers
from liangxin_async._transport import Transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiohttp

    from liangxin_async._events import Observer
    from liangxin_async.dialects import Dialect


@frozen(kw_only=True)
class Settings:
    """The arguments of `Session`, where each is documented."""

    key: ApiKey
    base_url: str
    dialect: Dialect
    paths: CallbackPaths | None = field(repr=False)
    max_in_flight: int | None
    polling: Polling
    timeouts: Timeouts
    observers: tuple[Observer, ...]
    http: aiohttp.ClientSession | None
    trust_env: bool
    auth_header: str
    auth_scheme: str

    def check_request(self, request: object) -> None:
        """Raise InvalidRequestError unless `request` is one that the service takes."""
        checked = check_request(request, self.dialect.name)
        rule = self.dialect.callback_field
        check_own_callback(checked, rule, is_local=is_local(self.base_url))

    def make_transport(self) -> Transport:
        """Return a transport that is not open yet."""
        return Transport(
            base=self.base_url,
            key=self.key,
            timeouts=self.timeouts,
            auth_header=self.auth_header,
            auth_scheme=self.auth_scheme,
            trust_env=self.trust_env,
            brought=self.http,
            connections=self.polling.workers + 4,  # `record` and refreshes beside them
        )

    def start_runtime(self, transport: Transport, downloader: Downloader) -> Runtime:
        """Return a started runtime in the running loop, which owns both parts.

        Raises:
            ConfigurationError: the `aiohttp.ClientSession` that was given is closed.
        """
        if self.http is not None and self.http.closed:
            raise ConfigurationError("http: the aiohttp.ClientSession given is closed")
        return make_runtime(
            dialect=self.dialect,
            transport=transport,
            downloader=downloader,
            polling=self.polling,
            timeouts=self.timeouts,
            observer=self.observers,
            max_in_flight=self.max_in_flight,
            paths=self.paths,
        )

    def make_downloader(self) -> Downloader:
        """Return a downloader that is not open yet."""
        return Downloader(
            allow_loopback=is_local(self.base_url),
            trust_env=self.trust_env,
            connect_timeout=self.timeouts.connect,
            read_timeout=self.timeouts.download_idle,
            teller=Teller(self.observers),
        )


def is_local(base_url: str) -> bool:
    """Whether the service runs on this machine, as the emulator does."""
    return is_loopback(urlsplit(base_url).hostname)


def check_settings(
    *,
    api_key: str | None,
    base_url: str | None,
    dialect: Dialect,
    callback_url: str | None,
    max_in_flight: int | None,
    polling: Polling | None,
    timeouts: Timeouts | None,
    observer: Observer | Sequence[Observer] | None,
    auth_header: str,
    auth_scheme: str,
    **others: Any,
) -> Settings:
    """Return the settings; see `Session`.

    Raises:
        ConfigurationError: something that cannot work.
    """
    try:
        check_dialect(dialect)
        key = ApiKey(find_key(api_key, dialect.key_variable))
    finally:
        del api_key  # so that no traceback through here shows it
    base = resolve_base_url(
        base_url, dialect.base_url_variable, dialect.default_base_url
    )
    check_address(base, dialect)
    return Settings(
        key=key,
        base_url=base,
        dialect=dialect,
        paths=_paths(callback_url, dialect, base, key),
        max_in_flight=check_count("max_in_flight", max_in_flight),
        polling=Polling() if polling is None else polling,
        timeouts=Timeouts() if timeouts is None else timeouts,
        observers=check_observers(observer),
        auth_header=check_token("auth_header", auth_header),
        auth_scheme=auth_scheme and check_token("auth_scheme", auth_scheme),
        **others,
    )


def _paths(
    callback_url: str | None, dialect: Dialect, base_url: str, key: ApiKey
) -> CallbackPaths | None:
    rule, local = dialect.callback_field, is_local(base_url)
    url = check_callback_url(callback_url, rule, is_local=local)
    if url is None:
        return None
    paths = CallbackPaths.below(url, key)
    # What is sent is longer than what was given.
    check_callback_url(paths.url(ANY_TOKEN), rule, is_local=local)
    return paths
