"""Attributes that spans and metrics have in common, and the bounded memory of both.

Nothing a service says is put into an attribute except task ids, failure codes, states
and progress: messages may repeat a prompt.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias, TypeVar

Attributes: TypeAlias = dict[str, str | bool | int | float]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

OPERATION = "generate_content"
MODEL = "gen_ai.request.model"
ERROR = "error.type"
SCOPE = "liangxin_async"


def common(provider: str, more: Mapping[str, Any]) -> Attributes:
    """Return what every span and every measurement has."""
    return {
        "gen_ai.operation.name": OPERATION,
        "gen_ai.provider.name": provider,
        **more,
    }


def of_error(error: BaseException) -> Attributes:
    """Return the class of an error, and the status where the service answered."""
    status = getattr(error, "http_status", None)
    known: Attributes = {} if status is None else {"http.response.status_code": status}
    return {ERROR: type(error).__name__, **known}


class Bounded(OrderedDict[K, V]):
    """A dict that holds the newest `most` entries.

    What a session tells has an end, and takes its entry away. This is for sessions
    that are torn away with their loop.
    """

    def __init__(self, most: int, dropped: Callable[[V], object] | None = None) -> None:
        super().__init__()
        self._most = most
        self._dropped = dropped

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > self._most:
            _, oldest = self.popitem(last=False)
            if self._dropped is not None:
                self._dropped(oldest)
