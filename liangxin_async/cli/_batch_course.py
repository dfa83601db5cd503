"""How far a batch has come: counts, and what its end is called. Pure, but for a clock.

The row's state says where a request stands; `Course.take` is the one place that counts.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING

from attrs import define, field

from liangxin_async._errors import LiangxinError
from liangxin_async._records import Stats
from liangxin_async.bulk import BadLine, Item, RowState
from liangxin_async.bulk._row import OUTSTANDING
from liangxin_async.cli._errors import CommandError
from liangxin_async.cli._exit import Exit, exit_code
from liangxin_async.cli._watch import Watch

if TYPE_CHECKING:
    from liangxin_async.bulk import BulkRun, ObjectStore
    from liangxin_async.cli._batch_input import Intake

WINDOW = 60  # seconds over which the rate is counted

# The gravest first: what cannot be written down, what the user asked for, what stops
# every further run, and then what may have been paid twice.
_GRAVEST = (
    Exit.JOURNAL,
    Exit.INTERRUPTED,
    Exit.TERMINATED,
    Exit.ACCOUNT,
    Exit.UNKNOWN,
    Exit.FAILED,
    Exit.OTHER,
    Exit.TIMEOUT,
    Exit.CONNECTION,
    Exit.REFUSED,
    Exit.USAGE,
)


def ending(codes: Collection[int], *, strict: bool = False) -> Exit:
    """Return the one exit code of a batch in which all of `codes` happened.

    Args:
        codes: one or none for each thing that went wrong, in any order.
        strict: whether a bad line (`Exit.USAGE`) ends the batch: then only the journal,
            a signal, the account and doubts count for more.
    """
    order = list(_GRAVEST)
    if strict:
        order.remove(Exit.USAGE)
        order.insert(order.index(Exit.UNKNOWN) + 1, Exit.USAGE)
    return next((code for code in order if code in codes), Exit.DONE)


def code_of(item: Item) -> int | None:
    """Return the code for one request; None for one that is saved."""
    match item.row.state:
        case RowState.SAVED:
            return None
        case RowState.IN_DOUBT:
            return Exit.UNKNOWN
        case RowState.FAILED | RowState.SUCCEEDED:
            return Exit.FAILED
    return Exit.TIMEOUT if item.error is None else exit_code(item.error)


@define
class Rate:
    """How many ends there were in the last minute. Instants are seconds, rising.

    Attributes:
        began: when counting began.
    """

    began: float
    _ends: deque[tuple[int, int]] = field(factory=deque)  # second, ends in it

    def add(self, now: float) -> None:
        """Count one end."""
        second = int(now)
        count = 1
        if self._ends and self._ends[-1][0] == second:
            count += self._ends.pop()[1]
        self._ends.append((second, count))
        self._drop(now)

    def per_minute(self, now: float) -> float:
        """Return the rate; over less than a minute, while there was no more."""
        self._drop(now)
        seconds = min(WINDOW, max(1.0, now - self.began))
        return sum(count for _, count in self._ends) * 60 / seconds

    def _drop(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now - WINDOW:
            self._ends.popleft()


@define(eq=False)
class Course:
    """What one batch has done so far, and what is known of its end.

    Attributes:
        folder: the output folder; the work folder of a store.
        watch: counts of the session.
        intake: the input; None where none is read.
        limit: most creates, or None.
        before: rows by state when the batch began; empty for a new folder.
        told: items that came, by state; without bad lines.
        recognised: saved ones that earlier runs had saved.
        failed_before: failed ones that earlier runs had failed.
        collected: tasks of earlier runs that came home.
        bad_lines: lines that are no requests.
        files: files saved by this batch.
        size_bytes: their size.
        codes: exit codes of all that went wrong.
        stopped: the signal that ended it, or None.
        is_dead: whether the account takes nothing more.
        error: what ended it, or None.
        unwritten: accepted tasks that the journal does not hold.
        reasons: one reason for each state that is not an end, in words.
        run: the run; None before it begins.
        stats: gives the session's own counts.
        store: the object store that takes the files, or None.
        rate: ends in the last minute.
    """

    folder: Path
    watch: Watch
    intake: Intake | None = None
    limit: int | None = None
    before: Mapping[RowState, int] = field(factory=dict)
    told: Counter[RowState] = field(factory=Counter)
    recognised: int = 0
    failed_before: int = 0
    collected: int = 0
    bad_lines: int = 0
    files: int = 0
    size_bytes: int = 0
    codes: set[int] = field(factory=set)
    stopped: Signals | None = None
    is_dead: bool = False
    error: LiangxinError | CommandError | None = None
    unwritten: tuple[str, ...] = ()
    reasons: dict[RowState, LiangxinError] = field(factory=dict)
    run: BulkRun | None = None
    stats: Callable[[], Stats] = Stats
    store: ObjectStore | None = None
    rate: Rate = field(factory=lambda: Rate(time.monotonic()))
    _own: set[str] = field(factory=set)  # tasks of this batch that did not come home

    # ------------------------------------------------------------------------ counts

    def accepted(self, task_id: str) -> None:
        """Note a task that this batch has paid for."""
        self._own.add(task_id)

    def take(self, item: Item | BadLine) -> None:
        """Count what the run tells."""
        if isinstance(item, BadLine):
            self.bad_lines += 1
            self.codes.add(Exit.USAGE)
            return
        state, code = item.row.state, code_of(item)
        self.told[state] += 1
        if code is not None:
            self.codes.add(code)
        if item.earlier:
            self.recognised += state is RowState.SAVED
            self.failed_before += state is RowState.FAILED
            return
        self._came_home(item)
        if state in (RowState.ACCEPTED, RowState.NOT_SENT) and item.error is not None:
            self.reasons.setdefault(state, item.error)

    def _came_home(self, item: Item) -> None:
        row = item.row
        if row.state is not RowState.NOT_SENT:
            self.rate.add(time.monotonic())
        if row.task_id is not None:
            self.collected += row.task_id not in self._own
            self._own.discard(row.task_id)
            if row.state is RowState.SAVED:
                self.watch.home(row.task_id, row.model)
            else:
                self.watch.let_go(row.task_id)
        if row.state is RowState.SAVED:
            self.files += len(row.files)
            self.size_bytes += sum(file.size_bytes for file in row.files)

    def stop(self, number: Signals) -> None:
        """Note a signal; a run that goes on begins nothing new."""
        self.stopped = self.stopped or number
        self.codes.add(128 + self.stopped)
        if self.run is not None:
            self.run.finish_nowait()

    def fail(self, error: LiangxinError | CommandError) -> None:
        """Note what ended it."""
        self.error = error
        self.codes.add(exit_code(error))

    # ----------------------------------------------------------------------- figures

    @property
    def place(self) -> str:
        """Where the files go, in words."""
        return str(self.folder if self.store is None else self.store)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.rate.began

    @property
    def done(self) -> int:
        """Requests that came to an end: not those that were never sent."""
        return self.through - self.told[RowState.NOT_SENT]

    @property
    def through(self) -> int:
        """Requests that the batch is through with, sent or not."""
        return self.told.total()

    @property
    def saved(self) -> int:
        """Requests whose files this batch has saved."""
        return self.told[RowState.SAVED] - self.recognised

    @property
    def failed(self) -> int:
        """Requests that failed in this batch."""
        return self.told[RowState.FAILED] - self.failed_before

    @property
    def in_flight(self) -> int:
        """Creates under way, and accepted tasks of this batch that are not home."""
        return len(self.watch.open) + self.watch.under_way

    @property
    def collecting(self) -> int:
        """Tasks of earlier runs that are not home."""
        return max(0, outstanding(self.before) - self.collected)

    @property
    def is_ending(self) -> bool:
        """Whether nothing new is begun."""
        return self.stopped is not None or self.is_dead

    @property
    def total(self) -> int | None:
        """Requests that the batch will be through with at its end, or None."""
        if self.is_ending or self.intake is None:
            return self.through + self.in_flight + self.collecting
        total = self.intake.total
        if total is None:
            return None
        total -= self._turned_down
        if self.limit is not None:
            known = outstanding(self.before) + self.recognised + self.failed_before
            total = min(total, known + self.limit)
        return max(total, self.through + self.in_flight)

    @property
    def is_guess(self) -> bool:
        """Whether `total` may change, because the input is not read to its end."""
        return self.intake is not None and not (self.intake.is_over or self.is_ending)

    @property
    def waiting(self) -> int:
        """Requests that are not begun, as far as is known."""
        if self.is_ending or self.total is None:
            return self.stats().waiting
        return max(0, self.total - self.through - self.in_flight - self.collecting)

    @property
    def per_minute(self) -> float:
        """Requests that ended in the last minute."""
        return self.rate.per_minute(time.monotonic())

    @property
    def seconds_left(self) -> float | None:
        """About how long it will take still, or None."""
        per_minute, total = self.per_minute, self.total
        if total is None or not per_minute:
            return None
        return (total - self.through) * 60 / per_minute

    @property
    def not_begun(self) -> int:
        """Requests that were read from the input and not begun."""
        if self.intake is None:
            return 0
        return max(0, self.intake.entries - self._turned_down - self.through)

    @property
    def _turned_down(self) -> int:
        """Entries of the input that the run itself called bad lines."""
        read = 0 if self.intake is None else self.intake.bad_lines
        return max(0, self.bad_lines - read)

    @property
    def is_untouched(self) -> bool:
        """Whether it did nothing yet that a person would have to know."""
        return not (self.through or self.bad_lines or self.watch.accepted)


def outstanding(counts: Mapping[RowState, int]) -> int:
    """Return how many rows were paid for and are not saved."""
    return sum(counts.get(state, 0) for state in OUTSTANDING)
