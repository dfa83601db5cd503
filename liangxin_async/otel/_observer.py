"""`OpenTelemetryObserver`: every event goes to the spans and to the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liangxin_async._config import check_duration
from liangxin_async.otel._metrics import Metrics
from liangxin_async.otel._names import common
from liangxin_async.otel._spans import Spans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from liangxin_async._events import Event


class OpenTelemetryObserver:
    """An observer that makes spans and metrics; see the module for their names.

    Pass one to `Session(observer=...)`, alone or in a list. Sessions of one event loop
    may share it; give those of other services or loops their own.

    The span of a task begins as a child of the span that is current where `submit`,
    `generate` or `attach` is called, or where the first outcome of a `map` is asked
    for. It ends with the last file if a download begins within `wait_for_download`
    seconds of a result, and otherwise at the instant at which the result was seen. A
    download that begins later, or in another process, has a span of its own, linked to
    the task's where that is remembered (the last thousand). So nothing waits for a
    download that never comes, and closing the session ends what still waits.

    Args:
        tracer_provider: makes the tracer; None takes the program's global one.
        meter_provider: makes the meter; None takes the program's global one.
        provider: value of `gen_ai.provider.name`.
        attributes: more attributes for every span and metric, such as what tells two
            sessions apart.
        record_prompts: put the prompt into `gen_ai.input.messages`. Off, because
            prompts are your users' words.
        wait_for_download: seconds from 0 that the span of a finished task stays open
            for a download to begin.

    Raises:
        ConfigurationError: `wait_for_download` is no duration.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        provider: str = "liangxin",
        attributes: Mapping[str, str | bool | int | float] | None = None,
        record_prompts: bool = False,
        wait_for_download: float = 5.0,
    ) -> None:
        check_duration("wait_for_download", wait_for_download)
        shared = common(provider, attributes or {})
        self._spans = Spans(
            tracer_provider,
            shared,
            record_prompts=record_prompts,
            wait=wait_for_download,
        )
        self._metrics = Metrics(meter_provider, shared)

    def __call__(self, event: Event, /) -> None:
        """Take in one event. Called by the session, in its loop."""
        self._spans.hear(event)
        self._metrics.hear(event)
