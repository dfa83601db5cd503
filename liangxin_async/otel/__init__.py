"""OpenTelemetry for a session: one span per task, from submit to file, and metrics.

    from liangxin_async import Session
    from liangxin_async.otel import OpenTelemetryObserver

    session = Session(observer=OpenTelemetryObserver())

A namespace of its own, because it needs `opentelemetry-api` (the extra `otel`), which
the library does not: nothing else imports it, and a session without this observer pays
nothing. Only the API is used: SDK and exporter are your program's choice, and without
them all of this does nothing.

Names and units follow OpenTelemetry's conventions for generative AI (status:
development) where they have one, and begin with `liangxin.` where they do not. A prompt
is recorded only if you ask for it; no key and no result URL is ever recorded.

    span                                 from                  to
    ----------------------------------   -------------------   -----------------------
    generate_content <model>             submit, or attach     file saved, or the end of
      a child of the caller's span                             the task
      liangxin.queueing                  asks for its permit   has it; once per attempt
      liangxin.creating                  the create is sent    answered
      liangxin.generating                accepted, attached    the end was seen
      liangxin.downloading               a file is fetched     saved; one per file

    metric                               kind                  unit, attributes
    ----------------------------------   -------------------   -----------------------
    gen_ai.client.operation.duration     histogram             s, from submit to the end
    liangxin.client.queue.duration       histogram             s, until a permit
    liangxin.client.task.duration        histogram             s, from acceptance
    liangxin.client.poll.lag             histogram             s, how late the end was
                                                               seen, where the service
                                                               tells its own times
    liangxin.client.download.duration    histogram             s
    liangxin.client.download.size        histogram             By
    liangxin.client.creates              counter               {create}, by
                                                               liangxin.outcome
    liangxin.client.saturated            counter               {create}, the 429s
    liangxin.client.callbacks            counter               {callback}
    liangxin.client.polls                counter               {query}
    liangxin.client.queued_submits       up-down counter       {submit}
    liangxin.client.active_tasks         up-down counter       {task}
    liangxin.client.task_limit           gauge                 {task}, permits that may
                                                               be out

Each metric has the model (`gen_ai.request.model`) and, where something went wrong, the
class of the error (`error.type`).
"""

try:
    import opentelemetry.metrics
    import opentelemetry.trace
except ImportError as exc:
    raise ImportError(
        f"liangxin_async.otel needs opentelemetry-api, which did not load ({exc}): "
        "pip install 'liangxin-async[otel]'"
    ) from exc

from liangxin_async.otel._observer import OpenTelemetryObserver

__all__ = ["OpenTelemetryObserver"]

del opentelemetry
OpenTelemetryObserver.__module__ = __name__
