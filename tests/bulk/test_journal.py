"""The SQLite journal: what each call writes, what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from itertools import pairwise

import anyio
import pytest
from attrs import evolve

from liangxin_async import JournalError
from liangxin_async.bulk import _store
from liangxin_async.bulk._reader import PAGE
from liangxin_async.bulk._row import Row, RowState, Sample
from liangxin_async.bulk._sqlite import SqliteJournal, open_journal, read_journal
from tests.bulk.journal_tools import (
    FILE,
    FOREVER,
    all_rows,
    bring_to_saved,
    commits_in,
    error_of,
    opened,
    request_row,
    row_in,
    succeeded,
    until,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / "journal.sqlite"


# --------------------------------------------------------------------------- moves


async def test_sending_a_new_key_makes_its_row(path):
    """The row is in doubt, holds the request, and counts one create."""
    row = request_row("k")
    async with opened(path) as journal:
        await journal.sending(row, 1.5)
        kept = await row_in(journal, "k")
    assert kept == evolve(row, state=RowState.IN_DOUBT, creates=1, sent_at=1.5)


async def test_sending_takes_nothing_else_of_the_row(path):
    """How the given row stands is not believed; only what identifies the request."""
    row = request_row("k")
    stood = evolve(row, state=RowState.SAVED, task_id="t", creates=9, files=(FILE,))
    async with opened(path) as journal:
        await journal.sending(stood, 1.0)
        kept = await row_in(journal, "k")
    assert kept == evolve(row, state=RowState.IN_DOUBT, creates=1, sent_at=1.0)


async def test_a_row_goes_the_whole_way(path):
    """Accepted, succeeded and saved each add what they know."""
    async with opened(path) as journal:
        await bring_to_saved(journal, "k")
        kept = await row_in(journal, "k")
    assert kept == evolve(
        request_row("k"),
        state=RowState.SAVED,
        task_id="task-k",
        creates=1,
        files=(FILE,),
        record={"task_id": "task-k"},
        sent_at=1.0,
        accepted_at=2.0,
        ended_at=3.0,
        saved_at=4.0,
    )


async def test_sent_back_then_sending_counts_creates(path):
    """A refused create leaves the row not sent; the next one is its second."""
    async with opened(path) as journal:
        await journal.sending(request_row("k"), 1.0)
        journal.sent_back_nowait("k")
        assert (await row_in(journal, "k")).state is RowState.NOT_SENT
        await journal.sending(request_row("k"), 2.0)
        kept = await row_in(journal, "k")
    assert (kept.state, kept.creates, kept.sent_at) == (RowState.IN_DOUBT, 2, 2.0)


async def test_doubt_says_why_and_accepted_takes_it_back(path):
    """A row in doubt keeps the words; a late answer clears them."""
    async with opened(path) as journal:
        await journal.sending(request_row("k"), 1.0)
        journal.doubt_nowait("k", "no answer \ud800", "SubmitUnknownError")
        kept = await row_in(journal, "k")
        assert kept.state is RowState.IN_DOUBT
        assert (kept.error, kept.error_type) == (
            "no answer \\ud800",  # what no database stores is written as an escape
            "SubmitUnknownError",
        )
        await journal.accepted("k", "t", 2.0)
        kept = await row_in(journal, "k")
    assert (kept.error, kept.error_type, kept.task_id) == (None, None, "t")


async def test_failed_keeps_what_the_row_held(path):
    """The task id stays, and so does a record that the failure does not replace."""
    async with opened(path) as journal:
        await bring_to_saved(journal, "k")
        journal.unsaved_nowait("k")
        row = await row_in(journal, "k")
        assert (row.state, row.files, row.saved_at) == (RowState.SUCCEEDED, (), None)
        await journal.failed(row, "expired", "DownloadError", None, 9.0)
        kept = await row_in(journal, "k")
    assert kept == evolve(
        row,
        state=RowState.FAILED,
        error="expired",
        error_type="DownloadError",
        ended_at=9.0,
    )


async def test_failed_of_a_new_key_makes_its_row(path):
    """A request that could not be sent at all has a row without a create."""
    row = request_row("k")
    async with opened(path) as journal:
        await journal.failed(row, "bad", "InvalidRequestError", {"a": [1, None]}, 5.0)
        kept = await row_in(journal, "k")
    assert kept == evolve(
        row,
        state=RowState.FAILED,
        error="bad",
        error_type="InvalidRequestError",
        record={"a": [1, None]},
        ended_at=5.0,
    )


async def test_sending_again_forgets_the_earlier_create(path):
    """With leave a failed row is in doubt, without the task and the end it had."""
    async with opened(path) as journal:
        await journal.sending(request_row("k"), 1.0)
        await journal.accepted("k", "t", 2.0)
        await journal.failed(request_row("k"), "no", "TaskFailedError", {"a": 1}, 3.0)
        changed = request_row("k", stem="other", line=None)
        await journal.sending(changed, 4.0, again=True)
        kept = await row_in(journal, "k")
        assert kept == evolve(changed, state=RowState.IN_DOUBT, creates=2, sent_at=4.0)
        await journal.sending(changed, 5.0, again=True)
        assert (await row_in(journal, "k")).creates == 3


# ----------------------------------------------------------------------- conflicts


async def standing(journal, state):
    """Bring the row "k" to a state."""
    row = request_row("k")
    if state is RowState.FAILED:
        return await journal.failed(row, "no", "TaskFailedError", None, 1.0)
    await journal.sending(row, 1.0)
    if state is RowState.NOT_SENT:
        return journal.sent_back_nowait("k")
    for after, step in (
        (RowState.IN_DOUBT, lambda: journal.accepted("k", "t", 2.0)),
        (RowState.ACCEPTED, lambda: succeeded(journal, "k")),
        (RowState.SUCCEEDED, lambda: journal.saved("k", [FILE], 4.0)),
    ):
        if state is after:
            return None
        await step()
    return None


CALLS = {
    "sending": (
        lambda j: j.sending(request_row("k"), 9.0),
        {RowState.NOT_SENT},
    ),
    "sending again": (
        lambda j: j.sending(request_row("k"), 9.0, again=True),
        {RowState.NOT_SENT, RowState.IN_DOUBT, RowState.FAILED},
    ),
    "accepted": (lambda j: j.accepted("k", "new", 9.0), {RowState.IN_DOUBT}),
    "saved": (lambda j: j.saved("k", [], 9.0), {RowState.SUCCEEDED}),
    "failed": (
        lambda j: j.failed(request_row("k"), "e", "E", None, 9.0),
        set(RowState) - {RowState.SAVED},
    ),
}


@pytest.mark.parametrize("state", RowState)
@pytest.mark.parametrize("name", CALLS)
async def test_calls_in_every_state(path, name, state):
    """A legal move is made; any other is a conflict, and leaves the row as it was."""
    call, legal = CALLS[name]
    async with opened(path) as journal:
        await standing(journal, state)
        before = await row_in(journal, "k")
        assert before.state is state
        if state in legal:
            await call(journal)
            assert await row_in(journal, "k") != before
        else:
            error = await error_of(call(journal))
            assert error.reason == "conflict"
            assert "'k'" in str(error)
            assert await row_in(journal, "k") == before
            await journal.sending(request_row("other"), 1.0)  # it goes on


@pytest.mark.parametrize("name", ["accepted", "saved"])
async def test_calls_for_a_key_without_a_row(path, name):
    """Nothing but a create or a failure makes a row."""
    async with opened(path) as journal:
        error = await error_of(CALLS[name][0](journal))
        assert error.reason == "conflict"
        assert await all_rows(journal) == []


async def test_sending_with_the_stem_of_another_key(path):
    """Two requests cannot have one file name; neither at first nor later."""
    async with opened(path) as journal:
        await journal.sending(request_row("a", stem="one"), 1.0)
        second = request_row("b", stem="one")
        assert (await error_of(journal.sending(second, 2.0))).reason == "conflict"
        failed = journal.failed(second, "e", "E", None, 2.0)
        assert (await error_of(failed)).reason == "conflict"
        assert list(await journal.find(["a", "b"])) == ["a"]
        assert await journal.taken(["one", "two"]) == {"one"}
        await journal.sending(request_row("a", stem="one"), 3.0, again=True)


async def test_accepted_with_the_task_of_another_key(path):
    """One task belongs to one row; the second stays in doubt, its error has the id."""
    async with opened(path) as journal:
        await journal.sending(request_row("a"), 1.0)
        await journal.accepted("a", "t", 2.0)
        await journal.sending(request_row("b"), 3.0)
        error = await error_of(journal.accepted("b", "t", 4.0))
        assert (error.reason, error.task_id, error.charged) == ("conflict", "t", "yes")
        assert "'t'" in str(error)
        assert (await row_in(journal, "b")).state is RowState.IN_DOUBT
        assert (await row_in(journal, "a")).state is RowState.ACCEPTED


async def test_conflicts_in_a_shared_commit_harm_nobody_else(path):
    """Of calls that share a transaction, only those that conflict fail."""
    async with opened(path) as journal:
        await bring_to_saved(journal, "paid")
        keys = [f"k{number}" for number in range(10)]
        results = await asyncio.gather(
            *(journal.sending(request_row(key), 1.0) for key in (*keys, "paid")),
            return_exceptions=True,
        )
        assert results[:-1] == [None] * 10
        assert isinstance(results[-1], JournalError)
        assert set(await journal.find([*keys, "paid"])) == {*keys, "paid"}


@pytest.mark.parametrize(
    "call",
    [
        lambda j: j.sent_back_nowait("k"),
        lambda j: j.doubt_nowait("k", "e", "E"),
        lambda j: j.unsaved_nowait("k"),
        lambda j: j.succeeded_nowait("another", {}, 9.0),
    ],
)
async def test_nowait_conflict_ends_the_journal(path, call):
    """Nobody awaits it, so that the next call says it, and every later one."""
    journal = await open_journal(path)
    await journal.sending(request_row("k"), 1.0)
    await journal.accepted("k", "t", 2.0)
    call(journal)
    for _ in range(2):
        assert (await error_of(journal.counts())).reason == "conflict"
    with pytest.raises(JournalError, match="cannot become"):
        journal.sent_back_nowait("k")
    await journal.aclose()  # it was told
    async with opened(path) as journal:
        assert (await row_in(journal, "k")).state is RowState.ACCEPTED


async def test_aclose_tells_what_nobody_heard(path):
    """A conflict that no later call could report is raised by closing, once."""
    journal = await open_journal(path, delay=FOREVER)
    journal.unsaved_nowait("never heard of")
    assert (await error_of(journal.aclose())).reason == "conflict"
    await journal.aclose()


@pytest.mark.parametrize("key", ["half \ud800 pair", "\udfff"])
async def test_text_that_no_database_stores(path, key):
    """Half a surrogate pair is refused before anything is written."""
    async with opened(path) as journal:
        for call in (
            journal.sending(request_row(key), 1.0),
            journal.find([key]),
            journal.taken([key]),
            journal.accepted(key, "t", 1.0),
            journal.saved(key, [], 1.0),
        ):
            assert (await error_of(call)).reason == "conflict"
        await journal.sending(request_row("k"), 1.0)
        error = await error_of(journal.accepted("k", key, 1.0))
        assert (error.reason, error.task_id) == ("conflict", key)
        assert list(await journal.counts()) == [RowState.IN_DOUBT]


async def test_a_request_that_is_no_json_is_the_callers_mistake(path):
    """It raises where it was called, and the journal goes on."""
    row = Row(key="k", model="m", stem="s", request={"model": object()})
    async with opened(path) as journal:
        with pytest.raises(TypeError):
            await journal.sending(row, 1.0)
        assert await journal.counts() == {}


# ------------------------------------------------------------------- shared commits


async def test_writes_that_wait_together_share_commits(path):
    """A hundred calls at once take a few commits; one after the other takes its own."""
    async with opened(path) as journal:
        before = commits_in(path)
        await asyncio.gather(
            *(journal.sending(request_row(f"k{n}"), 1.0) for n in range(100))
        )
        together = commits_in(path) - before
        assert 1 <= together <= 10
        for number in range(5):
            await journal.accepted(f"k{number}", f"t{number}", 2.0)
        assert commits_in(path) - before - together == 5


async def test_nowait_goes_with_the_next_commit(path):
    """A posted write makes no commit of its own, and is there when that one is."""
    async with opened(path, delay=FOREVER) as journal:
        await journal.sending(request_row("a"), 1.0)
        before = commits_in(path)
        journal.sent_back_nowait("a")
        await journal.sending(request_row("b"), 2.0)
        assert commits_in(path) - before == 1
        assert (await row_in(journal, "a")).state is RowState.NOT_SENT


async def test_saved_waits_for_company_and_settle_for_nothing(path):
    """A file's row goes with the next commit; to settle makes one."""
    async with opened(path, delay=FOREVER) as journal:
        await journal.sending(request_row("a"), 1.0)
        await journal.accepted("a", "t", 2.0)
        before = commits_in(path)
        journal.succeeded_nowait("a", {"a": 1}, 3.0)
        saving = asyncio.ensure_future(journal.saved("a", [FILE], 4.0))
        for _ in range(3):
            await asyncio.sleep(0.001)
        assert (saving.done(), commits_in(path)) == (False, before)
        await journal.settle()
        await saving
        assert commits_in(path) == before + 1
        await journal.settle()
        assert commits_in(path) == before + 1
        row = await row_in(journal, "a")
    assert (row.state, row.record, row.files) == (RowState.SAVED, {"a": 1}, (FILE,))


async def test_rows_on_their_way_are_held_up_to_a_number(path, monkeypatch):
    """What was let go is read again, and nobody can tell the difference."""
    monkeypatch.setattr(_store, "_MOST_HELD", 2)
    keys = [f"k{number}" for number in range(5)]
    async with opened(path) as journal:
        for key in keys:
            await journal.sending(request_row(key), 1.0)
        held = journal._writer._store._held
        assert list(held) == ["k3", "k4"]
        for key in keys:
            await journal.accepted(key, f"t-{key}", 2.0)
            await succeeded(journal, key, {"a": key})
        assert list(held) == ["k3", "k4"]
        for key in keys:
            await journal.saved(key, [FILE], 4.0)
        assert not held
        rows = await all_rows(journal)
    assert [(row.key, row.task_id, row.record) for row in rows] == [
        (key, f"t-{key}", {"a": key}) for key in keys
    ]


async def test_nowait_is_seen_by_a_read_at_once(path):
    """A read does not wait for the delay: what was posted before is committed first."""
    async with opened(path, delay=FOREVER) as journal:
        await journal.sending(request_row("a"), 1.0)
        journal.doubt_nowait("a", "why", "E")
        assert (await row_in(journal, "a")).error == "why"


async def test_nowait_is_committed_though_nobody_comes(path):
    """After the delay it is written by itself: another reader comes to see it."""
    async with opened(path, delay=0.01) as journal:
        await journal.sending(request_row("a"), 1.0)
        async with await read_journal(path) as reader:
            journal.sent_back_nowait("a")
            await until(lambda: _is_not_sent(reader, "a"))


async def _is_not_sent(reader, key):
    return (await row_in(reader, key)).state is RowState.NOT_SENT


async def test_nowait_is_written_by_closing(path):
    """Closing writes what waits, however long the delay."""
    async with opened(path, delay=FOREVER) as journal:
        await journal.sending(request_row("a"), 1.0)
        journal.sent_back_nowait("a")
    async with opened(path) as journal:
        assert (await row_in(journal, "a")).state is RowState.NOT_SENT


async def test_writes_are_synced_in_full(path):
    """The settings that a power cut asks for are on, whatever the build's defaults."""
    seen = {}

    def look(store):
        for name in ("journal_mode", "synchronous", "fullfsync", "cache_spill"):
            seen[name] = store.db.execute(f"PRAGMA {name}").fetchone()[0]

    async with opened(path) as journal:
        await journal._writer.write(look)
    assert seen == {
        "journal_mode": "wal",
        "synchronous": 2,
        "fullfsync": 1,
        "cache_spill": 0,
    }


# ------------------------------------------------------------------------- reading


async def test_rows_come_page_by_page_in_the_order_of_writing(path):
    """More rows than two pages hold come once each, in order; states select."""
    keys = [f"{number:04}" for number in range(2 * PAGE + 3)][::-1]
    async with opened(path) as journal:
        await asyncio.gather(*(journal.sending(request_row(k), 1.0) for k in keys))
        for key in keys[::250]:
            await journal.accepted(key, f"t{key}", 2.0)
        assert [row.key for row in await all_rows(journal)] == keys
        some = await all_rows(journal, {RowState.ACCEPTED})
        assert [row.key for row in some] == keys[::250]
        assert await all_rows(journal, {RowState.SAVED}) == []
        assert await all_rows(journal, set()) == []
        assert await journal.counts() == {
            RowState.ACCEPTED: len(keys[::250]),
            RowState.IN_DOUBT: len(keys) - len(keys[::250]),
        }
        found = await journal.find([*keys, "none", keys[0]])
        assert {key: row.key for key, row in found.items()} == {k: k for k in keys}
        stems = [f"stem-{key}" for key in keys]
        assert await journal.taken([*stems, "none"]) == set(stems)


async def test_rows_of_exactly_one_page(path):
    """A page that is just full is followed by an empty one, not by nothing or itself."""
    async with opened(path) as journal:
        await asyncio.gather(
            *(journal.sending(request_row(str(n)), 1.0) for n in range(PAGE))
        )
        assert len(await all_rows(journal)) == PAGE


async def test_rows_may_change_while_they_are_read(path):
    """Each row is as it stands when its page is read, and writing goes on."""
    async with opened(path) as journal:
        await asyncio.gather(
            *(journal.sending(request_row(f"{n:04}"), 1.0) for n in range(PAGE + 1))
        )
        states = []
        async for row in journal.rows():
            if not states:
                await journal.accepted("0000", "first", 2.0)
                await journal.accepted(f"{PAGE:04}", "last", 2.0)
            states.append(row.state)
        assert states[0] is RowState.IN_DOUBT
        assert states[-1] is RowState.ACCEPTED


async def test_find_nothing(path):
    """No keys, and keys without rows, give no rows."""
    async with opened(path) as journal:
        assert await journal.find([]) == {}
        assert await journal.find(["a", "b"]) == {}
        assert await journal.taken([]) == set()


@pytest.mark.parametrize(
    "key",
    ["", "nul \0 inside", "quote ' \" ; --", "𝔘𝔫𝔦\u0301", "x" * 100_000, "\ufeff\n\t"],
)
async def test_keys_of_any_text_come_back_as_they_were(path, key):
    """A key, a stem and a task id are opaque."""
    async with opened(path) as journal:
        await journal.sending(request_row(key, stem=key), 1.0)
        await journal.accepted(key, key, 2.0)
    async with opened(path) as journal:
        row = await row_in(journal, key)
        assert (row.key, row.stem, row.task_id) == (key, key, key)


async def test_read_journal_beside_a_run_sees_what_was_committed(path):
    """It takes no lock, follows the run, cannot write, and outlives it."""
    async with opened(path) as journal, await read_journal(path) as reader:
        await bring_to_saved(journal, "a")
        assert await reader.counts() == {RowState.SAVED: 1}
        assert not hasattr(reader, "sending")
        await journal.aclose()
        assert [row.key for row in await all_rows(reader)] == ["a"]
    async with await read_journal(path) as reader:
        assert [row.key for row in await all_rows(reader)] == ["a"]
    assert (await error_of(reader.counts())).reason == "closed"


async def test_read_journal_of_a_missing_file(path):
    """Nothing is made where nothing was."""
    error = await error_of(read_journal(path))
    assert (error.reason, error.path) == ("missing", str(path))
    assert not path.parent.exists()


# ------------------------------------------------------------------------- samples


def sample_at(at, done=0):
    return Sample(at=at, in_flight=3, limit=8, refused=2, done=done)


async def test_samples_come_back_in_order(path):
    """Those of several runs follow each other."""
    for run in range(2):
        async with opened(path) as journal:
            for number in range(3):
                journal.sample_nowait(sample_at(run * 100.0 + number, number))
            wanted = [
                sample_at(r * 100.0 + n, n) for r in range(run + 1) for n in range(3)
            ]
            assert await journal.samples() == wanted


async def test_samples_closer_than_the_interval_replace_the_newest(path):
    """The newest is always kept; those before it are a second apart."""
    async with opened(path) as journal:
        for tick in range(41):
            journal.sample_nowait(sample_at(tick / 10, tick))
        kept = await journal.samples()
    assert kept[-1] == sample_at(4.0, 40)
    assert [sample.at for sample in kept] == [0.0, 1.0, 2.0, 3.0, 4.0]


async def test_samples_of_a_long_run_stay_few(path):
    """A day of samples leaves at most a thousand, from its first to its last."""
    async with opened(path) as journal:
        for second in range(0, 86_400, 5):
            journal.sample_nowait(sample_at(float(second)))
        kept = [sample.at for sample in await journal.samples()]
    assert 400 < len(kept) <= 1000
    assert (kept[0], kept[-1]) == (0.0, 86_395.0)
    assert kept == sorted(kept)
    gaps = [after - before for before, after in pairwise(kept)]
    assert max(gaps) < 8 * min(gaps[:-1])


async def test_samples_with_a_clock_that_goes_back(path):
    """They stay in the order in which they were taken."""
    async with opened(path) as journal:
        for at in (1000.0, 1001.0, 10.0, 11.0, 12.0):
            journal.sample_nowait(sample_at(at))
        assert [sample.at for sample in await journal.samples()] == [
            *(1000.0, 1001.0, 10.0, 11.0, 12.0),
        ]


# ------------------------------------------------------------- cancelling and closing


async def test_a_cancelled_waiter_does_not_undo_the_write(path):
    """The write goes on without whoever gave up waiting, and harms nobody."""
    async with opened(path) as journal:
        tasks = [
            asyncio.create_task(journal.sending(request_row(f"k{n}"), 1.0))
            for n in range(20)
        ]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(r, asyncio.CancelledError) for r in results[::2])
        assert results[1::2] == [None] * 10
        assert len(await all_rows(journal)) == 20


def _forget(some):
    some.clear()
    gc.collect()


async def test_use_from_a_cancelled_scope(path):
    """What was handed over before the cancellation was seen is written."""
    async with opened(path) as journal:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await journal.sending(request_row("k"), 1.0)
        assert scope.cancelled_caught
        assert (await row_in(journal, "k")).state is RowState.IN_DOUBT


async def test_open_cancelled_leaves_nothing_locked(path):
    """Whoever gave up opening does not keep the next one out."""
    for ticks in range(4):
        task = asyncio.create_task(open_journal(path))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: _opens(path))


async def _opens(path):
    """Whether the journal can be opened; False while it is locked."""
    try:
        async with opened(path):
            return True
    except JournalError as exc:
        if exc.reason != "locked":
            raise
        return False


async def test_aclose_twice_and_at_once(path):
    """Each call returns when the journal is closed; the lock is free then."""
    journal = await open_journal(path)
    await asyncio.gather(*(journal.aclose() for _ in range(5)))
    await journal.aclose()
    async with opened(path):
        pass


async def test_aclose_cancelled_goes_on(path):
    """Giving up on closing does not leave it half done."""
    journal = await open_journal(path)
    writes = [
        asyncio.create_task(journal.sending(request_row(f"k{n}"), 1.0))
        for n in range(10)
    ]
    await asyncio.sleep(0)
    closing = asyncio.create_task(journal.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await journal.aclose()
    await asyncio.gather(*writes)
    async with opened(path) as journal:
        assert len(await all_rows(journal)) == 10


@pytest.mark.parametrize(
    "call",
    [
        lambda j: j.sending(request_row("k"), 1.0),
        lambda j: j.settle(),
        lambda j: j.failed(request_row("k"), "e", "E", None, 1.0),
        lambda j: j.saved("k", [], 1.0),
        lambda j: j.find(["k"]),
        lambda j: j.taken(["k"]),
        lambda j: j.counts(),
        lambda j: j.samples(),
        lambda j: all_rows(j),
    ],
)
async def test_calls_after_closing(path, call):
    """They say that the journal is closed."""
    async with opened(path) as journal:
        await journal.sending(request_row("k"), 1.0)
    assert (await error_of(call(journal))).reason == "closed"


async def test_nowait_calls_after_closing(path):
    """They raise too, since nothing would write what they say."""
    async with opened(path) as journal:
        pass
    for call in (
        lambda: journal.sent_back_nowait("k"),
        lambda: journal.doubt_nowait("k", "e", "E"),
        lambda: journal.unsaved_nowait("k"),
        lambda: journal.succeeded_nowait("k", {}, 1.0),
        lambda: journal.sample_nowait(sample_at(1.0)),
    ):
        with pytest.raises(JournalError, match="closed"):
            call()


async def test_accepted_after_closing_names_the_task(path):
    """A task id that cannot be written down is in the error."""
    async with opened(path) as journal:
        await journal.sending(request_row("k"), 1.0)
    error = await error_of(journal.accepted("k", "precious", 1.0))
    assert (error.reason, error.task_id, error.charged) == ("closed", "precious", "yes")
    assert "precious" in str(error)


async def test_a_journal_that_nobody_closed_warns_and_is_written(path):
    """One ResourceWarning; its thread ends, and what was posted is there."""
    journal = await open_journal(path, delay=FOREVER)
    await journal.sending(request_row("k"), 1.0)
    journal.sent_back_nowait("k")
    unclosed, journal = [journal], None
    with pytest.warns(ResourceWarning, match="was not closed"):
        _forget(unclosed)
    await until(lambda: _opens(path))
    async with opened(path) as journal:
        assert (await row_in(journal, "k")).state is RowState.NOT_SENT


def test_a_journal_of_a_loop_that_is_gone_can_be_closed_in_another(path):
    """Neither its thread nor its lock belong to an event loop."""
    journal = asyncio.run(open_journal(path))
    asyncio.run(journal.sending(request_row("k"), 1.0))

    async def close():
        assert len(await all_rows(journal)) == 1
        await journal.aclose()

    asyncio.run(close())


async def test_threads_end_with_the_journal(path):
    """Closing leaves no thread of ours behind."""
    before = set(threading.enumerate())
    async with opened(path):
        ours = {t for t in set(threading.enumerate()) - before if "journal" in t.name}
        assert len(ours) == 1
    for thread in ours:
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
async def test_use_after_a_fork_is_refused(path):
    """The child has no writer; it is told so instead of waiting for ever."""
    async with opened(path) as journal:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                journal.sent_back_nowait("k")
            except JournalError as exc:
                os.write(writing, exc.reason.encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as answer:
            assert answer.read() == b"closed"
        os.waitpid(child, 0)  # noqa: ASYNC222 - it has closed its end, and exits


def test_sqlite_journal_has_every_method_of_the_protocol():
    """The two do not drift apart: names and parameters agree."""
    import inspect as look

    from liangxin_async.bulk._journal import Journal

    names = [name for name in vars(Journal) if not name.startswith("_")]
    assert len(names) >= 14
    for name in names:
        wanted = look.signature(getattr(Journal, name)).parameters
        assert look.signature(getattr(SqliteJournal, name)).parameters == wanted, name
