"""Rows, samples and pictures for the tests of the gallery."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

from PIL import Image

from liangxin_async.bulk._row import File, Row, RowState, Sample

ATTACKS = (
    "</script><img src=x onerror=\"document.title='pwned'\">",
    '"><svg onload="document.title=\'pwned\'">',
    "<!--<script>document.title='pwned'</script>",
    "{{ 7*7 }}{% raw %}{{ cycler.__init__ }}${document.title='pwned'}",
    "line\u2028separators\u2029and \x00 controls",
    "a lone \ud83d surrogate",
    "W" * 3000,
    "\u202eright to left\u202c مقهى صغير",
    "javascript:document.title='pwned'",
)


def a_row(number: int, **changes: Any) -> Row:
    """A saved row without files; `prompt` and other fields of the input may be given."""
    inputs = {"prompt": f"prompt {number}", "seed": 1000 + number}
    for name in [name for name in changes if name in ("prompt", "inputs")]:
        value = changes.pop(name)
        inputs.update(value if name == "inputs" else {"prompt": value})
    facts = {
        "key": f"key-{number}",
        "line": number,
        "model": "z-image",
        "request": {"model": "z-image", "input": inputs},
        "stem": f"{number:05d}",
        "state": RowState.SAVED,
        "task_id": f"task-{number}",
        "creates": 1,
        "sent_at": 1_700_000_000.0 + number,
        "accepted_at": 1_700_000_000.5 + number,
        "ended_at": 1_700_000_010.0 + number,
    }
    return Row(**(facts | changes))


def a_picture(
    width: int = 64, height: int = 48, form: str = "PNG", **how: Any
) -> bytes:
    """A picture whose halves are red and blue, from left to right."""
    picture = Image.new(
        how.pop("mode", "RGB"), (width, height), how.pop("colour", "red")
    )
    if picture.mode == "RGB":
        picture.paste("blue", (width // 2, 0, width, height))
    stream = io.BytesIO()
    picture.save(stream, form, **how)
    return stream.getvalue()


def a_file(folder: Path, name: str, content: bytes | None = None) -> File:
    """A file of the run, written to the folder."""
    content = a_picture() if content is None else content
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return File(name=name, size_bytes=len(content), sha256=digest)


def samples(count: int, *, start: float = 0.0, step: float = 1.0) -> list[Sample]:
    """A run that goes up to ten in flight and settles one request a sample."""
    return [
        Sample(
            at=start + index * step,
            in_flight=min(index, 10),
            limit=12,
            refused=index // 10,
            done=index,
        )
        for index in range(count)
    ]


def items_of(page: str) -> list[dict[str, Any]]:
    """The items that a page's script would get."""
    found = re.findall(
        r'<script type="application/json" id="items">(.*?)</script>', page, re.DOTALL
    )
    assert len(found) == 1
    items: list[dict[str, Any]] = json.loads(found[0])
    return items
