"""LiangXin: createTask, recordInfo (api/liangxin.md; the seeds first).

The same wire is spoken by the API family around it, so everything that the family has
been seen to vary is read here: names, envelopes, times, nested JSON. What a service
sends that nobody described stays in `TaskRecord.raw`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import evolve, frozen

from liangxin_async._converter import read_nested, read_number, read_text, read_urls
from liangxin_async._core.lifecycle import fold_state
from liangxin_async._errors import NotFoundError
from liangxin_async._records import TaskRecord, TaskState
from liangxin_async.dialects._callback import note_about, parse_members
from liangxin_async.dialects._envelope import Envelope, open_envelope
from liangxin_async.dialects._refusals import check_good, gateway_refused, unreadable
from liangxin_async.dialects._structure import (
    demand_about,
    make_structure,
    read_seconds,
)
from liangxin_async.dialects._wire import (
    Accepted,
    CallbackNote,
    WireReply,
    WireRequest,
)
from liangxin_async.models._field import CALL_BACK_URL

if TYPE_CHECKING:
    from datetime import datetime

    from liangxin_async.models import FieldInfo, Request

CREATE_PATH = "/api/v1/jobs/createTask"
QUERY_PATH = "/api/v1/jobs/recordInfo"


@frozen(repr=False)
class LiangxinDialect:
    """The LiangXin unified task API. No source states its host."""

    name: str = "liangxin"
    default_base_url: str | None = None
    key_variable: str = "LIANGXIN_API_KEY"
    base_url_variable: str = "LIANGXIN_BASE_URL"
    callback_field: FieldInfo = CALL_BACK_URL

    def __repr__(self) -> str:
        return "LIANGXIN"

    def write_create(self, request: Request, callback_url: str | None) -> WireRequest:
        """See `Dialect.write_create`."""
        body: dict[str, Any] = {"model": request.model}
        url = request.callback_url or callback_url
        if url is not None:
            body["callBackUrl"] = url
        body["input"] = request.fields()
        return WireRequest("POST", CREATE_PATH, json.dumps(body).encode())

    def read_create(self, reply: WireReply) -> Accepted:
        """See `Dialect.read_create`."""
        envelope = open_envelope(reply)
        check_good(envelope, reply, asked_task=False, not_taken=gateway_refused)
        data = envelope.data
        members = data if isinstance(data, dict) else {}
        task_id = read_text(members.get("taskId")) or read_text(members.get("task_id"))
        if task_id is None or not task_id.strip():
            raise unreadable(reply, "a create answer without a task id")
        return Accepted(task_id)

    def write_query(self, task_id: str) -> WireRequest:
        """See `Dialect.write_query`."""
        return WireRequest("GET", f"{QUERY_PATH}?taskId={quote(task_id, safe='')}")

    def read_query(self, reply: WireReply, task_id: str) -> TaskRecord:
        """See `Dialect.read_query`."""
        envelope = open_envelope(reply)
        told = _told_by_code(envelope, task_id, reply)
        if told is not None:
            return told
        check_good(envelope, reply, asked_task=True, not_taken=gateway_refused)
        data = envelope.data
        if data is None and isinstance(envelope.body, dict) and "data" in envelope.body:
            raise NotFoundError(
                http_status=reply.status,
                message="the answer holds no record",
                request_id=envelope.request_id,
            )
        if not isinstance(data, dict):
            raise unreadable(reply, "a query answer without a record")
        return demand_about(_structure(data, task_id, reply), task_id, reply)

    def read_callback(self, body: bytes) -> CallbackNote | None:
        """See `Dialect.read_callback`. The id may stand in `data` or at the top."""
        told = parse_members(body)
        data = told.get("data")
        inner = data if isinstance(data, dict) else {}
        named = [read_text(m.get(n)) for m in (inner, told) for n in _ID_NAMES]
        word = inner.get("state") or inner.get("status")
        state = fold_state(word) if isinstance(word, str) else TaskState.UNKNOWN
        return note_about(named, state)

    def expires_at(self, record: TaskRecord) -> datetime | None:
        """None: no source states how long LiangXin's result URLs live."""
        return None


_ID_NAMES = ("taskId", "task_id")

# "No result for over 10 minutes" and "generation failed" (section 6). Where a service
# puts them beside no record, they are all that it says about the task's end.
_FAILED_CODES = (408, 501)


def _told_by_code(
    envelope: Envelope, task_id: str, reply: WireReply
) -> TaskRecord | None:
    """Return the record of a task that the answer's code declares over, else None."""
    body = envelope.body
    code = read_number(body.get("code")) if isinstance(body, dict) else None
    if code not in _FAILED_CODES or not 200 <= reply.status < 300:
        return None  # as an HTTP status they are a proxy's, or a framework's
    data = envelope.data
    record = _structure(data if isinstance(data, dict) else {}, task_id, reply)
    if record.task_id != task_id or (record.raw_state and not record.state.is_terminal):
        return None
    if record.state.is_terminal:
        return record
    return evolve(
        record,
        state=TaskState.FAIL,
        fail_code=record.fail_code or envelope.shown_code,
        fail_message=record.fail_message or envelope.message or None,
        raw=body,
    )


def _structure(data: dict[str, Any], task_id: str, reply: WireReply) -> TaskRecord:
    told = data.get("taskId")
    told = data.get("task_id") if told is None else told
    # One question, one answer: where it names no task, it is about ours.
    about = task_id if told is None or told == "" else told
    return _to_record({**data, "taskId": about, "raw": data}, reply)


def _milliseconds(value: object) -> float | None:
    number = read_seconds(value)
    return None if number is None else number / 1000


def find_urls(value: object, *, levels: int = 3) -> tuple[str, ...]:
    """Return the http(s) URLs of a result, in the service's order, without repeats.

    A result is an object with `resultUrls` (a list, or one text), the same under
    another spelling, or what `read_urls` takes. At most `levels` objects may be
    wrapped around each other.
    """
    value = read_nested(value)
    if isinstance(value, dict):
        for name in _URL_LISTS if levels else ():
            found = find_urls(value.get(name), levels=levels - 1)
            if found:
                return found
    return read_urls(value)


_STATE = ("state", "status")
_URL_LISTS = ("resultUrls", "result_urls", "resultUrl", "result_url", "resultObject")

# Snake case and other names are those that services of the family use for the same.
_to_record = make_structure(
    {
        "task_id": "taskId",
        "state": _STATE,
        "raw_state": _STATE,
        "result_urls": ("resultJson", "result_json", "result"),
        "fail_code": ("failCode", "fail_code", "errorCode", "error_code"),
        "fail_message": ("failMsg", "fail_msg", "errorMessage", "error_message"),
        "cost_time": ("costTime", "cost_time"),
        "created_at": ("createTime", "create_time", "createdAt"),
        "updated_at": ("updateTime", "update_time", "updatedAt"),
        "completed_at": ("completeTime", "complete_time", "completedAt"),
    },
    result_urls=find_urls,
    cost_time=_milliseconds,
)

LIANGXIN = LiangxinDialect()
