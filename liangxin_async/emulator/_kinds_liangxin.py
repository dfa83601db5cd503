"""Faults inside LiangXin's envelopes: refusals, task ids, and what recordInfo may say.

Kinds that change a good answer leave a refusal as it is. Those about a result or a
failure wait for it: `nth` counts only the answers that they concern.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import evolve

from liangxin_async.emulator._answer import Answer, compact
from liangxin_async.emulator._kinds import (
    HTTP_ROUTES,
    JSON_ROUTES,
    REQUIRED,
    Anything,
    Book,
    Kind,
    Scene,
)
from liangxin_async.emulator._liangxin_forms import NOT_FOUND, form_a, form_b, in_form

BOOK = Book()

Edit: TypeAlias = Callable[[dict[str, Any], Scene], None]


# Refusals


@BOOK.alters(*HTTP_ROUTES, form="B", status=429, code=Anything(""), message="refused")
def refusal(scene: Scene) -> Answer:
    """a refusal in `form` A, B, C or D with `status`, `code` and `message`"""
    p = scene.params
    return in_form(p["form"], p["status"], p["code"], p["message"])


@BOOK.alters(*JSON_ROUTES, status=429)
def empty_body(scene: Scene) -> Answer:
    """`status` without any body (form E)"""
    return Answer(status=scene.params["status"], content_type=None)


@BOOK.alters(*JSON_ROUTES, code=Anything(402), message="Insufficient credits")
def code_in_200(scene: Scene) -> Answer:
    """HTTP 200 that carries an error `code` and `message` (form A)"""
    return form_a(200, scene.params["code"], scene.params["message"])


@BOOK.alters(*JSON_ROUTES, status=200)
def code_455(scene: Scene) -> Answer:
    """business code 455, maintenance, under `status`"""
    return form_a(scene.params["status"], 455, "The service is under maintenance")


@BOOK.alters(*JSON_ROUTES)
def model_not_found(_: Scene) -> Answer:
    """the gateway's own 503: no channel for this model"""
    message = "No available channel for this model under the current group"
    return form_b(503, message, "model_not_found")


@BOOK.alters(*JSON_ROUTES)
def system_cpu_overloaded(_: Scene) -> Answer:
    """the gateway's own 503: overloaded"""
    return form_b(503, "system cpu overloaded", "system_cpu_overloaded")


# Good answers with something odd in `data`


def _edited(scene: Scene, edit: Edit) -> Answer:
    """Return the good answer after `edit` has changed its data; else the refusal."""
    if not scene.answer.is_good or scene.answer.payload is None:
        return scene.answer
    data = dict(scene.answer.payload["data"])
    edit(data, scene)
    return evolve(scene.answer, payload={**scene.answer.payload, "data": data})


def _enter(
    name: str,
    meaning: str,
    edit: Edit,
    *routes: str,
    when: Callable[[Answer], bool] | None = None,
    **params: Any,
) -> None:
    accept = "create" in routes
    BOOK.add(
        Kind(
            name,
            meaning,
            routes,
            accept,
            params,
            when,
            alter=lambda scene: _edited(scene, edit),
        )
    )


def _in_state(*states: str) -> Callable[[Answer], bool]:
    def when(answer: Answer) -> bool:
        payload = answer.payload
        return (
            answer.is_good
            and payload is not None
            and payload["data"]["state"] in states
        )

    return when


_ENDED = _in_state("success", "fail")
_SUCCEEDED = _in_state("success")
_FAILED = _in_state("fail")
_KNOWN = _in_state("waiting", "queuing", "generating", "success", "fail")


# Task ids of an accepted create. The task can be asked for under the id that was told.


def _told(value: Callable[[str, Scene], Any]) -> Edit:
    def edit(data: dict[str, Any], scene: Scene) -> None:
        told = value(data["taskId"], scene)
        data["taskId"] = told
        if scene.task is not None and told not in ("", None):
            scene.tasks.alias(str(told), scene.task)

    return edit


def _earlier_id(own: str, scene: Scene) -> str:
    earlier = None if scene.task is None else scene.tasks.before(scene.task)
    return own if earlier is None else earlier.task_id


def _repeat_id(data: dict[str, Any], scene: Scene) -> None:
    data["taskId"] = _earlier_id(data["taskId"], scene)


def _number(own: str, _: Scene) -> int:
    return int("".join(c for c in own.rsplit("_", 1)[-1] if c.isdigit()) or "1")


for _name, _meaning, _value in (
    ("task_id_empty", "an empty task id", lambda own, _: ""),
    ("task_id_null", "null for a task id", lambda own, _: None),
    ("task_id_number", "a number for a task id", _number),
    ("task_id_long", "a task id of over 10 kB", lambda own, _: own + "x" * 10_000),
    (
        "task_id_path",
        "a task id that looks like a path and a query, with a line break",
        lambda own, _: f"../../{own}?a&b=c#\r\n %00",
    ),
):
    _enter(_name, _meaning, _told(_value), "create")

_enter(
    "task_id",
    "any `value` for a task id",
    _told(lambda _, s: s.params["value"]),
    "create",
    value=REQUIRED,
)
_enter("task_id_missing", "no task id", lambda d, _: d.pop("taskId"), "create")
_enter("task_id_duplicate", "the id of the first task", _repeat_id, "create")


# Records: whose, whether there is one, and in which state


@BOOK.alters("query", form="code_422")
def not_found(scene: Scene) -> Answer:
    """the record is not found, in one of the family's four `form`s"""
    return NOT_FOUND[scene.params["form"]]()


def _wrong_id(data: dict[str, Any], _: Scene) -> None:
    data["taskId"] = "task_of_somebody_else_1"


_enter("wrong_task_id", "the record of another task id", _wrong_id, "query")


def _state(data: dict[str, Any], scene: Scene) -> None:
    _unfinished(data, scene.params["value"])


def _unfinished(data: dict[str, Any], state: str) -> None:
    data.update(state=state, resultJson="", failCode="", failMsg="")
    for name in ("costTime", "createTime", "updateTime", "completeTime"):
        data.pop(name, None)


_enter("state", "the state `value`, without a result", _state, "query", value="paused")
_enter(
    "never_ends",
    "generating for ever",
    lambda data, _: _unfinished(data, "generating"),
    "query",
)
_enter("state_missing", "no state", lambda d, _: d.pop("state"), "query")


_OTHER_WORDS = {
    "waiting": "pending",
    "queuing": "queued",
    "generating": "processing",
    "success": "succeeded",
    "fail": "failed",
}


def _other_words(data: dict[str, Any], _: Scene) -> None:
    data["state"] = _OTHER_WORDS[data["state"]]


def _upper(data: dict[str, Any], _: Scene) -> None:
    data["state"] = data["state"].upper()


def _backwards(data: dict[str, Any], scene: Scene) -> None:
    # One ending has been told in this very answer; more than that is after the end.
    if scene.task is None or scene.task.endings_told < 2:
        return
    state = scene.params["to"]
    _unfinished(data, state)
    if state == "fail":
        data.update(failCode="500", failMsg="failed after all")


_enter("state_other_words", "the family's other words", _other_words, "query")
_enter("state_upper", "the state in capitals", _upper, "query")
_enter(
    "state_backwards",
    "honest until the end was told once; `to` afterwards",
    _backwards,
    "query",
    when=_ENDED,
    to="generating",
)


# Results in recordInfo


def _result(change: Callable[[dict[str, Any], Scene], Any]) -> Edit:
    def edit(data: dict[str, Any], scene: Scene) -> None:
        data["resultJson"] = change(json.loads(data["resultJson"]), scene)

    return edit


def _urls(result: dict[str, Any], scene: Scene) -> str:
    urls = [u.replace("{base}", scene.base_url) for u in scene.params["urls"]]
    return compact({"resultUrls": urls})


def _snake(result: dict[str, Any], _: Scene) -> str:
    return compact({"result_urls": result["resultUrls"]})


def _single(result: dict[str, Any], _: Scene) -> str:
    return compact({"resultUrls": result["resultUrls"][0]})


def _twice(result: dict[str, Any], _: Scene) -> str:
    return compact({"resultUrls": result["resultUrls"] * 2})


for _name, _meaning, _change in (
    ("result_malformed", "resultJson is cut", lambda r, _: compact(r)[:-3]),
    ("result_empty", "resultJson is an empty string", lambda r, _: ""),
    ("result_null", "resultJson is null", lambda r, _: None),
    ("result_object", "resultJson is an object, not text", lambda r, _: r),
    ("result_list", "resultJson is a list of URLs", lambda r, _: r["resultUrls"]),
    ("result_double", "JSON text in JSON text", lambda r, _: compact(compact(r))),
    ("urls_empty", "no URLs", lambda r, _: compact({"resultUrls": []})),
    ("urls_single", "one string", _single),
    ("urls_snake", "result_urls for resultUrls", _snake),
    ("urls_repeated", "each URL twice", _twice),
):
    _enter(_name, _meaning, _result(_change), "query", when=_SUCCEEDED)

_enter(
    "urls",
    "the given `urls` ({base} is the emulator's own address)",
    _result(_urls),
    "query",
    when=_SUCCEEDED,
    urls=REQUIRED,
)
_enter(
    "result_missing",
    "no resultJson",
    lambda d, _: d.pop("resultJson"),
    "query",
    when=_SUCCEEDED,
)


# Failures and odd fields in recordInfo


def _long_message(data: dict[str, Any], scene: Scene) -> None:
    data["failMsg"] = "x" * scene.params["size_bytes"]


def _set(name: str, value: Any) -> Edit:
    def edit(data: dict[str, Any], _: Scene) -> None:
        data[name] = value

    return edit


def _snake_names(data: dict[str, Any], _: Scene) -> None:
    for name in list(data):
        spelled = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
        data[spelled] = data.pop(name)


def _progress(data: dict[str, Any], scene: Scene) -> None:
    data["progress"] = scene.params["value"]


def _times(change: Callable[[int], Any]) -> Edit:
    def edit(data: dict[str, Any], _: Scene) -> None:
        for name in ("createTime", "updateTime", "completeTime"):
            data[name] = change(data[name])

    return edit


def _fail_code_number(data: dict[str, Any], _: Scene) -> None:
    data["failCode"] = int(data["failCode"]) if data["failCode"].isdigit() else 500


for _name, _meaning, _edit in (
    ("fail_code_number", "failCode is an integer", _fail_code_number),
    ("fail_code_missing", "no failCode", lambda d, _: d.pop("failCode")),
    ("fail_message_null", "failMsg is null", _set("failMsg", None)),
):
    _enter(_name, _meaning, _edit, "query", when=_FAILED)

_enter(
    "fail_message_long",
    "failMsg of `size_bytes`",
    _long_message,
    "query",
    when=_FAILED,
    size_bytes=1_000_000,
)
_enter(
    "snake_names", "task_id, result_json and so on", _snake_names, "query", when=_KNOWN
)
_enter("progress", "a progress of `value`", _progress, "query", value=Anything("50%"))
_enter("times_text", "times as text", _times(str), "query", when=_SUCCEEDED)
_enter(
    "times_seconds",
    "times in seconds",
    _times(lambda ms: ms // 1000),
    "query",
    when=_SUCCEEDED,
)


@BOOK.alters(*JSON_ROUTES, accept=True)
def message_for_msg(scene: Scene) -> Answer:
    """`message` in the place of `msg`"""
    payload = scene.answer.payload
    if payload is None or "msg" not in payload:
        return scene.answer
    renamed = {("message" if k == "msg" else k): v for k, v in payload.items()}
    return evolve(scene.answer, payload=renamed)


@BOOK.alters("query")
def data_null(scene: Scene) -> Answer:
    """code 200 with null for data"""
    payload = {"code": 200, "msg": "success", "data": None}
    return evolve(scene.answer, payload=payload)
