"""One request as the page's script gets it, and what its state means to a reader.

Pure. An item is a plain JSON object; what is not known is left out of it.

    key, line, model, state    as in `Row`
    prompt, long               the prompt, and its full length where it was cut
    seed, fields               texts: numbers of any size survive a script
    task, creates, error, type as in `Row`; `creates` only above 1
    sent, accepted, ended, saved   Unix seconds
    files                      see `_file_of`
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from liangxin_async.bulk._row import RowState
from liangxin_async.bulk.gallery._shown import (
    cut,
    fields_of,
    instant,
    without_secrets,
)

if TYPE_CHECKING:
    from liangxin_async.bulk._row import Row
    from liangxin_async.bulk.gallery._views import View

PROMPT_TEXT = 10_000  # characters; the longest prompt a model takes is about 5,000
_ERROR_TEXT = 2_000


@frozen
class Meaning:
    """What a state is called, and what it asks of the reader.

    Attributes:
        label: the state in one or two words.
        says: what is known in this state.
        advice: what to do; empty for nothing.
    """

    label: str
    says: str
    advice: str = ""


MEANINGS = {
    RowState.SAVED: Meaning("Saved", "Every file of the result is in this folder."),
    RowState.FAILED: Meaning(
        "Failed",
        "It ended without a picture.",
        "Run the same command with --retry-failed to have it made anew.",
    ),
    RowState.IN_DOUBT: Meaning(
        "In doubt",
        "It was sent and no answer was written down: it may have been made and paid.",
        "Look for it in your account at the service. It is left alone until you run "
        "the same command with --resubmit-unknown, which may pay twice.",
    ),
    RowState.SUCCEEDED: Meaning(
        "Not downloaded",
        "It was made, and its files are not all here yet.",
        "Run the same command again soon: links to results expire.",
    ),
    RowState.ACCEPTED: Meaning(
        "Under way",
        "The service took it, and its end was not seen yet.",
        "Running the same command again waits for it and pays nothing twice.",
    ),
    RowState.NOT_SENT: Meaning(
        "Not sent",
        "It was never taken by the service, and nothing was paid for it.",
        "Run the same command again to send it.",
    ),
}


def item_of(row: Row, views: Sequence[View]) -> dict[str, Any]:
    """Return `row` with its files as the page's script wants it."""
    prompt = without_secrets(row.prompt) if row.prompt is not None else None
    error = None if row.error is None else without_secrets(row.error)
    item = {
        "key": without_secrets(cut(row.key, 400)),
        "line": row.line,
        "model": cut(row.model, 200),
        "state": row.state.value,
        "prompt": None if prompt is None else cut(prompt, PROMPT_TEXT),
        "long": len(prompt) if prompt and len(prompt) > PROMPT_TEXT else None,
        **_fields_of(row),
        "task": None if row.task_id is None else cut(row.task_id, 400),
        "creates": row.creates if row.creates > 1 else None,
        "error": None if error is None else cut(error, _ERROR_TEXT),
        "type": row.error_type,
        "sent": instant(row.sent_at),
        "accepted": instant(row.accepted_at),
        "ended": instant(row.ended_at),
        "saved": instant(row.saved_at),
        "files": [_file_of(view) for view in views] or None,
    }
    return _known(item)


def _fields_of(row: Row) -> dict[str, Any]:
    fields = dict(fields_of(row.request.get("input", {})))
    if row.prompt is not None:
        fields.pop("prompt", None)
    seed = fields.pop("seed", None)
    return {"seed": seed, "fields": list(fields.items()) or None}


def _file_of(view: View) -> dict[str, Any]:
    file = {
        "name": view.file.name,
        "size": view.file.size_bytes,
        "kind": view.kind,
        "href": view.href,
        "thumb": view.thumb,
        "width": view.width,
        "height": view.height,
        "problem": view.problem,
        "note": view.note,
    }
    return _known(file)


def _known(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if value is not None}
