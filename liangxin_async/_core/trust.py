"""What callbacks are worth: whether to wait for them, and what one may cause.

Pure: ages are seconds since a task was accepted.

A callback is a hint. Of a task it says "look now", at most `LOOKS` times, whatever is
sent and by whom. `Watch` keeps what the callbacks of one task have said:

    said          entered by                      meaning
    -----------   -----------------------------   --------------------------------------
    nothing       the task                        its callback may be waited for
    is over       the first hint, or one after    a look is due at once
                  a denial
    was denied    a look that found it running    a forgery; polled as if without one

`Trust` learns from tasks that ended whether the callback comes before a query of ours
would see the end. While it does, the usual queries are put off (`patience_left`).
When it stops, a few misses in a row end the trust, and the usual schedule holds again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from liangxin_async._config import Polling
    from liangxin_async._core.pace import Pace

LOOKS = 3  # queries that the callbacks of one task may cause; a genuine one takes one
_WEIGHT = 0.25  # of the last ended task in `Trust.share`
_ENOUGH = 0.57  # share of hits at which trust begins: 3 in a row from nothing
_TOO_LITTLE = 0.5  # share at which it ends: 3 misses in a row from certainty
_LATE = (0.98, 0.9)  # of tasks ended: the first share whose age is known counts
_UNKNOWN = 5.0  # times `Polling.first`, to the first query of a model without a pace


@define
class Watch:
    """What the callbacks of one task have said. See the module.

    Attributes:
        is_expected: whether the task has a callback of its own to come.
        hinted_at: age at which a callback said that the task is over and no look has
            contradicted since; None otherwise.
        looks: looks that its callbacks have caused.
    """

    is_expected: bool
    hinted_at: float | None = None
    looks: int = 0

    @property
    def is_awaited(self) -> bool:
        """Whether the task's callback is still to come."""
        return self.is_expected and not self.looks

    def hint(self, age: float) -> bool:
        """A callback says that the task is over; return whether to look at it."""
        if self.hinted_at is not None or self.looks >= LOOKS:
            return False
        self.looks += 1
        self.hinted_at = age
        return True

    def deny(self) -> None:
        """A look that began after the hint found the task running."""
        self.hinted_at = None


@define
class Trust:
    """Whether callbacks come, and what came of them so far.

    Attributes:
        hits: ended tasks whose callback came before a query saw the end.
        misses: ended tasks whose callback was to come, and a query saw the end first.
        forgeries: callbacks that a query contradicted, or that could not be genuine.
        share: recent share of hits, from 0 to 1.
        holds: whether callbacks are worth waiting for.
    """

    hits: int = 0
    misses: int = 0
    forgeries: int = 0
    share: float = 0.0
    holds: bool = False

    def learn(self, watch: Watch) -> bool:
        """Take in a task that ended; return whether that has ended the trust."""
        hit = watch.hinted_at is not None
        if hit:
            self.hits += 1
        elif watch.is_expected:
            self.misses += 1
        if not watch.is_expected:
            return False
        self.share += _WEIGHT * (hit - self.share)
        had = self.holds
        self.holds = self.share >= (_TOO_LITTLE if had else _ENOUGH)
        return had and not self.holds


def patience_left(
    age: float, asked_at: float, pace: Pace | None, polling: Polling
) -> float:
    """Seconds for which an awaited callback puts off a query; 0 when it is time.

    A task is asked about all the same when nearly all of its model would have ended,
    and then at doubling ages; where the pace is unknown, at these from the start. Two
    queries are never further apart than `Polling.ceiling`, so that a lost callback
    costs no more than that.

    Args:
        age: seconds since the task was accepted.
        asked_at: age at the last query that was answered, 0 without one.
        pace: what is known about its model, or None.
        polling: the user's settings.
    """
    late = None if pace is None else _age_by(pace)
    if late is None:
        due = max(_UNKNOWN * polling.first, 2 * asked_at)
    else:
        due = late if asked_at < late else 2 * asked_at
    return max(0.0, min(due, asked_at + polling.ceiling) - age)


def _age_by(pace: Pace) -> float | None:
    """The age by which nearly all of a model's tasks have ended, where it is known."""
    ages = (pace.age_by(share) for share in _LATE)
    return next((age for age in ages if age is not None), None)
