"""Handing events to the user's observers, which can neither stop nor break a run.

Also the words in which the log speaks of an error.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attrs import define, field

from liangxin_async._errors import ConfigurationError, shorten

if TYPE_CHECKING:
    from liangxin_async._events import Event, Observer

_log = logging.getLogger(__name__)


def check_observers(given: object) -> tuple[Observer, ...]:
    """Return the observers that a user named: none, one, or several in order."""
    if given is None:
        return ()
    if callable(given):
        return (given,)
    several = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for one in several:
        if not callable(one):
            raise ConfigurationError(
                f"observer: got {type(one).__name__}; allowed: something to call with "
                "each event, a list of such, or None"
            )
    return several


@define
class Teller:
    """Tells any number of observers."""

    _observers: tuple[Observer, ...] = field(default=(), converter=check_observers)

    @property
    def listening(self) -> bool:
        """Whether anybody listens: events are made only then."""
        return bool(self._observers)

    def tell(self, event: Event) -> None:
        """Hand over `event` to each. Raises what ends a program, and nothing else."""
        for observer in self._observers:
            try:
                observer(event)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:  # noqa: BLE001 - even a CancelledError is theirs here
                _log.exception("the observer raised on %s", type(event).__name__)


def brief(error: BaseException) -> str:
    """Return an error for the log: its class, status and code, and no foreign words.

    A service may repeat a prompt in its message.
    """
    facts = [type(error).__name__]
    status, code = getattr(error, "http_status", None), getattr(error, "code", None)
    facts += [f"HTTP {status}"] if status is not None else []
    facts += [f"code {shorten(str(code), 40)}"] if code is not None else []
    return ", ".join(facts)
