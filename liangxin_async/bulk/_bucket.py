"""A bucket of an object store: the one place that calls obstore.

Every exception of obstore is mapped here to `StoreError`, and none is chained: their
texts and arguments hold whole answers of the service. Settings and credentials are
obstore's to read, from the environment (`AWS_...`); of them only the address is looked
at here, to say early and clearly what cannot work.
"""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen
from yarl import URL

from liangxin_async._addresses import mask_url
from liangxin_async._config import is_loopback
from liangxin_async._errors import ConfigurationError, StoreError
from liangxin_async.bulk._bucket_errors import meaning_of
from liangxin_async.bulk._extra import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from liangxin_async.bulk._store_name import StoreName

PART: Final = 5 * 1024 * 1024  # bytes; larger files go in parts of this size
_PARTS_AT_ONCE: Final = 3  # of one file; 8 savers then hold 120 MiB at most
_CONNECT: Final = timedelta(seconds=10)
# Retries of a request, and the time that one try may take. Delays begin at 0.1 s and
# double, up to 15 s. A slow line may need minutes for 8 files at once.
_USUAL: Final = (10, timedelta(minutes=5))
_QUICK: Final = (3, timedelta(seconds=30))  # while nothing is paid for yet
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_KEYS: Final = (  # any of them tells that somebody has set credentials up
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SKIP_SIGNATURE"),
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
_KEYS_MISSED: Final = ("denied", "connection")  # "credentials" speaks of them already
_NO_KEYS: Final = (
    "; no keys were found in the environment (AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY)"
)
_TRUE: Final = ("1", "true", "yes", "on", "y", "t")


@frozen(kw_only=True)
class Stored:
    """What a store says of an object.

    Attributes:
        size_bytes: its size; None where only its tag was told.
        tag: its ETag without quotes, or None.
    """

    size_bytes: int | None
    tag: str | None


@define(eq=False)
class Bucket:
    """The objects below one name. Belongs to no event loop.

    Args:
        name: bucket and prefix.
        patience: seconds that network trouble is waited out for each request.
    """

    name: StoreName
    _patience: float
    _obstore: Any = field(init=False, repr=False)
    _endpoint: str | None = field(init=False, repr=False)
    _store: Any = field(init=False, repr=False)
    _quick: Any = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Read the settings.

        Raises:
            ConfigurationError: obstore is missing, or a setting cannot work.
        """
        self._obstore = load("obstore")
        self._endpoint = _endpoint()
        self._store = self._opened(*_USUAL)
        self._quick = self._opened(*_QUICK)

    def _opened(self, retries: int, timeout: timedelta) -> Any:
        client: dict[str, Any] = {"connect_timeout": _CONNECT, "timeout": timeout}
        settings: dict[str, Any] = {}
        if self._endpoint is not None:
            settings["endpoint"] = self._endpoint
            if is_loopback(URL(self._endpoint).host):
                client["allow_http"] = True
        retry = {
            "max_retries": retries,
            "retry_timeout": timedelta(seconds=self._patience),
        }
        bucket, prefix = self.name.bucket, self.name.prefix or None
        try:
            return load("obstore.store").S3Store(
                bucket,
                prefix=prefix,
                client_options=client,
                retry_config=retry,
                **settings,
            )
        except ConfigurationError:
            raise
        except Exception as exc:  # noqa: BLE001 - obstore's, told without its text
            words = meaning_of(exc).words
        raise ConfigurationError(
            f"{self.name}: a setting in the environment (AWS_...) cannot be used: "
            f"{words}"
        )

    async def put(
        self,
        name: str,
        data: Path | bytes,
        *,
        kind: str,
        task_id: str | None = None,
        quick: bool = False,
    ) -> Stored:
        """Store a file, whole or not at all, in place of one that has its name.

        Cancelling is safe.

        Args:
            name: below the prefix.
            data: the file, or its bytes.
            kind: its content type.
            task_id: for errors.
            quick: whether to give up soon.

        Raises:
            StoreError: it is not there, as far as is known.
        """
        put = partial(
            self._obstore.put_async,
            self._quick if quick else self._store,
            name,
            data,
            attributes={"Content-Type": kind},
            chunk_size=PART,
            max_concurrency=_PARTS_AT_ONCE,
        )
        said = await self._asked(put, name, task_id)
        return Stored(size_bytes=None, tag=_bare(said["e_tag"]))

    async def head(
        self, name: str, *, task_id: str | None = None, quick: bool = False
    ) -> Stored | None:
        """Return what is there under a name; None for nothing, or no such bucket.

        Args:
            name: below the prefix.
            task_id: for errors.
            quick: whether to give up soon.

        Raises:
            StoreError: nobody knows.
        """
        store = self._quick if quick else self._store
        head = partial(self._obstore.head_async, store, name)
        try:
            said = await self._asked(head, name, task_id)
        except StoreError as error:
            if error.http_status == 404:
                return None
            raise
        return Stored(size_bytes=said["size"], tag=_bare(said["e_tag"]))

    async def _asked(
        self, call: Callable[[], Awaitable[Any]], name: str, task_id: str | None
    ) -> Any:
        try:
            return await call()
        except BaseException as exc:
            if not _is_obstores(exc):
                raise
            error = self._error(exc, name, task_id)
        raise error  # out here, so that nothing of obstore's is in its context

    def _error(self, exc: BaseException, name: str, task_id: str | None) -> StoreError:
        meaning = meaning_of(exc)
        url = self.name.url_of(name)
        at = "" if self._endpoint is None else f" at {mask_url(self._endpoint)}"
        keys = "" if _has_keys() or meaning.reason not in _KEYS_MISSED else _NO_KEYS
        return StoreError(
            f"{url}{at}: {meaning.words}{keys}",
            url=url,
            reason=meaning.reason,
            http_status=meaning.status,
            task_id=task_id,
        )


def _is_obstores(exc: BaseException) -> bool:
    # What breaks inside obstore comes as a class that nobody can import.
    return isinstance(exc, Exception) or type(exc).__name__ == "PanicException"


def _has_keys() -> bool:
    return any(os.environ.get(name, "").strip() for name in _KEYS)


def _bare(tag: str | None) -> str | None:
    return None if tag is None else tag.removeprefix("W/").strip('"')


def _endpoint() -> str | None:
    """Return the address that the environment gives, None for Amazon's own.

    Raises:
        ConfigurationError: it is no URL, or plain http to another machine.
    """
    named = ((name, os.environ.get(name, "")) for name in _ENDPOINTS)
    name, text = next(((name, text) for name, text in named if text), ("", ""))
    if not text:
        return None
    try:
        url = URL(text)
        host = url.host
    except ValueError:
        url, host = URL(), None
    if url.scheme not in ("http", "https") or not host or url.user is not None:
        raise ConfigurationError(
            f"{name}: it must be https://host or http://host, without a user name"
        )
    allowed = os.environ.get("AWS_ALLOW_HTTP", "").lower() in _TRUE
    if url.scheme == "http" and not (allowed or is_loopback(host)):
        raise ConfigurationError(
            f"{name}: {mask_url(text)} is plain http to another machine; "
            "AWS_ALLOW_HTTP=true allows it"
        )
    return text
