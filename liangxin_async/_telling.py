"""Handing events to the user's observer, which can neither stop nor break a run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from liangxin_async._events import Event, Observer

_log = logging.getLogger("liangxin_async")


@define
class Teller:
    """Tells one observer, or nobody."""

    _observer: Observer | None

    @property
    def listening(self) -> bool:
        """Whether anybody listens: events on hot paths are made only then."""
        return self._observer is not None

    def tell(self, event: Event) -> None:
        """Hand over `event`. Never raises."""
        if self._observer is None:
            return
        try:
            self._observer(event)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - even a CancelledError is the user's here
            _log.exception("the observer raised on %s", type(event).__name__)
