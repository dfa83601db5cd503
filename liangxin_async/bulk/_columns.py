"""How a row of the journal looks in its table.

A row is kept as plain values by the name of their column, and sealed: the checksum
over all of them tells a flipped bit, which SQLite itself would read as it stands.
Parts with an inner structure (request, record, files) are JSON in ASCII. The long ones
are last, so that a search by state need not read them.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, TypeAlias

from liangxin_async.bulk._row import File, Row, RowState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Values: TypeAlias = dict[str, Any]  # by the names of COLUMNS, all of them

COLUMNS = (
    *("key", "stem", "state", "task_id", "creates", "line", "model"),
    *("sent_at", "accepted_at", "ended_at", "saved_at"),
    *("error", "error_type", "files", "request", "record"),
)


class UnreadableError(Exception):
    """A stored row is not what was written. Never reaches the user."""


def seal(values: Mapping[str, Any]) -> int:
    """Return the checksum over a row's values, 32 bits."""
    plain = json.dumps([values[name] for name in COLUMNS])
    return zlib.crc32(plain.encode("ascii"))


def unsealed(found: Sequence[Any]) -> Values:
    """Return the values of a row as read: the columns in order, then the seal.

    Raises:
        UnreadableError: they do not fit the seal.
    """
    values = dict(zip(COLUMNS, found, strict=False))
    try:
        whole = len(found) == len(COLUMNS) + 1 and seal(values) == found[-1]
    except TypeError:  # bytes, where nothing of ours is bytes
        whole = False
    if not whole:
        raise UnreadableError("its checksum does not fit")
    return values


def values_of(row: Row) -> Values:
    """Return a row's values.

    Raises:
        TypeError, ValueError: the request or the record is not plain JSON.
    """
    return {
        "key": row.key,
        "stem": row.stem,
        "state": row.state.value,
        "task_id": row.task_id,
        "creates": row.creates,
        "line": row.line,
        "model": row.model,
        "sent_at": row.sent_at,
        "accepted_at": row.accepted_at,
        "ended_at": row.ended_at,
        "saved_at": row.saved_at,
        "error": row.error,
        "error_type": row.error_type,
        "files": files_json(row.files),
        "request": json.dumps(row.request),
        "record": None if row.record is None else json.dumps(row.record),
    }


def files_json(files: Sequence[File]) -> str:
    """Return saved files as JSON: name, size and hash of each."""
    return json.dumps([[file.name, file.size_bytes, file.sha256] for file in files])


def row_of(values: Mapping[str, Any]) -> Row:
    """Return the row that `values` are of.

    Raises:
        UnreadableError: they are sealed, but no row: something else wrote them.
    """
    parts = dict(values)
    try:
        record = parts.pop("record")
        return Row(
            state=RowState(parts.pop("state")),
            files=tuple(
                File(name=name, size_bytes=size, sha256=sha256)
                for name, size, sha256 in json.loads(parts.pop("files"))
            ),
            request=json.loads(parts.pop("request")),
            record=None if record is None else json.loads(record),
            **parts,
        )
    except (TypeError, ValueError) as exc:
        raise UnreadableError(f"it is no row ({type(exc).__name__})") from exc
