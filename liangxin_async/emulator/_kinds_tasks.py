"""Faults about tasks that mean the same in every dialect.

They change the `Report`, and the dialect that was called tells the changed report. A
refusal is left as it is. Those about a result or a failure wait for it: `nth` counts
only the answers that they concern.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from attrs import evolve

from liangxin_async.emulator._answer import Answer
from liangxin_async.emulator._dialect import Denial
from liangxin_async.emulator._family import UNKNOWN_TASK
from liangxin_async.emulator._kinds import (
    JSON_ROUTES,
    RECORD_ROUTES,
    REPORT_ROUTES,
    REQUIRED,
    Anything,
    Book,
    Kind,
    Scene,
    When,
    Word,
    has_ended,
    has_failed,
    has_succeeded,
)
from liangxin_async.emulator._report import MISSING, Report

BOOK = Book()

Edit: TypeAlias = Callable[[Report, Scene], Report]


# Refusals


@BOOK.alters(
    *JSON_ROUTES,
    form=Word(("", "A", "B", "C", "D", "untyped")),
    status=429,
    code=Anything(""),
    message="refused",
    hint=Anything(None),
)
def refusal(scene: Scene) -> Answer:
    """a refusal with `status`, `code` and `message`; `form` is LiangXin's A, B, C
    or D, or "untyped" for EvoLink, whose fallback_suggestion is `hint`"""
    p = scene.params
    return scene.voice.refuse(
        p["form"], p["status"], p["code"], p["message"], p["hint"]
    )


@BOOK.alters(*JSON_ROUTES, status=429)
def empty_body(scene: Scene) -> Answer:
    """`status` without any body (form E)"""
    return Answer(status=scene.params["status"], content_type=None)


@BOOK.alters("query", form=Word(("", *UNKNOWN_TASK)))
def not_found(scene: Scene) -> Answer:
    """the task is not found, in the scenario's form or another `form` of the family"""
    denial = Denial(reason="not_found", form=scene.params["form"])
    return scene.voice.deny(denial, scene.scenario)


@BOOK.alters(*REPORT_ROUTES, accept=True, put={}, drop=[])
def fields(scene: Scene) -> Answer:
    """honest but for fields of the task: those of `put` are set, those named in `drop`
    are left out"""

    def change(body: dict[str, Any]) -> None:
        body.update(scene.params["put"])
        for name in scene.params["drop"]:
            body.pop(name, None)

    if scene.report is None:
        return scene.answer
    return scene.voice.edited(scene.answer, change)


# Changed reports


def _enter(
    name: str,
    meaning: str,
    edit: Edit,
    *routes: str,
    when: When | None = None,
    **params: Any,
) -> None:
    def alter(scene: Scene) -> Answer:
        if scene.report is None:
            return scene.answer
        return scene.voice.tell(edit(scene.report, scene), scene.scenario)

    accept = "create" in routes
    BOOK.add(Kind(name, meaning, routes, accept, params, when, alter=alter))


def _put(**values: Any) -> Edit:
    return lambda report, _: evolve(report, **values)


# Task ids of an accepted create. The task can be asked for under the id that was told.


def _told(value: Callable[[str, Scene], Any]) -> Edit:
    def edit(report: Report, scene: Scene) -> Report:
        told = value(report.task_id, scene)
        if scene.task is not None and told not in ("", None):
            scene.tasks.alias(str(told), scene.task)
        return evolve(report, task_id=told)

    return edit


def _repeat_id(report: Report, scene: Scene) -> Report:
    earlier = None if scene.task is None else scene.tasks.before(scene.task)
    return report if earlier is None else evolve(report, task_id=earlier.task_id)


def _number(own: str, _: Scene) -> int:
    return int("".join(c for c in own if c in "0123456789") or "1")


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
_enter("task_id_missing", "no task id", _put(task_id=MISSING), "create")
_enter("task_id_duplicate", "the id of the first task", _repeat_id, "create")


# States


def _foreign(report: Report, scene: Scene) -> Report:
    return evolve(report, task_id=scene.voice.foreign_id)


def _state(report: Report, scene: Scene) -> Report:
    return evolve(report, state="generating", word=scene.params["value"])


def _other_word(report: Report, scene: Scene) -> Report:
    return evolve(report, word=scene.voice.other_words[report.state])


def _capitals(report: Report, scene: Scene) -> Report:
    return evolve(report, word=scene.voice.words[report.state].upper())


def _backwards(report: Report, scene: Scene) -> Report:
    # One ending has been told in this very answer; more than that is after the end.
    if scene.task is None or scene.task.endings_told < 2:
        return report
    state = scene.params["to"]
    back = evolve(report, state=state)
    if state == "fail":
        back = evolve(back, fail_code=None, fail_message="failed after all")
    return back


_enter("wrong_task_id", "the record of another task id", _foreign, *RECORD_ROUTES)
_enter(
    "state",
    "the state `value`, without a result",
    _state,
    *RECORD_ROUTES,
    value="paused",
)
_enter("never_ends", "under way for ever", _put(state="generating"), *RECORD_ROUTES)
_enter("state_missing", "no state", _put(word=MISSING), *RECORD_ROUTES)
_enter("state_other_words", "other words for the states", _other_word, *RECORD_ROUTES)
_enter("state_upper", "the state in capitals", _capitals, *RECORD_ROUTES)
_enter(
    "state_backwards",
    "honest until the end was told once; `to` afterwards",
    _backwards,
    "query",
    when=has_ended,
    to=Word(("generating", "waiting", "queuing", "success", "fail")),
)


# Results


def _urls(report: Report, scene: Scene) -> Report:
    urls = [u.replace("{base}", scene.base_url) for u in scene.params["urls"]]
    return evolve(report, urls=urls)


def _changed(change: Callable[[Any], Any]) -> Edit:
    return lambda report, _: evolve(report, urls=change(report.urls))


for _name, _meaning, _change in (
    ("result_missing", "nothing that holds the URLs", lambda _: MISSING),
    ("result_null", "null for what holds the URLs", lambda _: None),
    ("urls_empty", "no URLs", lambda _: []),
    ("urls_single", "one string for the list of URLs", lambda urls: urls[0]),
    ("urls_repeated", "each URL twice", lambda urls: urls * 2),
):
    _enter(_name, _meaning, _changed(_change), *RECORD_ROUTES, when=has_succeeded)

_enter(
    "urls",
    "the given `urls` ({base} is the emulator's own address)",
    _urls,
    *RECORD_ROUTES,
    when=has_succeeded,
    urls=REQUIRED,
)


# Failures, progress and times


def _code_number(report: Report, _: Scene) -> Report:
    code = report.fail_code
    is_number = isinstance(code, str) and code.isdecimal()
    return evolve(report, fail_code=int(code) if is_number else 500)


def _long_message(report: Report, scene: Scene) -> Report:
    return evolve(report, fail_message="x" * scene.params["size_bytes"])


def _progress(report: Report, scene: Scene) -> Report:
    return evolve(report, progress=scene.params["value"])


for _name, _meaning, _edit in (
    ("fail_code_number", "the code of a failure is an integer", _code_number),
    ("fail_code_missing", "no code of a failure", _put(fail_code=MISSING)),
    ("fail_message_null", "null for the text of a failure", _put(fail_message=None)),
):
    _enter(_name, _meaning, _edit, *RECORD_ROUTES, when=has_failed)

_enter(
    "fail_message_long",
    "a text of `size_bytes` for a failure",
    _long_message,
    *RECORD_ROUTES,
    when=has_failed,
    size_bytes=1_000_000,
)
_enter(
    "progress",
    "a progress of `value`",
    _progress,
    *RECORD_ROUTES,
    value=Anything("50%"),
)
_TIMED: Final = {"times_text": "text", "times_missing": "absent"}
for _name, _way in _TIMED.items():
    _meaning = f"times are {_way}"
    _enter(_name, _meaning, _put(times=_way), *RECORD_ROUTES, when=has_succeeded)
