"""EvoLink: images/generations, tasks/{id}, credits (api/evolink.md; the seed first).

No envelope: the task object is the whole body, at the create, at a query and in a
callback, and parameters stand beside `model`. A failed task has an `error` of its own,
so that an `error` in a body with a task id says nothing about the call.

Only `id` is required of a task object. Whatever else is missing or strange leaves its
field empty, and stays in `TaskRecord.raw`.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import frozen

from liangxin_async._converter import read_nested, read_number, read_text, read_urls
from liangxin_async._errors import InvalidRequestError, Problem
from liangxin_async._records import CreditCount, Credits, TaskRecord, TaskState
from liangxin_async.dialects._callback import note_about, parse_members
from liangxin_async.dialects._envelope import Envelope, open_envelope
from liangxin_async.dialects._refusals import check_good, unreadable
from liangxin_async.dialects._structure import as_is, demand_about, make_structure
from liangxin_async.dialects._wire import (
    Accepted,
    CallbackNote,
    WireReply,
    WireRequest,
)
from liangxin_async.models._check import check
from liangxin_async.models._field import EVOLINK_CALLBACK_URL

if TYPE_CHECKING:
    from datetime import datetime

    from liangxin_async.models import FieldInfo, Request

CREATE_PATH = "/v1/images/generations"
QUERY_PATH = "/v1/tasks/"
CREDITS_PATH = "/v1/credits"

URLS_LIVE = timedelta(hours=24)  # "valid for 24 hours" (seed)


@frozen(repr=False)
class EvolinkDialect:
    """EvoLink's unified task API, images only: of the rest no create is documented."""

    name: str = "evolink"
    default_base_url: str | None = "https://api.evolink.ai"
    key_variable: str = "EVOLINK_API_KEY"
    base_url_variable: str = "EVOLINK_BASE_URL"
    callback_field: FieldInfo = EVOLINK_CALLBACK_URL

    def __repr__(self) -> str:
        return "EVOLINK"

    def write_create(self, request: Request, callback_url: str | None) -> WireRequest:
        """See `Dialect.write_create`."""
        fields = request.fields()
        url = request.callback_url
        problems = [*check(self.callback_field, url, is_local=True)]
        problems += [
            Problem(name, "an input of this name", _INSTEAD[name])
            for name in _INSTEAD
            if name in fields
        ]
        if request.kind == "video":
            problems.append(Problem("kind", "a video", _NO_VIDEO))
        if problems:
            raise InvalidRequestError.of(f"the request for {request.model}", problems)
        body: dict[str, Any] = {"model": request.model, **fields}
        url = url or callback_url
        if url is not None:
            body["callback_url"] = url
        return WireRequest("POST", CREATE_PATH, json.dumps(body).encode())

    def read_create(self, reply: WireReply) -> Accepted:
        """See `Dialect.read_create`."""
        record = _structure(_task_in(reply, asked_task=False), reply)
        return Accepted(record.task_id, record)

    def write_query(self, task_id: str) -> WireRequest:
        """See `Dialect.write_query`."""
        # A path of dots alone would be taken for a way up.
        part = quote(task_id, safe="")
        part = part.replace(".", "%2E") if not part.strip(".") else part
        return WireRequest("GET", QUERY_PATH + part)

    def read_query(self, reply: WireReply, task_id: str) -> TaskRecord:
        """See `Dialect.read_query`."""
        record = _structure(_task_in(reply, asked_task=True), reply)
        return demand_about(record, task_id, reply)

    def read_callback(self, body: bytes) -> CallbackNote | None:
        """See `Dialect.read_callback`. The body is a task object, as at a query."""
        task = parse_members(body)
        return note_about([read_text(task.get("id"))], _state(task.get("status")))

    def expires_at(self, record: TaskRecord) -> datetime | None:
        """24 hours after the creation, where the record tells that."""
        created = record.created_at
        try:
            return None if created is None else created + URLS_LIVE
        except OverflowError:  # created on the last day of the calendar
            return None

    def write_credits(self) -> WireRequest:
        """See `TellsCredits.write_credits`."""
        return WireRequest("GET", CREDITS_PATH)

    def read_credits(self, reply: WireReply) -> Credits:
        """See `TellsCredits.read_credits`."""
        envelope = open_envelope(reply)
        check_good(envelope, reply, asked_task=False, not_taken=_overloaded)
        data = envelope.data
        if not isinstance(data, dict):
            raise unreadable(reply, "an answer about credits without any")
        return Credits(
            token=_count(data.get("token")), user=_count(data.get("user")), raw=data
        )


_NO_VIDEO = "an image: how EvoLink takes videos is not known here"
_INSTEAD = {
    "model": "the model as the argument `model`",
    "callback_url": "the callback URL as the argument `callback_url`",
}


def _count(value: object) -> CreditCount | None:
    if not isinstance(value, dict):
        return None
    unlimited = value.get("unlimited_credits")
    return CreditCount(
        remaining=read_number(value.get("remaining_credits")),
        used=read_number(value.get("used_credits")),
        unlimited=unlimited if isinstance(unlimited, bool) else None,
    )


def _task_in(reply: WireReply, *, asked_task: bool) -> dict[str, Any]:
    """Return the task object that a reply is, or raise what it is instead."""
    envelope = open_envelope(reply)
    body = envelope.body
    if isinstance(body, dict) and 200 <= reply.status < 300 and _has_id(body):
        if not body.get("error") or _state(body.get("status")) is not TaskState.UNKNOWN:
            return body
        if not asked_task:  # a task is named: whatever the error says, it may exist
            raise unreadable(reply, "a create answer with a task id and an error")
    check_good(envelope, reply, asked_task=asked_task, not_taken=_overloaded)
    raise unreadable(reply, "an answer without a task")


def _has_id(body: dict[str, Any]) -> bool:
    return (read_text(body.get("id")) or "").strip() != ""


def _overloaded(envelope: Envelope) -> bool:
    """Whether EvoLink says "overload": its own 503, and no other name beside it."""
    plain = envelope.names == ("service_unavailable_error",)
    return plain and envelope.status == 503 and envelope.code in (None, 503)


# "Anything else" is to be asked about again until the deadline (section 3).
_STATES = {
    "pending": TaskState.WAITING,
    "processing": TaskState.GENERATING,
    "completed": TaskState.SUCCESS,
    "failed": TaskState.FAIL,
    "cancelled": TaskState.FAIL,
    "canceled": TaskState.FAIL,
}


def _state(value: object) -> TaskState:
    word = value.strip().lower() if isinstance(value, str) else ""
    return _STATES.get(word, TaskState.UNKNOWN)


def _structure(task: dict[str, Any], reply: WireReply) -> TaskRecord:
    error = task.get("error")
    failure = error if isinstance(error, dict) else {"message": error}
    return _to_record(
        {
            "status": None,  # a missing one is unknown, not an error
            **task,
            "urls": _urls_of(task),
            "error_code": failure.get("code"),
            "error_message": failure.get("message"),
            "raw": task,
        },
        reply,
    )


def _urls_of(task: dict[str, Any]) -> tuple[str, ...]:
    for name in ("results", "result_data"):
        urls = read_urls(read_nested(task.get(name)))
        if urls:
            return urls
    return ()


_to_record = make_structure(
    {
        "task_id": "id",
        "state": "status",
        "raw_state": "status",
        "result_urls": "urls",
        "fail_code": "error_code",
        "fail_message": "error_message",
        "cost_time": "duration",  # seconds
        "created_at": "created",
    },
    result_urls=as_is,
    state=_state,
)

EVOLINK = EvolinkDialect()
