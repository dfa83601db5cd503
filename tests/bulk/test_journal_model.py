"""The journal against a dict: any order of calls, closings and openings in between."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from attrs import evolve
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from liangxin_async.bulk._row import File, Row, RowState
from liangxin_async.bulk._sqlite import open_journal
from tests.bulk.journal_tools import FOREVER, all_rows, error_of

# Few keys, stems and task ids, so that they collide; and texts of every kind.
KEYS = st.sampled_from(["a", "b", "c", "ключ \0 '\"", ""])
STEMS = st.sampled_from(["one", "two", "three", "四"])
TASKS = st.sampled_from(["t1", "t2", "t3", "../t4", "5"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.floats(0, 4e9, allow_nan=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TIMES | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=3)
FILES = st.lists(
    st.builds(File, name=TEXTS, size_bytes=st.integers(0, 2**40), sha256=TEXTS),
    max_size=3,
).map(tuple)


class Model(RuleBasedStateMachine):
    """Every call is made on both; they agree on who is refused and on every row."""

    @initialize()
    def begin(self):
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.rows = {}
        self.open()

    def open(self):
        path = self.folder / "journal.sqlite"
        self.journal = self.run(open_journal(path, delay=FOREVER))

    def run(self, awaitable):
        return self.loop.run_until_complete(awaitable)

    def agree(self, awaitable, key, allowed, **changes):
        """Make an awaited call, which changes the row of `key` if it is allowed."""
        if allowed:
            self.run(awaitable)
            self.rows[key] = evolve(self.rows[key], **changes)
        else:
            assert self.run(error_of(awaitable)).reason == "conflict"

    def stands(self, key, *states):
        return key in self.rows and self.rows[key].state in states

    def free(self, row):
        return all(
            other.stem != row.stem for key, other in self.rows.items() if key != row.key
        )

    @rule(
        key=KEYS,
        stem=STEMS,
        request=OBJECTS,
        line=st.none() | st.integers(1, 9),
        at=TIMES,
        again=st.booleans(),
    )
    def sending(self, key, stem, request, line, at, again):
        row = Row(key=key, stem=stem, model="m", request=request, line=line)
        old = self.rows.get(key)
        allowed = self.free(row) and (
            old is None
            or old.state is RowState.NOT_SENT
            or (again and old.state in (RowState.IN_DOUBT, RowState.FAILED))
        )
        if allowed:
            creates = 1 + (old.creates if old else 0)
            self.rows[key] = old or row
            wanted = evolve(row, state=RowState.IN_DOUBT, creates=creates, sent_at=at)
            self.run(self.journal.sending(row, at, again=again))
            self.rows[key] = wanted
        else:
            self.agree(self.journal.sending(row, at, again=again), key, allowed=False)

    @rule(key=KEYS, task=TASKS, at=TIMES)
    def accepted(self, key, task, at):
        free = all(row.task_id != task for row in self.rows.values())
        self.agree(
            self.journal.accepted(key, task, at),
            key,
            free and self.stands(key, RowState.IN_DOUBT),
            state=RowState.ACCEPTED,
            task_id=task,
            accepted_at=at,
            error=None,
            error_type=None,
        )

    @rule(key=KEYS, record=OBJECTS, at=TIMES)
    def succeeded(self, key, record, at):
        if self.stands(key, RowState.ACCEPTED):  # else it would be the journal's end
            self.journal.succeeded_nowait(key, record, at)
            self.rows[key] = evolve(
                self.rows[key],
                state=RowState.SUCCEEDED,
                record=record,
                ended_at=at,
                error=None,
                error_type=None,
            )

    @rule(key=KEYS, stem=STEMS, error=TEXTS, record=st.none() | OBJECTS, at=TIMES)
    def failed(self, key, stem, error, record, at):
        row = Row(key=key, stem=stem, model="m", request={})
        new = key not in self.rows
        allowed = self.free(row) if new else not self.stands(key, RowState.SAVED)
        if new and allowed:
            self.rows[key] = row
        kept = {} if record is None else {"record": record}
        self.agree(
            self.journal.failed(row, error, "E", record, at),
            key,
            allowed,
            state=RowState.FAILED,
            error=error,
            error_type="E",
            ended_at=at,
            **kept,
        )

    @rule(key=KEYS, files=FILES, at=TIMES)
    def saved(self, key, files, at):
        self.agree(
            self.now(self.journal.saved(key, files, at)),
            key,
            self.stands(key, RowState.SUCCEEDED),
            state=RowState.SAVED,
            files=files,
            saved_at=at,
        )

    async def now(self, write):
        """A write that is in no hurry, and company for it."""
        writing = asyncio.ensure_future(write)
        await asyncio.sleep(0)
        await self.journal.settle()
        await writing

    @rule(key=KEYS, error=TEXTS)
    def doubt(self, key, error):
        if self.stands(key, RowState.IN_DOUBT):
            self.journal.doubt_nowait(key, error, "E")
            self.rows[key] = evolve(self.rows[key], error=error, error_type="E")

    @rule(key=KEYS)
    def sent_back(self, key):
        if self.stands(key, RowState.IN_DOUBT):
            self.journal.sent_back_nowait(key)
            self.rows[key] = evolve(
                self.rows[key], state=RowState.NOT_SENT, error=None, error_type=None
            )

    @rule(key=KEYS)
    def unsaved(self, key):
        if self.stands(key, RowState.SAVED):
            self.journal.unsaved_nowait(key)
            self.rows[key] = evolve(
                self.rows[key], state=RowState.SUCCEEDED, files=(), saved_at=None
            )

    @precondition(lambda self: self.rows)
    @rule(key=KEYS)
    def broken(self, key):
        """A posted call that cannot be is the end of this opening, and of no row."""
        if not self.stands(key, RowState.SAVED):
            self.journal.unsaved_nowait(key)
            assert self.run(error_of(self.journal.aclose())).reason == "conflict"
            self.open()

    @rule()
    def reopen(self):
        self.run(self.journal.aclose())
        self.open()

    @invariant()
    def same_rows(self):
        if not hasattr(self, "journal"):
            return
        rows = list(self.rows.values())
        assert self.run(all_rows(self.journal)) == rows
        some = {RowState.IN_DOUBT, RowState.SAVED}
        in_some = [row for row in rows if row.state in some]
        assert self.run(all_rows(self.journal, some)) == in_some
        assert self.run(self.journal.find(["a", "c", "none"])) == {
            key: self.rows[key] for key in ("a", "c") if key in self.rows
        }
        counts = self.run(self.journal.counts())
        assert sum(counts.values()) == len(rows)
        assert counts == {s: sum(r.state is s for r in rows) for s in counts}

    def teardown(self):
        if hasattr(self, "journal"):
            self.run(self.journal.aclose())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.folder)


Model.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestJournalModel = Model.TestCase
TestJournalModel.__doc__ = "Any course of calls leaves the rows that a dict would have."
