"""A file that is not a whole journal of ours is refused, and stays as it is.

Whatever is damaged, the journal is never read as if requests had not been sent.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing

import pytest

from liangxin_async import JournalError
from liangxin_async.bulk._row import RowState
from liangxin_async.bulk._schema import APPLICATION_ID, VERSION, log_of
from liangxin_async.bulk._sqlite import read_journal
from tests.bulk.journal_tools import (
    all_rows,
    bring_to_saved,
    commits_in,
    error_of,
    opened,
    request_row,
    row_in,
)

KEYS = [f"k{number:02}" for number in range(24)]
SEED = 20_260_101
FRAME = 24 + 4096  # bytes of a frame in the log: its head and a page


async def _write_some(path):
    """Rows in every state; returns the files as a crash would leave them."""
    async with opened(path) as journal:
        for number, key in enumerate(KEYS):
            if number % 3 == 0:
                await bring_to_saved(journal, key)
            else:
                await journal.sending(request_row(key), 1.0)
            if number % 3 == 1:
                row = request_row(key)
                await journal.failed(row, "no", "TaskFailedError", {"a": 1}, 2.0)
        return path.read_bytes(), log_of(path).read_bytes()


async def _read_all(path):
    async with opened(path) as journal:
        rows = await all_rows(journal)
        found = await journal.find(KEYS)
        assert sum((await journal.counts()).values()) == len(rows)
    assert found == {row.key: row for row in rows}
    return rows


def read_all(path):
    return asyncio.run(_read_all(path))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The bytes of a closed journal and its rows; and of a crashed one with its log."""
    path = tmp_path_factory.mktemp("written") / "journal.sqlite"
    crashed = asyncio.run(_write_some(path))
    return path.read_bytes(), read_all(path), crashed


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


@pytest.fixture
def whole(path, written):
    """A closed journal with rows."""
    path.write_bytes(written[0])
    return path


@pytest.fixture
def crashed(path, written):
    """A journal whose run was killed: most of it is in its log."""
    file, log = written[2]
    path.write_bytes(file)
    log_of(path).write_bytes(log)
    return path


def refusal(path):
    """Why the journal is refused; its files are as before."""
    before = {p.name: p.read_bytes() for p in _files(path)}
    error = asyncio.run(error_of(_read_all(path)))
    assert {p.name: p.read_bytes() for p in _files(path)} == before
    assert str(path) in str(error)
    assert (error.path, error.charged) == (str(path), "no")
    return error


def _files(path):
    return [p for p in (path, log_of(path)) if p.is_file() and p.stat().st_size > 0]


def sql(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


# ------------------------------------------------------------------ strangers' files


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"a shopping list\n", "no SQLite database"),
        (b"\x89PNG\r\n\x1a\n" + bytes(5000), "no SQLite database"),
        (b"SQLite format 3\x00", "no SQLite database"),
        (bytes(8192), "no SQLite database"),
    ],
)
def test_open_of_a_file_that_is_no_database(path, content, words):
    """It is foreign, an empty one too: it may be what is left of a journal."""
    path.write_bytes(content)
    error = refusal(path)
    assert error.reason == "foreign"
    assert words in str(error)


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE rows (id)",),
        ("PRAGMA application_id = 1", "CREATE TABLE t (id)"),
        ("PRAGMA journal_mode = WAL", "CREATE TABLE t (id)"),
        (f"PRAGMA user_version = {VERSION}",),
    ],
)
def test_open_of_a_strangers_database(path, statements):
    """A database of something else is foreign, and nothing is left beside it."""
    sql(path, *statements)
    before = {p.name for p in path.parent.iterdir()} | {"journal.sqlite.lock"}
    error = refusal(path)
    assert error.reason == "foreign"
    assert "something else" in str(error)
    assert {p.name for p in path.parent.iterdir()} == before


def test_open_of_a_folder_in_its_place(path):
    """A folder is no journal, and is said to be none."""
    path.mkdir()
    error = refusal(path)
    assert error.reason == "foreign"
    assert path.is_dir()


@pytest.mark.parametrize("open_it", [_read_all, read_journal])
def test_open_of_a_newer_version(whole, open_it):
    """What a later release wrote is not guessed at; the sentence says to update."""
    sql(whole, f"PRAGMA user_version = {VERSION + 1}")
    before = whole.read_bytes()
    error = asyncio.run(error_of(open_it(whole)))
    assert error.reason == "newer"
    assert "update" in str(error)
    assert whole.read_bytes() == before


# ------------------------------------------------------------------------- damage


@pytest.mark.parametrize(
    "statements",
    [
        ("PRAGMA user_version = 0",),
        ("DROP TABLE samples",),
        ("DROP TABLE rows",),
        ("ALTER TABLE rows ADD COLUMN more TEXT",),
        ("ALTER TABLE rows RENAME COLUMN stem TO name",),
    ],
)
def test_open_with_other_tables_than_were_made(whole, statements):
    """Tables that are not as they were made are damage, not an older version."""
    sql(whole, *statements)
    assert refusal(whole).reason == "damaged"


def test_open_of_a_bare_database_with_our_mark(path):
    """The mark alone makes no journal."""
    sql(path, f"PRAGMA application_id = {APPLICATION_ID}")
    assert refusal(path).reason == "damaged"


@pytest.mark.parametrize("cut", [1, 100, 4096, 2 * 4096, 5 * 4096 + 7])
def test_open_of_a_truncated_file(whole, cut):
    """A file that lost its end is damaged."""
    whole.write_bytes(whole.read_bytes()[:-cut])
    assert refusal(whole).reason == "damaged"


@pytest.mark.parametrize("page", [1, 2, 3, 4, 5])
def test_open_with_a_page_of_zeros(whole, page):
    """A page that was lost is damage, be it of a table or of an index."""
    content = bytearray(whole.read_bytes())
    content[page * 4096 : (page + 1) * 4096] = bytes(4096)
    whole.write_bytes(content)
    assert refusal(whole).reason == "damaged"


def _flips(size):
    """A bit of each byte of the head, and bits all over the file."""
    chance = random.Random(SEED)
    for place in range(100):
        yield place, chance.randrange(8)
    for _ in range(150):
        yield chance.randrange(100, size), chance.randrange(8)


def test_open_with_any_one_bit_flipped(path, written):
    """Refused, or read exactly as it was written: nothing between the two."""
    content, rows, _ = written
    refused, refusals = 0, set()
    for place, bit in _flips(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << bit
        path.write_bytes(flipped)
        log_of(path).unlink(missing_ok=True)
        try:
            found = read_all(path)
        except JournalError as exc:
            refused += 1
            refusals.add(exc.reason)
        else:
            assert found == rows, (place, bit)
    assert refused > 60  # the others hit free space, or what nobody reads
    # "disk": a bit of the head tells SQLite that it may not write this file.
    assert refusals <= {"foreign", "newer", "damaged", "disk"}


@pytest.mark.parametrize(
    "change",
    [
        "state = 'sawed'",
        "state = 'not sent'",
        "task_id = NULL",
        "task_id = 'another'",
        "request = '{'",
        "creates = 0",
        "sent_at = 'never'",
        "record = X'00FF'",
        "error = CAST(X'FF' AS TEXT)",
        "seal = seal + 1",
    ],
)
def test_rows_that_something_else_changed(whole, change):
    """Such a row is not read, not by key, not by its old state, and not sent again."""
    sql(whole, f"UPDATE rows SET {change} WHERE key = 'k00'")

    async def use():
        for read in (
            lambda j: j.find(["k00"]),
            all_rows,
            lambda j: j.sending(request_row("k00"), 9.0, again=True),
        ):
            async with opened(whole) as journal:
                await row_in(journal, "k01")  # the others can be read
                error = await error_of(read(journal))
                assert error.reason == "damaged"
        async with await read_journal(whole) as reader:
            assert (await error_of(all_rows(reader))).reason == "damaged"

    asyncio.run(use())


def test_rows_of_a_state_pass_over_no_damaged_one(whole):
    """A row whose state cannot be read might be of the state that is looked for."""
    sql(whole, "UPDATE rows SET state = 'sawed' WHERE key = 'k00'")

    async def use():
        async with opened(whole) as journal:
            looked_for = all_rows(journal, {RowState.ACCEPTED})
            assert (await error_of(looked_for)).reason == "damaged"
            assert (await error_of(journal.counts())).reason == "damaged"

    asyncio.run(use())


# -------------------------------------------------------------------- a damaged log


def test_open_after_a_crash_reads_the_log(crashed, written):
    """What was committed is all there, though the file itself is still empty."""
    assert read_all(crashed) == written[1]


def test_open_with_the_log_torn_at_its_end(crashed, written):
    """An unfinished last commit is dropped, and every commit before it is kept."""
    log = log_of(crashed)
    log.write_bytes(log.read_bytes()[:-1])
    rows = read_all(crashed)
    assert rows != written[1]
    assert len(rows) >= len(KEYS) - 1


def test_open_with_an_unfinished_commit_behind_the_log(crashed, written):
    """Frames of a commit that a power cut tore are no damage."""
    log = log_of(crashed)
    content = log.read_bytes()
    torn = bytearray(content[-FRAME:] + content[-FRAME:])
    torn[4:8] = bytes(4)  # the first of the two ends no commit
    torn[100:200] = bytes(100)
    log.write_bytes(content + torn)
    assert read_all(crashed) == written[1]


def test_open_after_a_crash_begins_a_new_log(crashed):
    """What a crash left in the log is not behind the commits of the next run."""

    async def use():
        async with opened(crashed):
            return commits_in(crashed)

    assert asyncio.run(use()) == 1  # that of the opening itself


def test_open_with_a_flipped_bit_in_the_log(crashed, written):
    """Refused, or it hit the last commit: none further up is forgotten in silence."""
    log = log_of(crashed)
    content = log.read_bytes()
    file = crashed.read_bytes()
    places = random.Random(SEED)
    refused, reasons, unchanged = 0, set(), True
    for place in [
        *range(0, 56, 5),
        *(places.randrange(len(content)) for _ in "x" * 60),
    ]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << places.randrange(8)
        crashed.write_bytes(file)
        log.write_bytes(flipped)
        try:
            rows = read_all(crashed)
        except JournalError as exc:
            reasons.add(exc.reason)
            unchanged = unchanged and log.read_bytes() == flipped
            refused += 1
        else:
            assert place > len(content) - 12 * FRAME, place
            assert rows[: len(KEYS) - 1] == written[1][: len(KEYS) - 1]
    assert refused > 50
    assert reasons == {"damaged"}
    assert unchanged


def test_create_beside_the_log_of_a_lost_journal(crashed):
    """A log whose journal is gone may hold paid requests: nothing is made beside it."""
    crashed.unlink()
    error = asyncio.run(error_of(_read_all(crashed)))
    assert error.reason == "damaged"
    assert "missing" in str(error)
    assert not crashed.exists()


def test_create_after_a_creation_that_was_cut_short(path):
    """What a crash left under the temporary name is never taken for a journal."""
    path.with_name("journal.sqlite.new").write_bytes(b"SQLite format 3\x00 and half of")
    assert read_all(path) == []
    assert not path.with_name("journal.sqlite.new").exists()
