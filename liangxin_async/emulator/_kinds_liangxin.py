"""Faults that only LiangXin's envelopes can show: codes, forms, and odd resultJson.

Kinds that change a good answer leave a refusal as it is. Those about a result wait for
it: `nth` counts only the answers that they concern. What a whole service does is a
`Family`; some kinds here do the same to single calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from attrs import evolve

from liangxin_async.emulator._answer import Answer, compact
from liangxin_async.emulator._kinds import (
    RECORD_ROUTES,
    REPORT_ROUTES,
    TASK_ROUTES,
    Anything,
    Book,
    Kind,
    Scene,
    has_succeeded,
)
from liangxin_async.emulator._liangxin_forms import form_a, form_b, with_message

BOOK = Book("liangxin")


# Refusals


@BOOK.alters(*TASK_ROUTES, code=Anything(402), message="Insufficient credits")
def code_in_200(scene: Scene) -> Answer:
    """HTTP 200 that carries an error `code` and `message` (form A)"""
    return form_a(200, scene.params["code"], scene.params["message"])


@BOOK.alters(*TASK_ROUTES, status=200)
def code_455(scene: Scene) -> Answer:
    """business code 455, maintenance, under `status`"""
    return form_a(scene.params["status"], 455, "The service is under maintenance")


@BOOK.alters(*TASK_ROUTES)
def model_not_found(_: Scene) -> Answer:
    """the gateway's own 503: no channel for this model"""
    message = "No available channel for this model under the current group"
    return form_b(503, message, "model_not_found")


@BOOK.alters(*TASK_ROUTES)
def system_cpu_overloaded(_: Scene) -> Answer:
    """the gateway's own 503: overloaded"""
    return form_b(503, "system cpu overloaded", "system_cpu_overloaded")


# Single answers as a relative of the family gives them


@BOOK.alters(*REPORT_ROUTES, accept=True)
def message_for_msg(scene: Scene) -> Answer:
    """`message` in the place of `msg`"""
    return with_message(scene.answer)


def _as_family(scene: Scene, **habits: Any) -> Answer:
    """Tell the report again as a family with these habits does."""
    if scene.report is None:
        return scene.answer
    family = evolve(scene.scenario.family, **habits)
    return scene.voice.tell(scene.report, evolve(scene.scenario, family=family))


@BOOK.alters(*REPORT_ROUTES, accept=True)
def snake_names(scene: Scene) -> Answer:
    """task_id, result_json and so on"""
    return _as_family(scene, snake_names=True)


@BOOK.alters(*RECORD_ROUTES, when=has_succeeded)
def urls_snake(scene: Scene) -> Answer:
    """result_urls for resultUrls"""
    return _as_family(scene, result_name="result_urls")


@BOOK.alters(*RECORD_ROUTES, when=has_succeeded)
def times_seconds(scene: Scene) -> Answer:
    """times in seconds"""
    return _as_family(scene, times="seconds")


@BOOK.alters(*RECORD_ROUTES)
def data_null(scene: Scene) -> Answer:
    """code 200 with null for data"""
    payload = {"code": 200, "msg": "success", "data": None}
    return evolve(scene.answer, payload=payload)


# resultJson

_Change: TypeAlias = Callable[[dict[str, Any]], Any]


def _enter(name: str, meaning: str, change: _Change) -> None:
    def put(data: dict[str, Any]) -> None:
        member = "result_json" if "result_json" in data else "resultJson"
        data[member] = change(json.loads(data[member]))

    def alter(scene: Scene) -> Answer:
        return scene.voice.edited(scene.answer, put)

    BOOK.add(Kind(name, meaning, RECORD_ROUTES, when=has_succeeded, alter=alter))


def _first(result: dict[str, Any]) -> Any:
    return next(iter(result.values()))


_ENDS: Final = {"firstFrameUrl": "https://frames.example.com/0", "unheardOf": {"a": 1}}

for _name, _meaning, _change in (
    ("result_malformed", "resultJson is cut", lambda r: compact(r)[:-3]),
    ("result_empty", "resultJson is an empty string", lambda _: ""),
    ("result_object", "resultJson is an object, not text", lambda r: r),
    ("result_list", "resultJson is a list of URLs", _first),
    ("result_double", "JSON text in JSON text", lambda r: compact(compact(r))),
    ("result_extra", "more keys in resultJson", lambda r: compact(r | _ENDS)),
):
    _enter(_name, _meaning, _change)
