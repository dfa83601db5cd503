"""The journal's file: what makes it ours, how it is made, and when it is refused.

A file is ours by SQLite's application id; its version is SQLite's user version. A new
one is built under another name, synced and renamed, so that an empty or half file is
never ours. A file that is not ours, or not whole, is refused and stays as it is: to
take it for an empty journal would be to pay for everything again.

`VERSION` 1 is the first. A later version puts its migration into `open_database`,
between `inspect` and the use, in one transaction: there the lock is held, and the old
file is known to be whole. A table that may be missing needs no new version: releases
from before it pass over it, and those after it make it where it is missing.

What `inspect` finds: any damage to the structure, an index that does not fit its table,
a log that lost commits. What it leaves to the reading of each row: its checksum.

A row of a request with a prompt of 200 characters and a record of 700 takes 1.5 kB with
its indexes. `inspect` takes about 4 s for a million of them.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING

from liangxin_async._errors import JournalError, shorten
from liangxin_async._partfile import sync_folder
from liangxin_async.bulk._wal import count_commits

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION_ID = 0x6C786A31  # "lxj1"
VERSION = 1
# The second is for messages of SQLite's that quote damaged bytes.
SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
BUSY = 5.0  # seconds to wait for a stranger who reads or writes the file

# Names are those of `Row` and `Sample`, but for "allowed": LIMIT is a word of SQL.
# `id` gives the order in which rows were first written; none is ever deleted.
_TABLES = (
    """CREATE TABLE rows (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    stem TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    task_id TEXT UNIQUE,
    creates INTEGER NOT NULL,
    line INTEGER,
    model TEXT NOT NULL,
    sent_at REAL,
    accepted_at REAL,
    ended_at REAL,
    saved_at REAL,
    error TEXT,
    error_type TEXT,
    files TEXT NOT NULL,
    request TEXT NOT NULL,
    record TEXT,
    seal INTEGER NOT NULL
)""",
    "CREATE TABLE runs (id INTEGER PRIMARY KEY)",
    """CREATE TABLE samples (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    at REAL NOT NULL,
    in_flight INTEGER NOT NULL,
    allowed INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    done INTEGER NOT NULL
)""",
)
# In no journal of 0.x before it, and in every one that was opened for a run since.
_MORE_TABLES = (
    "CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)


def log_of(path: Path) -> Path:
    """Return the write-ahead log that belongs to the journal at `path`."""
    return path.with_name(f"{path.name}-wal")


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open an existing database; `mode` is "ro", "rw", or "ro&immutable=1".

    The connection may pass from thread to thread, used by one at a time.
    """
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY,
        isolation_level=None,
        check_same_thread=False,
    )


# ------------------------------------------------------------------------- making


def create(path: Path) -> None:
    """Make an empty journal at `path`, whole or not at all. The lock must be held.

    Raises:
        JournalError: the disk refused ("disk"), or there is the log of a journal that
            is gone ("damaged").
    """
    log = log_of(path)
    temporary = path.with_name(f"{path.name}.new")
    try:
        if _has_bytes(log):
            raise damaged(path, f"it is missing, and its log {log.name} is there")
        temporary.unlink(missing_ok=True)
        with closing(sqlite3.connect(temporary, isolation_level=None)) as db:
            _build(db)
        descriptor = os.open(temporary, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
        sync_folder(path.parent)
    except (OSError, sqlite3.Error) as exc:
        raise failure(path, exc, "could not be made") from exc


def _build(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {VERSION}")
    for table in (*_TABLES, *_MORE_TABLES):
        db.execute(table)
    # From the start: an interrupted change of the mode would leave a file that
    # `inspect`, which only reads, could not repair.
    db.execute("PRAGMA journal_mode = WAL")


def _has_bytes(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


# ------------------------------------------------------------------------ opening


def open_database(path: Path) -> sqlite3.Connection:
    """Open the journal for writing, after a thorough look. The lock must be held.

    Raises:
        JournalError: "foreign", "newer", "damaged", "disk"; or "network", where the
            file system cannot do what the log needs.
    """
    inspect(path, thoroughly=True)
    db = connect(path, "rw")
    try:
        _set_up(db, path)
    except SQLITE_ERRORS as exc:
        db.close()
        raise failure(path, exc, "could not be opened") from exc
    except BaseException:
        db.close()
        raise
    return db


def _set_up(db: sqlite3.Connection, path: Path) -> None:
    # The defaults differ between builds of SQLite. Where fullfsync means nothing, it
    # does nothing; on macOS a plain sync stops at the drive's cache.
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalError(
            f"{path} lies on a file system that cannot share memory between "
            "processes; put the output on a local disk",
            path=str(path),
            reason="network",
        )
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA fullfsync = ON")
    db.execute("PRAGMA checkpoint_fullfsync = ON")
    # A transaction that was rolled back must leave nothing in the log (see _wal).
    db.execute("PRAGMA cache_spill = OFF")
    # And so must a crash: what its torn end left would be taken for damage later on.
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    for table in _MORE_TABLES:
        db.execute(table)


def inspect(path: Path, *, thoroughly: bool) -> None:
    """Look at an existing file without changing it.

    Args:
        path: the file.
        thoroughly: also read all of the file and its log. Only under the lock: the log
            must not be written meanwhile.

    Raises:
        JournalError: "missing", "foreign", "newer", "damaged" or "disk".
    """
    try:
        _demand_file(path)
        _demand_ours(path)
        if thoroughly:
            _demand_log(path)
        with closing(connect(path, "ro")) as db:
            _demand_mark(path, db)
            _demand_version(path, db)
            if thoroughly:
                _demand_whole(path, db)
    except FileNotFoundError as exc:
        raise JournalError(
            f"there is no journal at {path}", path=str(path), reason="missing"
        ) from exc
    except (OSError, *SQLITE_ERRORS) as exc:
        raise failure(path, exc, "could not be read") from exc


def _demand_file(path: Path) -> None:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise _foreign(path, "it is no file")
    if found.st_size == 0:
        raise _foreign(path, "it is empty")


def _demand_ours(path: Path) -> None:
    # Not by reading the file: closing it would drop the locks that another connection
    # of this process holds on it. Immutable leaves no traces beside a stranger's file,
    # but does not see the log; where the file cannot be read without, that is left to
    # those who look at both.
    try:
        with closing(connect(path, "ro&immutable=1")) as db:
            _demand_mark(path, db)
    except sqlite3.DatabaseError as exc:
        if exc.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise _foreign(path, "it is no SQLite database") from exc
        if exc.sqlite_errorcode != sqlite3.SQLITE_CORRUPT:
            raise


def _demand_mark(path: Path, db: sqlite3.Connection) -> None:
    (found,) = db.execute("PRAGMA application_id").fetchone()
    if found != APPLICATION_ID:
        raise _foreign(path, "it is a SQLite database of something else")


def _demand_log(path: Path) -> None:
    log = log_of(path)
    try:
        count_commits(log)
    except ValueError as exc:
        raise damaged(path, f"its log {log.name} is damaged: {exc}") from exc


def _demand_version(path: Path, db: sqlite3.Connection) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise JournalError(
            f"{path} was written by a newer release of liangxin-async (version "
            f"{version} of the journal; this release knows {VERSION}); update it",
            path=str(path),
            reason="newer",
        )
    found = db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    made = {sql for (sql,) in found}
    if version < VERSION or not made.issuperset(_TABLES):
        raise damaged(path, "its tables are not as they were made")


def _demand_whole(path: Path, db: sqlite3.Connection) -> None:
    (page,) = db.execute("PRAGMA page_size").fetchone()
    if path.stat().st_size % page and not _has_bytes(log_of(path)):
        # With a log it may be a write of pages that was cut short: the log has them.
        raise damaged(path, "its end is missing")
    (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise damaged(path, f"SQLite finds: {found}")


# ------------------------------------------------------------------------- errors


def damaged(path: Path, what: str) -> JournalError:
    """Return the error for a journal that cannot be trusted."""
    return JournalError(
        f"{path} is damaged: {what}. Nothing was changed, and nothing is sent: what "
        "was paid for would be forgotten. Restore it from a copy, or begin anew in "
        "another folder",
        path=str(path),
        reason="damaged",
    )


def _foreign(path: Path, what: str) -> JournalError:
    return JournalError(
        f"{path} is not a journal of liangxin-async: {what}. It was left alone; move "
        "it away, or choose another folder",
        path=str(path),
        reason="foreign",
    )


# A plain SQLITE_ERROR is about SQL: the statements are right, so the file is not.
_DAMAGE = {
    *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT),
    sqlite3.SQLITE_ERROR,
}


def failure(path: Path, exc: Exception, what: str) -> JournalError:
    """Return the error for a foreign exception; `what` says what could not be done."""
    if isinstance(exc, sqlite3.DatabaseError | UnicodeDecodeError):
        # Without a code it is Python's own: text that is no UTF-8.
        code = getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        if code & 0xFF in _DAMAGE:
            return damaged(path, f"SQLite says: {shorten(str(exc))}")
    words = exc.strerror if isinstance(exc, OSError) else None
    return JournalError(
        f"{path} {what}: {words or exc}. What was written before is safe; once the "
        "disk works again, the same command goes on",
        path=str(path),
        reason="disk",
    )
