"""Whether the service can be reached at all. Pure, but for a count.

One create without a connection is that request's bad luck: each has tried several
times. Several of them in a row, with no answer of any kind between them, are an outage,
and the rest of the input would only go the same way.

    a request ended with                          in a row
    -------------------------------------------   --------
    ConnectError: it never left                   one more
    a time that ran out; a task that was lost     as it was: nothing about a connection
    anything else                                 none

And none, whatever the end, where the service has answered another request meanwhile.
"""

from __future__ import annotations

from typing import Final

from attrs import define

from liangxin_async._errors import (
    ConnectError,
    LiangxinError,
    SubmitTimeoutError,
    TaskLostError,
    TaskTimeoutError,
)

OUTAGE: Final = 8  # in a row; each made up to six attempts over some ten seconds
_SAYS_NOTHING = (SubmitTimeoutError, TaskLostError, TaskTimeoutError)


@define
class Outage:
    """Counts; see the module."""

    _in_a_row: int = 0
    _answers: int = 0

    def is_seen(self, error: LiangxinError | None, answers: int) -> bool:
        """Take in how a request ended, and return whether this is an outage.

        Args:
            error: how it ended; None for a result.
            answers: how many answers the service has given so far; never falls.
        """
        if answers != self._answers:
            self._answers, self._in_a_row = answers, 0
        if isinstance(error, ConnectError):
            self._in_a_row += 1
        elif not isinstance(error, _SAYS_NOTHING):
            self._in_a_row = 0
        return self._in_a_row >= OUTAGE


def outage_error(last: ConnectError) -> ConnectError:
    """Return what ends a run that saw an outage; `last` is the newest of its errors."""
    error = ConnectError(
        f"{OUTAGE} requests in a row found no connection, so that the run begins "
        f"nothing new; none of them was sent, and nothing was charged for them. "
        f"Last: {last}",
        permanent=last.permanent,
    )
    error.__cause__ = last
    return error
