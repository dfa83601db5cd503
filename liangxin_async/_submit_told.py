"""What is told of submits, to the observers and to the log.

A submit is named by a number that no other submit of the process has: several sessions
may have the same observer. Without an observer no event is made.
"""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from liangxin_async._errors import LiangxinError, SubmitUnknownError
from liangxin_async._events import (
    SubmitAccepted,
    SubmitCancelled,
    SubmitFailed,
    SubmitQueued,
    SubmitRefused,
    SubmitStarted,
)
from liangxin_async._telling import brief

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from liangxin_async._events import Event
    from liangxin_async._gate import Permit
    from liangxin_async._handle import TaskHandle
    from liangxin_async._telling import Teller
    from liangxin_async.models import Request

_log = logging.getLogger(__name__)

_ids = itertools.count(1)


class PaidCall(Protocol):
    """One attempt of a submit, as far as it is told."""

    submit_id: int
    request: Request
    attempt: int
    permit: Permit
    detached: bool


@frozen
class SubmitTeller:
    """Tells what becomes of the submits of one session."""

    _loop: asyncio.AbstractEventLoop
    _teller: Teller

    def queued(self, request: Request, now: float) -> int:
        """A submit begins; returns its number."""
        submit_id = next(_ids)
        if self._teller.listening:
            self._teller.tell(
                SubmitQueued(
                    at=now, submit_id=submit_id, model=request.model, request=request
                )
            )
        return submit_id

    def started(self, call: PaidCall, queued: float) -> None:
        """A create is about to be sent; it asked for its permit at `queued`."""
        if self._teller.listening:
            permit = call.permit
            self._tell(
                SubmitStarted,
                call,
                queued=self._loop.time() - queued,
                in_flight=permit.in_flight,
                limit=permit.limit,
            )

    def refused(self, call: PaidCall, error: LiangxinError, delay: float) -> None:
        """A create was sent back, and is sent again."""
        _log.debug(
            "a create of %s was sent back, attempt %d (%s)",
            call.request.model,
            call.attempt,
            brief(error),
        )
        self._tell(SubmitRefused, call, error=error, delay=delay)

    def accepted(self, call: PaidCall, handle: TaskHandle) -> None:
        """A create was accepted."""
        if call.detached:
            _log.warning(
                "a create was accepted after its caller had gone: task %r",
                handle.task_id,
            )
        else:
            _log.debug(
                "a create of %s was accepted, attempt %d: task %r",
                call.request.model,
                call.attempt,
                handle.task_id,
            )
        self._tell(SubmitAccepted, call, task_id=handle.task_id, detached=call.detached)

    def failed(self, call: PaidCall, error: LiangxinError) -> None:
        """A submit ended with an error, after its create had a permit."""
        if isinstance(error, SubmitUnknownError):
            _log.warning("%s", error)
        else:
            _log.debug("a create of %s failed: %s", call.request.model, brief(error))
        self._tell(
            SubmitFailed, call, error=error, detached=call.detached, queued=False
        )

    def recalled(self, call: PaidCall, exc: BaseException) -> None:
        """A create was recalled before its first byte: by its caller or a deadline."""
        if isinstance(exc, LiangxinError):
            self.failed(call, exc)
            return
        _log.debug("a create of %s was recalled unsent", call.request.model)
        self._tell(SubmitCancelled, call, queued=False)

    def unsent(
        self, submit_id: int, request: Request, attempt: int, exc: BaseException
    ) -> None:
        """A submit ended while it waited for a permit."""
        _log.debug("a submit of %s ended unsent: %s", request.model, brief(exc))
        if not self._teller.listening:
            return
        now, model = self._loop.time(), request.model
        if isinstance(exc, LiangxinError):
            event: Event = SubmitFailed(
                at=now,
                submit_id=submit_id,
                model=model,
                attempt=attempt,
                error=exc,
                detached=False,
                queued=True,
            )
        else:
            event = SubmitCancelled(
                at=now, submit_id=submit_id, model=model, attempt=attempt, queued=True
            )
        self._teller.tell(event)

    def _tell(
        self, kind: Callable[..., Event], call: PaidCall, **facts: object
    ) -> None:
        if self._teller.listening:
            self._teller.tell(
                kind(
                    at=self._loop.time(),
                    submit_id=call.submit_id,
                    model=call.request.model,
                    attempt=call.attempt,
                    **facts,
                )
            )
