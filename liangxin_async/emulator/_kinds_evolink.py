"""Faults that only EvoLink's task object can show.

Most faults about tasks play in every dialect and stand in `_kinds_tasks`; `fields`
there covers what is merely set or left out (usage, task_info, object, ...).
"""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from liangxin_async.emulator._answer import Answer
from liangxin_async.emulator._kinds import (
    RECORD_ROUTES,
    REPORT_ROUTES,
    Book,
    Scene,
    Word,
    has_succeeded,
)

BOOK = Book("evolink")

_BARE: Final = ("id", "status", "results", "error")


@BOOK.alters(*RECORD_ROUTES, when=has_succeeded)
def results_objects(scene: Scene) -> Answer:
    """`results` holds objects with a url, and there is no result_data"""

    def change(body: dict[str, Any]) -> None:
        body["results"] = [{"url": url} for url in body["results"]]
        del body["result_data"]

    return scene.voice.edited(scene.answer, change)


@BOOK.alters(
    *RECORD_ROUTES,
    when=has_succeeded,
    results=Word(("missing", "null", "empty")),
    form=Word(("list", "object")),
    key="url",
)
def result_data_only(scene: Scene) -> Answer:
    """URLs stand under `key` in result_data alone, a list of objects or one object;
    `results` is missing, null or empty"""
    results, form, key = (scene.params[name] for name in ("results", "form", "key"))

    def change(body: dict[str, Any]) -> None:
        data = [{key: url} for url in body["results"]]
        body["result_data"] = data[0] if form == "object" else data
        body["results"] = None if results == "null" else []
        if results == "missing":
            del body["results"]

    return scene.voice.edited(scene.answer, change)


@BOOK.alters(*RECORD_ROUTES, spelling="cancelled")
def cancelled(scene: Scene) -> Answer:
    """the status `spelling`, with the error request_cancelled"""
    if scene.report is None:
        return scene.answer
    told = evolve(
        scene.report,
        state="fail",
        word=scene.params["spelling"],
        fail_code="request_cancelled",
        fail_message="the request was cancelled",
    )
    return scene.voice.tell(told, scene.scenario)


@BOOK.alters("create", accept=True)
def created_ended(scene: Scene) -> Answer:
    """the create is answered with the task's end: completed, or failed as it was to"""
    if scene.report is None or scene.task is None:
        return scene.answer
    scene.courier.end_now(scene.task)
    return scene.voice.tell(scene.report.ending(), scene.scenario)


@BOOK.alters(*REPORT_ROUTES, accept=True)
def bare(scene: Scene) -> Answer:
    """nothing but id, status, results and error"""

    def change(body: dict[str, Any]) -> None:
        for name in [name for name in body if name not in _BARE]:
            del body[name]

    if scene.report is None:
        return scene.answer
    return scene.voice.edited(scene.answer, change)
