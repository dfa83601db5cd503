"""LiangXin: createTask, recordInfo (api/liangxin.md; the seeds first).

The same wire is spoken by the API family around it, so everything that the family has
been seen to vary is read here: names, envelopes, times, nested JSON. What a service
sends that nobody described stays in `TaskRecord.raw`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import frozen
from cattrs import BaseValidationError
from cattrs.gen import make_dict_structure_fn, override

from liangxin_async._converter import (
    as_protocol_error,
    converter,
    read_instant,
    read_nested,
    read_number,
    read_progress,
    read_text,
)
from liangxin_async._core.lifecycle import fold_state
from liangxin_async._errors import NotFoundError, ProtocolError
from liangxin_async._records import TaskRecord, TaskState
from liangxin_async.dialects._envelope import Envelope, open_envelope, to_error
from liangxin_async.dialects._wire import Accepted, WireReply, WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from liangxin_async.models import Request

CREATE_PATH = "/api/v1/jobs/createTask"
QUERY_PATH = "/api/v1/jobs/recordInfo"

# Snake case and other names that services of the family use for the same thing.
_OTHER_NAMES = {
    "taskId": ("task_id",),
    "state": ("status",),
    "resultJson": ("result_json", "result"),
    "failCode": ("fail_code", "errorCode", "error_code"),
    "failMsg": ("fail_msg", "errorMessage", "error_message"),
    "costTime": ("cost_time",),
    "createTime": ("create_time", "createdAt"),
    "updateTime": ("update_time", "updatedAt"),
    "completeTime": ("complete_time", "completedAt"),
}


@frozen
class LiangxinDialect:
    """The LiangXin unified task API. No source states its host."""

    name: str = "liangxin"
    default_base_url: str | None = None

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
        envelope = _open(reply, asked_task=False)
        data = envelope.data
        members = data if isinstance(data, dict) else {}
        task_id = read_text(members.get("taskId")) or read_text(members.get("task_id"))
        if task_id is None or not task_id.strip():
            raise _unreadable(reply, envelope, "a create answer without a task id")
        return Accepted(task_id)

    def write_query(self, task_id: str) -> WireRequest:
        """See `Dialect.write_query`."""
        return WireRequest("GET", f"{QUERY_PATH}?taskId={quote(task_id, safe='')}")

    def read_query(self, reply: WireReply, task_id: str) -> TaskRecord:
        """See `Dialect.read_query`."""
        envelope = _open(reply, asked_task=True)
        data = envelope.data
        if data is None and isinstance(envelope.body, dict) and "data" in envelope.body:
            raise NotFoundError(
                http_status=reply.status,
                message="the answer holds no record",
                request_id=envelope.request_id,
            )
        if not isinstance(data, dict):
            raise _unreadable(reply, envelope, "a query answer without a record")
        record = _structure(data, task_id, reply)
        if record.task_id != task_id:
            raise ProtocolError(
                f"asked about task {task_id!r} and was told about another one",
                http_status=reply.status,
            )
        return record

    def expires_at(self, record: TaskRecord) -> datetime | None:
        """None: no source states how long LiangXin's result URLs live."""
        return None


def _open(reply: WireReply, *, asked_task: bool) -> Envelope:
    envelope = open_envelope(reply)
    if envelope.is_error:
        raise to_error(envelope, asked_task=asked_task)
    if not envelope.is_json:
        raise _unreadable(reply, envelope, "an answer that is not JSON")
    return envelope


def _unreadable(reply: WireReply, envelope: Envelope, what: str) -> ProtocolError:
    return ProtocolError(
        f"{what} (HTTP {reply.status}, {len(reply.body)} bytes); "
        "is base_url the address of the API?",
        http_status=envelope.status,
        body=reply.excerpt,
    )


def _structure(data: dict[str, Any], task_id: str, reply: WireReply) -> TaskRecord:
    folded = dict(data)
    for name, others in _OTHER_NAMES.items():
        if folded.get(name) is None:
            for other in others:
                if folded.get(other) is not None:
                    folded[name] = folded[other]
                    break
    if folded.get("taskId") in (None, ""):  # one question, one answer: it is about ours
        folded["taskId"] = task_id
    folded.setdefault("state", None)  # a missing state is an unknown one, not an error
    folded["raw"] = data
    try:
        return _to_record(folded, TaskRecord)
    except (BaseValidationError, TypeError, ValueError, KeyError) as exc:
        raise as_protocol_error(
            exc,
            what=f"the record of task {task_id!r}",
            http_status=reply.status,
            body=reply.excerpt,
        ) from None


# ------------------------------------------------------------------ field readers


def _task_id(value: object, _: Any) -> str:
    text = read_text(value)
    if text is None:
        raise TypeError(f"expected a task id, got {type(value).__name__}")
    return text


def _state(value: object, _: Any) -> TaskState:
    return fold_state(value) if isinstance(value, str) else TaskState.UNKNOWN


def _raw_state(value: object, _: Any) -> str:
    return read_text(value) or ""


def _seconds(value: object, _: Any) -> float | None:
    number = read_number(value)
    return None if number is None or number < 0 else number / 1000


def _usage(value: object, _: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_is(value: object, _: Any) -> Any:
    return value


def _hook(reader: Callable[[object], Any]) -> Callable[[object, Any], Any]:
    return lambda value, _: reader(value)


def find_urls(value: object, *, levels: int = 3) -> tuple[str, ...]:
    """Return the http(s) URLs of a result, in the service's order, without repeats.

    A result is an object with `resultUrls` (a list, or one text), the same under
    another spelling, or a bare list; an entry is a URL or an object with `url`. At
    most `levels` objects may be wrapped around each other.
    """
    value = read_nested(value)
    if isinstance(value, dict):
        for name in _URL_LISTS if levels else ():
            found = find_urls(value.get(name), levels=levels - 1)
            if found:
                return found
        return ()
    entries = value if isinstance(value, list) else [value]
    urls = (e.get("url") if isinstance(e, dict) else e for e in entries)
    usable = (url for url in urls if isinstance(url, str) and _is_http(url))
    return tuple(dict.fromkeys(usable))


_URL_LISTS = ("resultUrls", "result_urls", "resultUrl", "result_url", "resultObject")


def _is_http(url: str) -> bool:
    return url[:8].lower().startswith(("http://", "https://"))


_to_record = make_dict_structure_fn(
    TaskRecord,
    converter,
    task_id=override(rename="taskId", struct_hook=_task_id),
    model=override(struct_hook=_hook(read_text)),
    state=override(struct_hook=_state),
    raw_state=override(rename="state", struct_hook=_raw_state),
    progress=override(struct_hook=_hook(read_progress)),
    param=override(struct_hook=_hook(read_nested)),
    result_urls=override(rename="resultJson", struct_hook=_hook(find_urls)),
    fail_code=override(rename="failCode", struct_hook=_hook(read_text)),
    fail_message=override(rename="failMsg", struct_hook=_hook(read_text)),
    cost_time=override(rename="costTime", struct_hook=_seconds),
    created_at=override(rename="createTime", struct_hook=_hook(read_instant)),
    updated_at=override(rename="updateTime", struct_hook=_hook(read_instant)),
    completed_at=override(rename="completeTime", struct_hook=_hook(read_instant)),
    usage=override(struct_hook=_usage),
    raw=override(struct_hook=_as_is),
)

LIANGXIN = LiangxinDialect()
