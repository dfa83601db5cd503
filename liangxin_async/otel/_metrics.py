"""The metrics: counts and durations, by model and class of error.

Durations are seconds between two events, from the loop's monotonic clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from opentelemetry import metrics

from liangxin_async._errors import SaturatedError
from liangxin_async._events import (
    CallbackTaken,
    DownloadComplete,
    DownloadFailed,
    PollComplete,
    PollFailed,
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
from liangxin_async.otel._names import MODEL, SCOPE, Attributes, Bounded, of_error

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter, MeterProvider

    from liangxin_async._errors import LiangxinError
    from liangxin_async._events import Event

_MOST = 100_000  # submits and tasks whose begin is remembered

# Seconds: from a refusal in milliseconds to a video of an hour.
_LONG = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 3600)
_SHORT = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_BYTES = tuple(1024 * 4**power for power in range(11))  # to 1 GiB


@frozen
class _Begun:
    """When a task was asked for and accepted, monotonic seconds."""

    queued: float
    accepted: float


class Metrics:
    """Counts and measures what is told."""

    def __init__(self, provider: MeterProvider | None, common: Attributes) -> None:
        self._common = common
        self._queued_at: Bounded[int, float] = Bounded(_MOST)
        self._begun: Bounded[str, _Begun] = Bounded(_MOST)
        meter = metrics.get_meter(SCOPE, __version__, provider)
        self._make_counters(meter)
        self._make_histograms(meter)

    def _make_counters(self, meter: Meter) -> None:
        self._creates = meter.create_counter(
            "liangxin.client.creates", "{create}", "Creates that were sent, by outcome"
        )
        self._saturated = meter.create_counter(
            "liangxin.client.saturated", "{create}", "Creates refused with 429"
        )
        self._polls = meter.create_counter(
            "liangxin.client.polls", "{query}", "Queries about tasks"
        )
        self._callbacks = meter.create_counter(
            "liangxin.client.callbacks", "{callback}", "Callbacks that were taken"
        )
        self._queued = meter.create_up_down_counter(
            "liangxin.client.queued_submits",
            "{submit}",
            "Submits that wait for a permit",
        )
        self._active = meter.create_up_down_counter(
            "liangxin.client.active_tasks",
            "{task}",
            "Tasks that were accepted or attached, and are not over",
        )
        self._limit = meter.create_gauge(
            "liangxin.client.task_limit",
            "{task}",
            "Permits of a model that may be out, as of its last create",
        )

    def _make_histograms(self, meter: Meter) -> None:
        def histogram(
            name: str,
            words: str,
            bounds: tuple[float, ...] = _LONG,
            unit: str = "s",
        ) -> Histogram:
            return meter.create_histogram(
                name, unit, words, explicit_bucket_boundaries_advisory=bounds
            )

        self._operation = histogram(
            "gen_ai.client.operation.duration", "From the submit to the end of its task"
        )
        self._queue = histogram(
            "liangxin.client.queue.duration", "How long a create waited for its permit"
        )
        self._task = histogram(
            "liangxin.client.task.duration", "From acceptance to the end that was seen"
        )
        self._lag = histogram(
            "liangxin.client.poll.lag", "How late the end of a task was seen", _SHORT
        )
        self._download = histogram(
            "liangxin.client.download.duration", "How long a file took", _SHORT
        )
        self._size = histogram(
            "liangxin.client.download.size", "Sizes of files", _BYTES, "By"
        )

    def hear(self, event: Event) -> None:
        """Count one event."""
        match event:
            case PollComplete() | PollFailed():
                self._polled(event)
            case CallbackTaken():
                self._callbacks.add(1, self._common)
            case TaskAttached():
                self._active.add(1, self._of(event.model))
            case TaskSettled():
                self._settled(event)
            case DownloadComplete():
                self._download.record(event.took, self._common)
                self._size.record(event.size_bytes, self._common)
            case DownloadFailed():
                about = {**self._common, **of_error(event.error)}
                self._download.record(event.took, about)
            case _:
                self._submitted(event)

    def _submitted(self, event: Event) -> None:
        match event:
            case SubmitQueued():
                self._queued_at[event.submit_id] = event.at
                self._queued.add(1, self._of(event.model))
            case SubmitStarted():
                about = self._of(event.model)
                self._queued.add(-1, about)
                self._queue.record(event.queued, about)
                self._limit.set(event.limit, about)
            case SubmitAccepted():
                # In doubt it was counted as failed; then a callback found its task,
                # which began who knows when.
                queued = self._queued_at.pop(event.submit_id, None)
                self._sent(event.model, "rescued" if queued is None else "accepted")
                self._active.add(1, self._of(event.model))
                if queued is not None:
                    self._begun[event.task_id] = _Begun(queued, event.at)
            case SubmitRefused():
                self._sent(event.model, "refused", event.error)
                self._queued.add(1, self._of(event.model))
            case SubmitFailed():
                self._failed(event)
            case SubmitCancelled():
                self._queued_at.pop(event.submit_id, None)
                if event.queued:
                    self._queued.add(-1, self._of(event.model))
                else:
                    self._sent(event.model, "cancelled")

    def _sent(
        self, model: str, outcome: str, error: LiangxinError | None = None
    ) -> None:
        about = self._of(model, error)
        self._creates.add(1, {**about, "liangxin.outcome": outcome})
        if isinstance(error, SaturatedError):
            self._saturated.add(1, self._of(model))

    def _failed(self, event: SubmitFailed) -> None:
        if event.queued:
            self._queued.add(-1, self._of(event.model))
        else:
            self._sent(event.model, "failed", event.error)
        queued = self._queued_at.pop(event.submit_id, None)
        if queued is not None:
            about = self._of(event.model, event.error)
            self._operation.record(event.at - queued, about)

    def _polled(self, event: PollComplete | PollFailed) -> None:
        if isinstance(event, PollFailed):
            self._polls.add(1, {**self._common, **of_error(event.error)})
            return
        self._polls.add(1, self._common)
        record, begun = event.record, self._begun.get(event.task_id)
        if begun is None or not record.state.is_terminal:
            return
        if record.created_at is None or record.completed_at is None:
            return
        told = (record.completed_at - record.created_at).total_seconds()
        # Both times are the service's own, so that its clock need not be ours.
        lag = event.at - begun.accepted - told
        if told > 0 and lag >= 0:
            self._lag.record(lag, self._of(record.model))

    def _settled(self, event: TaskSettled) -> None:
        self._active.add(-1, self._of(event.model))
        begun = self._begun.pop(event.task_id, None)
        if begun is not None:  # else it was attached, or rescued
            about = self._of(event.model, event.error)
            self._task.record(event.age, about)
            self._operation.record(event.at - begun.queued, about)

    def _of(self, model: str | None, error: LiangxinError | None = None) -> Attributes:
        known: Attributes = {} if model is None else {MODEL: model}
        wrong = {} if error is None else of_error(error)
        return {**self._common, **known, **wrong}
