"""Faults of callbacks: when and how often they come, and bodies that nobody expects.

What a callback *says* goes wrong by the kinds that change the answer to a query: an
invented result is `urls`, another's id `wrong_task_id`, a state that is no end
`never_ends`. A fault is chosen when the task's create is accepted.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from attrs import evolve

from liangxin_async.emulator._answer import Answer
from liangxin_async.emulator._callbacks import Manner
from liangxin_async.emulator._kinds import Book, Exchange, Scene, Word
from liangxin_async.emulator._kinds_http import gzipped

BOOK = Book()


# When, how often, how


@BOOK.sends()
def unsent(manner: Manner, _: Mapping[str, Any]) -> Manner:
    """never sent"""
    return evolve(manner, is_sent=False)


@BOOK.sends(seconds=5.0)
def late(manner: Manner, params: Mapping[str, Any]) -> Manner:
    """`seconds` later than an honest one"""
    return evolve(manner, late=params["seconds"])


@BOOK.sends(seconds=1.0)
def early(manner: Manner, params: Mapping[str, Any]) -> Manner:
    """`seconds` before the task's end, while queries show it under way"""
    return evolve(manner, lead=params["seconds"])


@BOOK.sends(times=2, seconds=0.0)
def repeated(manner: Manner, params: Mapping[str, Any]) -> Manner:
    """delivered `times` times, `seconds` apart, word for word, with one signature"""
    return evolve(manner, times=params["times"], spacing=params["seconds"])


@BOOK.sends(parts=10, seconds=1.0)
def slow_body(manner: Manner, params: Mapping[str, Any]) -> Manner:
    """the body in `parts` pieces, `seconds` apart"""
    return evolve(manner, parts=params["parts"], pause=params["seconds"])


@BOOK.sends(form=Word(("wrong", "missing", "old")), seconds=3600.0)
def signature(manner: Manner, params: Mapping[str, Any]) -> Manner:
    """signed wrongly, not at all, or `seconds` ago"""
    return evolve(manner, signature=params["form"], age=params["seconds"])


@BOOK.plays("create")
async def callback_first(scene: Exchange) -> web.StreamResponse:
    """the task ends at once, and the create's answer waits for its callback's first
    attempt"""
    if scene.task is not None:
        scene.courier.end_now(scene.task)
        await scene.courier.attempted(scene.task)
    return scene.answer.response()


# Bodies


@BOOK.alters("callback")
def another_task(scene: Scene) -> Answer:
    """the genuine callback of the first task of the dialect, at this one's address"""
    assert scene.report is not None, "a callback tells of a task"
    assert scene.task is not None, "a callback is about a task"
    other = scene.tasks.before(scene.task) or scene.task
    urls = [scene.base_url + path for path in other.paths]
    told = evolve(scene.report, task=other, task_id=other.task_id, urls=urls)
    return scene.voice.tell(told.ending(), scene.scenario)


@BOOK.alters("callback")
def malformed(scene: Scene) -> Answer:
    """JSON that ends in its middle"""
    body = scene.answer.body
    return scene.answer.with_body(body[: len(body) // 2])


@BOOK.alters("callback", size_bytes=10 << 20)
def padded(scene: Scene) -> Answer:
    """honest JSON with spaces behind it, `size_bytes` in all"""
    return scene.answer.with_body(scene.answer.body.ljust(scene.params["size_bytes"]))


@BOOK.alters("callback")
def gzip_body(scene: Scene) -> Answer:
    """honest JSON, compressed, with the Content-Encoding that says so"""
    return gzipped(scene.answer, gzip.compress(scene.answer.body))


@BOOK.alters("callback", urls=["https://invented.example/1.png"])
def invented(scene: Scene) -> Answer:
    """a success with the `urls` given, whatever becomes of the task"""
    assert scene.report is not None, "a callback tells of a task"
    told = evolve(scene.report, state="success", urls=scene.params["urls"])
    return scene.voice.tell(told, scene.scenario)
