"""The spans: one for each task, with its phases below it.

Invariants:
- A span that begins is ended exactly once: by what ends its submit, task or download,
  by the time for a download running out, or by being the oldest of too many.
- At most one phase of a task is open besides its downloads.
- What waits for a download waits in `_finished`, with a timer; nothing waits there
  after `SessionClosed`.

Spans begin and end at the wall clock of the step in which an event is told.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from attrs import define, field
from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from liangxin_async._events import (
    CallbackTaken,
    DownloadCancelled,
    DownloadComplete,
    DownloadFailed,
    DownloadRetried,
    DownloadStarted,
    PollComplete,
    SessionClosed,
    SubmitAccepted,
    SubmitCancelled,
    SubmitFailed,
    SubmitQueued,
    SubmitRefused,
    SubmitStarted,
    TaskAttached,
    TaskSettled,
)
from liangxin_async._version import __version__
from liangxin_async.otel._names import (
    MODEL,
    OPERATION,
    SCOPE,
    Attributes,
    Bounded,
    of_error,
)

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext, TracerProvider

    from liangxin_async._errors import LiangxinError
    from liangxin_async._events import Event
    from liangxin_async._records import TaskRecord
    from liangxin_async.models import Request

_MOST_OPEN = 100_000  # submits and tasks with an open span
_MOST_WAITING = 10_000  # finished tasks that wait for a download
_REMEMBERED = 1000  # ended spans that a late download is linked to


@define(eq=False)
class _Traced:
    """A task, or a call of `download` that belongs to none that is open."""

    span: Span | None
    phase: Span | None = None
    shown: tuple[object, object] = (None, None)  # state and progress told last
    ended_ns: int | None = None  # when the result was seen
    timer: asyncio.TimerHandle | None = None
    downloads: dict[int, list[Span]] = field(factory=dict)  # by position

    def end_phase(self) -> None:
        if self.phase is not None:
            self.phase.end()
            self.phase = None

    def end(self, at_ns: int | None = None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.end_phase()
        for span in (span for spans in self.downloads.values() for span in spans):
            span.end()
        if self.span is not None:
            self.span.end(at_ns)

    def end_as_seen(self) -> None:
        """End it at the instant of its result: no download came."""
        self.end(self.ended_ns)


class Spans:
    """Makes the spans of what is told."""

    def __init__(
        self,
        provider: TracerProvider | None,
        common: Attributes,
        *,
        record_prompts: bool,
        wait: float,
    ) -> None:
        self._tracer = trace.get_tracer(SCOPE, __version__, provider)
        self._common = common
        self._record_prompts = record_prompts
        self._wait = wait
        self._submits: Bounded[int, _Traced] = Bounded(_MOST_OPEN, _Traced.end)
        self._tasks: Bounded[str, _Traced] = Bounded(_MOST_OPEN, _Traced.end)
        self._finished: Bounded[str, _Traced] = Bounded(
            _MOST_WAITING, _Traced.end_as_seen
        )
        self._fetched: Bounded[str, _Traced] = Bounded(_MOST_OPEN, _Traced.end)
        self._past: Bounded[str, SpanContext] = Bounded(_REMEMBERED)

    def hear(self, event: Event) -> None:
        """Follow one event."""
        match event:
            case SubmitQueued():
                span = self._begin_task(event.model, self._asked(event.request))
                traced = self._submits[event.submit_id] = _Traced(span)
                self._begin_phase(traced, "queueing")
            case CallbackTaken():
                self._called(event)
            case TaskAttached():
                self._attached(event)
            case PollComplete():
                self._polled(event)
            case TaskSettled():
                self._settled(event)
            case SessionClosed():
                while self._finished:
                    self._finished.popitem()[1].end_as_seen()
            case DownloadStarted():
                self._fetching(event)
            case (
                DownloadRetried()
                | DownloadComplete()
                | DownloadFailed()
                | DownloadCancelled()
            ):
                self._fetched_on(event)
            case _:
                self._submitted(event)

    # --------------------------------------------------------------------- submits

    def _asked(self, request: Request) -> Attributes:
        known: Attributes = {}
        if request.kind is not None:
            known["gen_ai.output.type"] = request.kind
        if self._record_prompts and request.prompt is not None:
            text = {"type": "text", "content": request.prompt}
            message = {"role": "user", "parts": [text]}
            known["gen_ai.input.messages"] = json.dumps([message], ensure_ascii=False)
        return known

    def _submitted(self, event: Event) -> None:
        if not isinstance(
            event,
            SubmitStarted
            | SubmitAccepted
            | SubmitRefused
            | SubmitFailed
            | SubmitCancelled,
        ):
            return  # an event of a later version, or one that no span shows
        traced = self._submits.get(event.submit_id)
        if traced is None:
            if isinstance(event, SubmitAccepted):  # its span ended with the doubt
                self._follow(event.task_id, event.model, "liangxin.rescued")
            return
        if isinstance(event, SubmitRefused | SubmitFailed) and traced.phase is not None:
            _mark(traced.phase, event.error)
        traced.end_phase()
        match event:
            case SubmitStarted():
                about: Attributes = {
                    "liangxin.attempt": event.attempt,
                    "liangxin.in_flight": event.in_flight,
                    "liangxin.limit": event.limit,
                }
                self._begin_phase(traced, "creating", about)
            case SubmitRefused():
                self._begin_phase(traced, "queueing")
            case SubmitAccepted():
                del self._submits[event.submit_id]
                self._accepted(traced, event)
            case SubmitFailed() | SubmitCancelled():
                del self._submits[event.submit_id]
                self._not_accepted(traced, event)

    def _accepted(self, traced: _Traced, event: SubmitAccepted) -> None:
        assert traced.span is not None, "a submit has a span"
        about: Attributes = {
            "liangxin.task.id": event.task_id,
            "liangxin.attempts": event.attempt,
            "liangxin.detached": event.detached,
        }
        traced.span.set_attributes(about)
        self._begin_phase(traced, "generating")
        self._tasks[event.task_id] = traced

    def _not_accepted(
        self, traced: _Traced, event: SubmitFailed | SubmitCancelled
    ) -> None:
        assert traced.span is not None, "a submit has a span"
        traced.span.set_attribute("liangxin.attempts", event.attempt)
        if isinstance(event, SubmitFailed):
            _mark(traced.span, event.error)
        else:
            traced.span.set_attribute("liangxin.cancelled", True)
        traced.end()

    # ----------------------------------------------------------------------- tasks

    def _begin_task(self, model: str | None, about: Attributes) -> Span:
        """Begin a span below the caller's: this runs in the caller's context."""
        known: Attributes = {} if model is None else {MODEL: model}
        return self._tracer.start_span(
            OPERATION if model is None else f"{OPERATION} {model}",
            kind=SpanKind.CLIENT,
            attributes={**self._common, **known, **about},
        )

    def _begin_phase(
        self, traced: _Traced, name: str, about: Attributes | None = None
    ) -> None:
        assert traced.span is not None, "only a task has phases"
        below = trace.set_span_in_context(traced.span)
        traced.phase = self._tracer.start_span(
            f"liangxin.{name}", below, attributes=about
        )

    def _attached(self, event: TaskAttached) -> None:
        if event.task_id in self._tasks:
            return  # another session follows it too
        self._follow(event.task_id, event.model, "liangxin.attached")

    def _follow(self, task_id: str, model: str | None, how: str) -> None:
        """Begin the span of a task whose create is in no span of ours."""
        about: Attributes = {"liangxin.task.id": task_id, how: True}
        traced = _Traced(self._begin_task(model, about))
        self._begin_phase(traced, "generating")
        self._tasks[task_id] = traced

    def _called(self, event: CallbackTaken) -> None:
        traced = self._tasks.get(event.task_id)
        if traced is not None and traced.phase is not None:
            traced.phase.add_event("liangxin.callback")

    def _polled(self, event: PollComplete) -> None:
        traced, record = self._tasks.get(event.task_id), event.record
        now = (record.state, record.progress)
        if traced is None or traced.phase is None or traced.shown == now:
            return
        traced.shown = now
        traced.phase.add_event("liangxin.state", _standing(record))

    def _settled(self, event: TaskSettled) -> None:
        traced = self._tasks.pop(event.task_id, None)
        if traced is None or traced.span is None:
            return
        traced.end_phase()
        traced.span.set_attribute("liangxin.polls", event.polls)
        self._past[event.task_id] = traced.span.get_span_context()
        if event.error is not None:
            _mark(traced.span, event.error)
            traced.end()
            return
        traced.span.set_attribute("gen_ai.response.id", event.task_id)
        traced.ended_ns = time.time_ns()
        if self._wait <= 0:
            traced.end()
            return
        self._finished[event.task_id] = traced
        traced.timer = asyncio.get_running_loop().call_later(
            self._wait, self._no_download, event.task_id, traced
        )

    def _no_download(self, task_id: str, traced: _Traced) -> None:
        if self._finished.get(task_id) is traced:
            del self._finished[task_id]
        traced.end_as_seen()

    # ------------------------------------------------------------------- downloads

    def _fetching(self, event: DownloadStarted) -> None:
        traced = self._fetched.get(event.task_id)
        if traced is None:
            traced = self._finished.pop(event.task_id, None) or _Traced(None)
            if traced.timer is not None:
                traced.timer.cancel()
            self._fetched[event.task_id] = traced
        about: Attributes = {
            "liangxin.task.id": event.task_id,
            "liangxin.position": event.position,
        }
        links = []
        if traced.span is None:
            past = self._past.get(event.task_id)
            links = [] if past is None else [Link(past)]
        span = self._tracer.start_span(
            "liangxin.downloading",
            None if traced.span is None else trace.set_span_in_context(traced.span),
            attributes=about,
            links=links,
        )
        traced.downloads.setdefault(event.position, []).append(span)

    def _fetched_on(
        self,
        event: DownloadRetried | DownloadComplete | DownloadFailed | DownloadCancelled,
    ) -> None:
        traced = self._fetched.get(event.task_id)
        spans = None if traced is None else traced.downloads.get(event.position)
        if traced is None or not spans:
            return
        if isinstance(event, DownloadRetried):
            spans[-1].add_event("liangxin.retry", of_error(event.error))
            return
        span = spans.pop()
        if not spans:
            del traced.downloads[event.position]
        if isinstance(event, DownloadComplete):
            span.set_attribute("liangxin.size_bytes", event.size_bytes)
        elif isinstance(event, DownloadFailed):
            _mark(span, event.error)
        else:
            span.set_attribute("liangxin.cancelled", True)
        span.end()
        more = isinstance(event, DownloadComplete) and event.position + 1 < event.files
        if not more and not traced.downloads:
            del self._fetched[event.task_id]
            traced.end()


def _standing(record: TaskRecord) -> Attributes:
    known: Attributes = {"liangxin.task.state": record.state.value}
    if record.progress is not None:
        known["liangxin.task.progress"] = record.progress
    return known


def _mark(span: Span, error: LiangxinError) -> None:
    """Say that a span failed, in the class of the error; its words may be a prompt."""
    code = getattr(error, "fail_code", None)
    known: Attributes = {} if code is None else {"liangxin.fail_code": code}
    span.set_attributes({**of_error(error), **known})
    span.set_status(Status(StatusCode.ERROR))
