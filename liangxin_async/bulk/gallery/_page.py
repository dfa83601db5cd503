"""`index.html`: one file that holds the words, the style and the script of a run.

Pictures and thumbnails are links to files below the folder; nothing else is loaded, and
the page's own policy (Content-Security-Policy) lets nothing else be loaded or run.
What comes from a request reaches the page as JSON in an element that never runs, and
from there only as text of nodes.

Memory: one row at a time and the counts. The page itself holds at most `MOST_ROWS`
requests, and `MOST_URGENT` more that failed or are in doubt; of a longer run it says
so and counts all.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from attrs import Factory, define

from liangxin_async.bulk._extra import load
from liangxin_async.bulk._row import RowState
from liangxin_async.bulk.gallery._course import course_of, duration
from liangxin_async.bulk.gallery._item import MEANINGS, item_of
from liangxin_async.bulk.gallery._place import whole_file
from liangxin_async.bulk.gallery._shown import as_json, instant
from liangxin_async.bulk.gallery._views import Views

if TYPE_CHECKING:
    from liangxin_async.bulk._row import Row, Sample

PAGE = "index.html"
MOST_ROWS = 20_000  # about 10 MB of page, which a browser opens in a second
MOST_URGENT = 2_000
_URGENT = (RowState.FAILED, RowState.IN_DOUBT)
_SCRIPTS = ("tools.js", "grid.js", "viewer.js", "page.js")


@define
class _Summary:
    """What the head of the page says, counted while the rows go by."""

    counts: Counter[RowState] = Factory(Counter)
    listed: int = 0
    urgent: int = 0
    files: int = 0
    size_bytes: int = 0
    started: float = math.inf
    ended: float = -math.inf

    def takes(self, row: Row) -> bool:
        """Count `row`; return whether the page lists it."""
        self.counts[row.state] += 1
        self.files += len(row.files)
        self.size_bytes += sum(file.size_bytes for file in row.files)
        for at in (row.sent_at, row.accepted_at, row.ended_at, row.saved_at):
            if (known := instant(at)) is not None:
                self.started = min(self.started, known)
                self.ended = max(self.ended, known)
        if self.listed - self.urgent < MOST_ROWS:
            self.listed += 1
        elif row.state in _URGENT and self.urgent < MOST_URGENT:
            self.listed += 1
            self.urgent += 1
        else:
            return False
        return True

    @property
    def total(self) -> int:
        """Requests of the run."""
        return self.counts.total()


def write_gallery(
    folder: Path,
    rows: Iterable[Row],
    samples: Sequence[Sample],
    *,
    title: str | None = None,
    elsewhere: bool = False,
) -> Path:
    """Write `folder/index.html` and thumbnails; return the page's path.

    Blocks, for seconds to minutes: run it in a thread. One call at a time for a folder.
    The old page stays until the new one is whole. Thumbnails that still fit are kept.

    Args:
        folder: the output folder; it exists. File names of the rows are below it.
        rows: the requests, in the order in which the page shows them; read once, one
            at a time. Of more than 20,000 the page lists the first 20,000 and up to
            2,000 more that failed or are in doubt, and says so.
        samples: how the run stood, oldest first; fewer than two give no chart.
        title: what the page is called; None for the folder's name.
        elsewhere: whether files that are gone have gone to where the page will be:
            then only their thumbnails are looked for.

    Raises:
        ConfigurationError: Jinja2 or Pillow is missing (extra `gallery`).
        OSError: the folder cannot be written to.
    """
    folder = Path(folder)
    load("PIL.Image")
    template = _template()
    views, summary = Views(folder, elsewhere), _Summary()
    with tempfile.TemporaryFile("w+", encoding="utf-8", dir=folder) as items:
        # In this thread alone: decoders hold the interpreter's lock, and two threads
        # made as many thumbnails in a second as one.
        for row in filter(summary.takes, rows):
            comma = ",\n" if summary.listed > 1 else ""
            item = item_of(row, [views.of(file) for file in row.files])
            items.write(comma + as_json(item))
        items.seek(0)
        context = _context(folder, summary, samples, title)
        with whole_file(folder / PAGE) as page, _as_text(page) as text:
            text.writelines(template.generate(items=_pieces(items), **context))
    views.tidy()
    return folder / PAGE


def _pieces(items: IO[str]) -> Iterator[str]:
    while piece := items.read(1 << 16):
        yield piece


def _as_text(page: IO[bytes]) -> io.TextIOWrapper:
    # "\n" stays "\n": the hashes in the policy are of the text as it stands here. A
    # folder's name may hold what UTF-8 cannot carry.
    return io.TextIOWrapper(page, "utf-8", errors="replace", newline="")


# ------------------------------------------------------------------------ template


def _template() -> Any:
    jinja2 = load("jinja2")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(_part("index.html"))


def _part(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text("utf-8")


def _context(
    folder: Path, summary: _Summary, samples: Sequence[Sample], title: str | None
) -> dict[str, Any]:
    style = _part("style.css")
    scripts = "\n".join(_part(name) for name in _SCRIPTS)
    script = f'(() => {{\n"use strict";\n{scripts}}})();\n'
    states = {
        state.value: {"label": m.label, "says": m.says, "advice": m.advice}
        for state, m in MEANINGS.items()
    }
    return {
        "title": folder.resolve().name if title is None else title,
        "policy": _policy(style, script),
        "style": style,
        "script": script,
        "states": as_json(states),
        "counts": [(m, summary.counts[state]) for state, m in MEANINGS.items()],
        "doubts": summary.counts[RowState.IN_DOUBT],
        "summary": summary,
        "size": size_in_words(summary.size_bytes),
        "times": _times(summary),
        "course": course_of(samples),
    }


def _policy(style: str, script: str) -> str:
    # `file:` beside 'self': what 'self' is for a page without a host, browsers differ.
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src 'self' file:",
            "media-src 'self' file:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _times(summary: _Summary) -> dict[str, str] | None:
    if summary.ended < summary.started:
        return None
    start = datetime.fromtimestamp(int(summary.started), UTC)
    return {
        "start": start.isoformat(),
        "start_words": f"{start:%Y-%m-%d %H:%M} UTC",
        "span": duration(summary.ended - summary.started),
    }


def size_in_words(size_bytes: int) -> str:
    """Return a size as in "1.4 GB"; units of a thousand."""
    size, unit = float(size_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return (
        f"{size:.0f} {unit}" if unit == "bytes" or size >= 10 else f"{size:.1f} {unit}"
    )
