"""What the SDK recorded, in a shape that tests can compare."""

from __future__ import annotations

from collections import Counter
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, Span, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from liangxin_async.otel import OpenTelemetryObserver


class _Counting(SimpleSpanProcessor):
    """Also counts the spans that begin."""

    begun = 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.begun += 1


class Telemetry:
    """A tracer and a meter that keep all in memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.processor = _Counting(self.exporter)
        self.tracers.add_span_processor(self.processor)
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)

    def observer(self, **options: Any) -> OpenTelemetryObserver:
        return OpenTelemetryObserver(
            tracer_provider=self.tracers, meter_provider=self.meters, **options
        )

    def spans(self) -> list[ReadableSpan]:
        """The ended ones, by their begin."""
        spans = self.exporter.get_finished_spans()
        return sorted(spans, key=lambda span: span.start_time or 0)

    def named(self, start: str) -> list[ReadableSpan]:
        return [span for span in self.spans() if span.name.startswith(start)]

    def task(self) -> ReadableSpan:
        """The span of the one task there is."""
        (span,) = self.named("generate_content")
        return span

    def names(self) -> Counter[str]:
        return Counter(span.name for span in self.spans())

    def points(self, metric: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        assert data is not None
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == metric
            for point in found.data.data_points
        ]

    def sums(self, metric: str, *by: str) -> dict[Any, Any]:
        """Values (for a histogram: counts) by the values of some attributes."""
        found: dict[Any, Any] = {}
        for point in self.points(metric):
            attributes = dict(point.attributes)
            key = tuple(attributes.get(name) for name in by)
            value = getattr(point, "value", None)
            found[key] = found.get(key, 0) + (point.count if value is None else value)
        return found

    def everything(self) -> str:
        """All that was recorded, as text."""
        data = self.reader.get_metrics_data()
        metrics = "" if data is None else data.to_json()
        return "".join(span.to_json() for span in self.spans()) + metrics

    def close(self) -> None:
        self.tracers.shutdown()
        self.meters.shutdown()
