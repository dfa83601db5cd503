"""What a made-up service does to a create: values for the script of a `FakeSession`."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from attrs import Attribute, field, frozen

from liangxin_async._config import check_duration
from liangxin_async._errors import ConfigurationError, LiangxinError

# A grey pixel: a whole PNG file, as small as they come.
PICTURE: Final = base64.b64decode(
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJ"
    b"RU5ErkJggg=="
)


def _duration(instance: Any, attribute: Attribute[Any], value: object) -> None:
    name = f"{type(instance).__name__}.{attribute.name}"
    if value is None:
        raise ConfigurationError(f"{name}: got None; allowed: seconds from 0")
    check_duration(name, value)


def _count(instance: Any, attribute: Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigurationError(
            f"{type(instance).__name__}.{attribute.name}: got {value!r}; allowed: a "
            "whole number from 0"
        )


def _steps(value: Iterable[int]) -> tuple[int, ...]:
    return tuple(value)


@frozen(kw_only=True)
class Makes:
    """The task is accepted and succeeds.

    Attributes:
        after: seconds from acceptance to the end.
        progress: percentages that the first queries show, one each, before the end may
            show; for code that follows `updates()`.
        pictures: result files; 0 ends in `EmptyResultError`.
        content: what `download` saves as each file, a whole picture or video; None for
            files that have expired, so that it raises `DownloadError`.
    """

    after: float = field(default=0.0, validator=_duration)
    progress: tuple[int, ...] = field(default=(), converter=_steps)
    pictures: int = field(default=1, validator=_count)
    content: bytes | None = field(default=PICTURE, repr=False)


@frozen(kw_only=True)
class Fails:
    """The task is accepted and fails: a wait for it raises `TaskFailedError`.

    Attributes:
        code: `fail_code` of the error.
        message: `fail_message` of the error.
        after: seconds from acceptance to the end.
        progress: percentages that the first queries show, one each.
    """

    code: str = "500"
    message: str = "the made-up service failed on purpose"
    after: float = field(default=0.0, validator=_duration)
    progress: tuple[int, ...] = field(default=(), converter=_steps)


@frozen(kw_only=True)
class Hangs:
    """The task is accepted and never ends: a wait for it runs into its timeout.

    Attributes:
        progress: percentages that the first queries show, one each; the last one stays.
    """

    progress: tuple[int, ...] = field(default=(), converter=_steps)


# An error is what the create meets: a `SaturatedError` is waited out, a `ConnectError`
# is tried again, a `ConnectionLostError` leaves its outcome unknown; others are raised.
Answer: TypeAlias = Makes | Fails | Hangs | LiangxinError
