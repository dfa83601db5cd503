"""Reading the journal, beside whoever writes it.

The reader has a connection of its own, which sees what was committed and cannot write.
Everything here blocks, and runs in threads, one call at a time.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from liangxin_async._errors import JournalError
from liangxin_async.bulk._columns import COLUMNS, UnreadableError, row_of, unsealed
from liangxin_async.bulk._row import Row, RowState, Sample
from liangxin_async.bulk._schema import (
    SQLITE_ERRORS,
    connect,
    damaged,
    failure,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

PAGE = 500  # rows read at once; with their records about 1 MB
_VALUES = 500  # values in one statement; old builds of SQLite take 999

_ROW = ", ".join((*COLUMNS, "seal"))


class Reader:
    """A journal that is open for reading."""

    def __init__(self, path: Path) -> None:
        """Open the journal at `path`, which `inspect` has found to be one."""
        self.path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = connect(path, "ro")

    def close(self) -> None:
        """Let go, after the call that is under way. May be called twice."""
        with self._lock:
            db, self._db = self._db, None
            if db is not None:
                db.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._db is None:
                raise closed(self.path)
            try:
                yield self._db
            except SQLITE_ERRORS as exc:
                raise failure(self.path, exc, "could not be read") from exc

    def find(self, keys: Sequence[str]) -> dict[str, Row]:
        """Return the rows of those `keys` that have one."""
        rows: dict[str, Row] = {}
        for some in _chunks(keys):
            with self._reading() as db:
                found = db.execute(_among("id, " + _ROW, "key", some), some).fetchall()
            rows.update((row.key, row) for row in map(self._row, found))
        return rows

    def taken(self, stems: Sequence[str]) -> set[str]:
        """Return those of `stems` that a row has."""
        taken: set[str] = set()
        for some in _chunks(stems):
            with self._reading() as db:
                taken.update(
                    s for (s,) in db.execute(_among("stem", "stem", some), some)
                )
        return taken

    def page(
        self, after: int, states: Collection[RowState] | None
    ) -> tuple[list[Row], int | None]:
        """Return the rows after the one numbered `after`, and where the page ends.

        Args:
            after: 0 for the first page, then what the page before said.
            states: only rows in one of these; None for all.

        Returns:
            Up to `PAGE` rows; and None instead of a number where no more can follow.
        """
        # By the states not wanted: a row whose state is damaged is not passed over.
        others = [s.value for s in RowState if states is not None and s not in states]
        marks = ", ".join("?" * len(others))
        query = (
            f"SELECT id, {_ROW} FROM rows WHERE id > ? AND state NOT IN ({marks}) "  # noqa: S608 - ours
            f"ORDER BY id LIMIT {PAGE}"
        )
        with self._reading() as db:
            found = db.execute(query, (after, *others)).fetchall()
        last = found[-1][0] if len(found) == PAGE else None
        return [self._row(values) for values in found], last

    def counts(self) -> dict[RowState, int]:
        """Return how many rows are in each state that has some."""
        with self._reading() as db:
            found = db.execute("SELECT state, count(*) FROM rows GROUP BY state")
            counted = found.fetchall()
        try:
            return {RowState(state): count for state, count in counted}
        except ValueError as exc:
            raise damaged(self.path, f"a row's state: {exc}") from exc

    def samples(self) -> list[Sample]:
        """Return all samples, oldest first."""
        with self._reading() as db:
            found = db.execute(
                "SELECT at, in_flight, allowed, refused, done FROM samples ORDER BY id"
            ).fetchall()
        names = ("at", "in_flight", "limit", "refused", "done")
        return [Sample(**dict(zip(names, values, strict=True))) for values in found]

    def note(self, name: str) -> str | None:
        """Return the note of that name, or None; old journals have none."""
        with self._reading() as db:
            tables = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
            if db.execute(tables, ("notes",)).fetchone() is None:
                return None
            query = "SELECT value FROM notes WHERE name = ?"
            found = db.execute(query, (name,)).fetchone()
        return None if found is None else str(found[0])

    def _row(self, found: Sequence[Any]) -> Row:
        number, *values = found
        try:
            return row_of(unsealed(values))
        except UnreadableError as exc:
            raise damaged(self.path, f"row {number} cannot be read: {exc}") from exc


def closed(path: Path) -> JournalError:
    """Return the error for a journal that is used after its end."""
    return JournalError(f"{path} is closed", path=str(path), reason="closed")


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(values), _VALUES):
        yield values[first : first + _VALUES]


def _among(columns: str, name: str, values: Sequence[str]) -> str:
    marks = ", ".join("?" * len(values))
    return f"SELECT {columns} FROM rows WHERE {name} IN ({marks})"  # noqa: S608 - ours
