"""The journal as its writer has it: each method is one step of a transaction.

A step reads its row, asks `_row` whether the move is legal, and writes with a single
statement; a step that is refused has written nothing, so that its transaction goes on
without it. Everything here blocks, and belongs to one thread.

Rows on their way are kept in memory as they were written, so that a step need not read
and check them: nobody else writes, and after a transaction that failed there is no
further step.

Samples are thinned, so that a run of a week stays small. The newest sample is always
kept; those before it are at least `interval` apart, which is a second at first. When a
run has `_MOST_SAMPLES`, every second one is dropped and the interval doubled: 40 kB a
run, whatever its length.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from liangxin_async._errors import JournalError
from liangxin_async.bulk._columns import COLUMNS, UnreadableError, seal, unsealed
from liangxin_async.bulk._lock import Lock
from liangxin_async.bulk._reader import Reader
from liangxin_async.bulk._row import RowState, may_become
from liangxin_async.bulk._schema import (
    SQLITE_ERRORS,
    create,
    damaged,
    failure,
    open_database,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from liangxin_async.bulk._columns import Values
    from liangxin_async.bulk._row import Sample

_ON_THEIR_WAY = frozenset(
    state.value for state in (RowState.IN_DOUBT, RowState.ACCEPTED, RowState.SUCCEEDED)
)
_MOST_HELD = 2048  # rows, of about 3 kB
_MOST_SAMPLES = 1000
_FIRST_INTERVAL = 1.0  # seconds
NO_ERROR = MappingProxyType({"error": None, "error_type": None})

_SELECT = f"SELECT {', '.join(COLUMNS)}, seal FROM rows WHERE key = ?"  # noqa: S608 - ours
_INSERT = (
    f"INSERT INTO rows ({', '.join(COLUMNS)}, seal) "  # noqa: S608 - ours
    f"VALUES ({', '.join('?' * len(COLUMNS))}, ?)"
)


class Store:
    """The open journal. It holds the lock until `close`."""

    def __init__(self, path: Path) -> None:
        """Take the lock; open the journal, or make it.

        Raises:
            JournalError: any reason but "missing", "conflict" and "closed".
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with ExitStack() as opened:
                self._open(opened)
                # In the reverse order: the reader, the file, the lock. The last one to
                # leave the file writes its log into it.
                self._close = opened.pop_all().close
        except (OSError, *SQLITE_ERRORS) as exc:
            raise self.failure(exc) from exc
        self._held: dict[str, Values] = {}  # rows on their way, by key
        self._samples: list[tuple[int, float]] = []  # of this run: id and instant
        self._interval = _FIRST_INTERVAL

    def _open(self, opened: ExitStack) -> None:
        lock = Lock(self.path.with_name(f"{self.path.name}.lock"), self.path)
        opened.callback(lock.release)
        if not self.path.exists():
            create(self.path)
        self.db = open_database(self.path)
        opened.callback(self.db.close)
        self._opened = self._identity()
        self.reader = Reader(self.path)
        opened.callback(self.reader.close)
        # The run's number; and a first write, which shows that the disk takes them.
        self._run = self.db.execute("INSERT INTO runs DEFAULT VALUES").lastrowid

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def close(self) -> None:
        """Let go of file and lock. Ends the reader too."""
        self._close()

    # --------------------------------------------------------------- transactions

    def begin(self) -> None:
        """Begin a transaction.

        Raises:
            JournalError: the file has lost its name. What it took from then on would
                be in no folder, and paid for again.
        """
        if self._identity() != self._opened:
            raise JournalError(
                f"{self.path} is gone, or another file has its name; the run stops",
                path=str(self.path),
                reason="disk",
            )
        self.db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make what was written since `begin` survive a power cut."""
        self.db.execute("COMMIT")

    def roll_back(self) -> None:
        """Drop what was written since `begin`. Raises nothing."""
        # After some errors SQLite has done so by itself, and calls this one more. The
        # error that led here is the one to tell.
        with suppress(sqlite3.Error):
            self.db.execute("ROLLBACK")

    def failure(self, exc: Exception) -> JournalError:
        """Return the error for what a step, or the commit, raised."""
        if isinstance(exc, JournalError):
            return exc
        return failure(self.path, exc, "could not be written")

    # ----------------------------------------------------------------------- rows

    def sending(self, asked: Values, at: float, again: bool) -> None:
        """Put a row down as in doubt, and count its creates up."""
        kept = self._movable(asked["key"], RowState.IN_DOUBT, again=again)
        self._demand_stem(asked)
        changes = {
            "state": RowState.IN_DOUBT.value,
            "creates": 1 + (0 if kept is None else kept["creates"]),
            "sent_at": at,
            **dict.fromkeys(("task_id", "accepted_at", "ended_at", "saved_at")),
            **NO_ERROR,
            "record": None,
            "files": "[]",
        }
        if kept is None:
            self._insert({**asked, **changes})
        else:
            given = {name: asked[name] for name in ("stem", "line", "model", "request")}
            self._update(kept, {**given, **changes})

    def accepted(self, key: str, task_id: str, at: float) -> None:
        """Write down the task of a row in doubt."""
        query = "SELECT key FROM rows WHERE task_id = ?"
        other = self.db.execute(query, (task_id,)).fetchone()
        if other is not None:
            raise self._conflict(
                f"task {task_id!r}, named for {key!r}, belongs to {other[0]!r}"
            )
        changes = {"task_id": task_id, "accepted_at": at, **NO_ERROR}
        self.move(key, RowState.IN_DOUBT, RowState.ACCEPTED, changes)

    def doubt(self, key: str, error: str, error_type: str) -> None:
        """Say why a row is in doubt."""
        kept = self._kept(key)
        if kept is None or kept["state"] != RowState.IN_DOUBT.value:
            raise self._illegal(key, kept, RowState.IN_DOUBT)
        self._update(kept, {"error": error, "error_type": error_type})
        self._held.pop(key, None)  # it may stand like this for ever

    def failed(self, asked: Values, changes: dict[str, Any]) -> None:
        """Put a row down as failed; a new one with what was asked for."""
        kept = self._movable(asked["key"], RowState.FAILED)
        changes = {"state": RowState.FAILED.value, **changes}
        if kept is None:
            self._demand_stem(asked)
            self._insert({**asked, "creates": 0, **changes})
        else:
            self._update(kept, changes)

    def move(
        self,
        key: str,
        before: RowState,
        after: RowState,
        changes: Mapping[str, Any],
    ) -> None:
        """Put the row that is in state `before` down as `after`, with these changes."""
        kept = self._movable(key, after)
        if kept is None or kept["state"] != before.value:
            raise self._illegal(key, kept, after)
        self._update(kept, {"state": after.value, **changes})

    def note(self, name: str, value: str) -> None:
        """Keep a note about the journal as a whole, in place of the one before."""
        query = "INSERT OR REPLACE INTO notes (name, value) VALUES (?, ?)"
        self.db.execute(query, (name, value))

    # -------------------------------------------------------------------- samples

    def sample(self, sample: Sample) -> None:
        """Keep a sample; see the module."""
        newest = self._samples[-2:]
        if len(newest) == 2 and abs(newest[1][1] - newest[0][1]) < self._interval:
            number, _ = self._samples.pop()
            self.db.execute("DELETE FROM samples WHERE id = ?", (number,))
        cursor = self.db.execute(
            "INSERT INTO samples (run, at, in_flight, allowed, refused, done) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(self._run, sample.at, sample.in_flight, sample.limit),
                *(sample.refused, sample.done),
            ),
        )
        assert cursor.lastrowid is not None, "an INSERT has a row"
        self._samples.append((cursor.lastrowid, sample.at))
        if len(self._samples) > _MOST_SAMPLES:
            self._thin_out()

    def _thin_out(self) -> None:
        dropped = self._samples[1:-1:2]
        self.db.executemany(
            "DELETE FROM samples WHERE id = ?", [(number,) for number, _ in dropped]
        )
        self._samples = sorted(set(self._samples) - set(dropped))
        self._interval *= 2

    # ---------------------------------------------------------------------- inside

    def _kept(self, key: str) -> Values | None:
        if (held := self._held.get(key)) is not None:
            return held
        found = self.db.execute(_SELECT, (key,)).fetchone()
        if found is None:
            return None
        try:
            return unsealed(found)
        except UnreadableError as exc:
            raise damaged(
                self.path, f"the row of {key!r} cannot be read: {exc}"
            ) from exc

    def _insert(self, values: Values) -> None:
        listed = [values[name] for name in COLUMNS]
        self.db.execute(_INSERT, (*listed, seal(values)))
        self._hold(values)

    def _update(self, kept: Values, changes: dict[str, Any]) -> None:
        # Only what changed: SQLite writes the index of each column that is named.
        changed = {name: new for name, new in changes.items() if kept[name] != new}
        values = {**kept, **changed}
        changed["seal"] = seal(values)
        marks = ", ".join(f"{name} = ?" for name in changed)
        query = f"UPDATE rows SET {marks} WHERE key = ?"  # noqa: S608 - names of ours
        self.db.execute(query, (*changed.values(), kept["key"]))
        self._hold(values)

    def _hold(self, values: Values) -> None:
        self._held.pop(values["key"], None)
        if values["state"] in _ON_THEIR_WAY:
            self._held[values["key"]] = values
            if len(self._held) > _MOST_HELD:  # the one that was longest without a step
                del self._held[next(iter(self._held))]

    def _movable(
        self, key: str, after: RowState, *, again: bool = False
    ) -> Values | None:
        """Return the row of `key`, or None for a new one, if it may become `after`."""
        kept = self._kept(key)
        before = None if kept is None else RowState(kept["state"])
        if not may_become(before, after, again=again):
            raise self._illegal(key, kept, after)
        return kept

    def _demand_stem(self, asked: Values) -> None:
        query = "SELECT key FROM rows WHERE stem = ?"
        other = self.db.execute(query, (asked["stem"],)).fetchone()
        if other is not None and other[0] != asked["key"]:
            raise self._conflict(
                f"the file name {asked['stem']!r} of {asked['key']!r} belongs to "
                f"{other[0]!r}"
            )

    def _illegal(self, key: str, kept: Values | None, after: RowState) -> JournalError:
        stands = "has no row" if kept is None else f"is {kept['state']!r}"
        return self._conflict(f"{key!r} {stands}, and cannot become {after.value!r}")

    def _conflict(self, words: str) -> JournalError:
        return JournalError(
            f"{self.path}: {words}", path=str(self.path), reason="conflict"
        )
