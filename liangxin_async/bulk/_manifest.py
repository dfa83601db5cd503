"""`manifest.jsonl`: every row of a run's journal as one line of JSON, for programs.

Written anew from the journal and renamed into place, so that it is whole or the one
before. Holds prompts, and neither the API key nor callback or result URLs.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from liangxin_async.bulk._row import Row

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from liangxin_async.bulk._journal import Journal

NAME = "manifest.jsonl"
_AT_ONCE = 500  # lines


async def write_manifest(folder: Path, journal: Journal) -> Path:
    """Write the manifest of `journal` into `folder`; return where it is.

    Raises:
        JournalError: the journal cannot be read.
        OSError: the disk refuses.
    """
    part = folder / f".{NAME}.part"
    file = await to_thread.run_sync(lambda: part.open("w", encoding="utf-8"))
    try:
        lines: list[str] = []
        async for row in journal.rows():
            lines.append(json.dumps(line_of(row), ensure_ascii=False))
            if len(lines) >= _AT_ONCE:
                await to_thread.run_sync(_write, file, lines)
                lines = []
        await to_thread.run_sync(_write, file, lines)
        await to_thread.run_sync(_publish, file, part, folder / NAME)
    finally:
        file.close()
        part.unlink(missing_ok=True)
    return folder / NAME


def _write(file: TextIO, lines: list[str]) -> None:
    file.writelines(f"{line}\n" for line in lines)


def _publish(file: TextIO, part: Path, path: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()  # before the rename, for Windows
    part.replace(path)


def line_of(row: Row) -> dict[str, Any]:
    """Return what the manifest says of a row."""
    return {
        "key": row.key,
        "line": row.line,
        "state": row.state.value,
        "request": row.request,
        "task_id": row.task_id,
        "files": [
            {"name": f.name, "size_bytes": f.size_bytes, "sha256": f.sha256}
            for f in row.files
        ],
        "creates": row.creates,
        "sent_at": row.sent_at,
        "accepted_at": row.accepted_at,
        "ended_at": row.ended_at,
        "saved_at": row.saved_at,
        "error": row.error,
        "error_type": row.error_type,
        "usage": (row.record or {}).get("usage") or None,
    }
