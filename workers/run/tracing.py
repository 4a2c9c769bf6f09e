"""Traces over OTLP: one from the HTTP request over the wait in the queue to the run and its steps.

A job's record carries the id of the span that asked for it (W3C ``traceparent``), so the trace goes on in whichever
process runs the job, also after a restart. OpenTelemetry's SDK is imported when ``LIMEN_OTLP_ENDPOINT`` is set.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

from workers.contracts import Failure
from workers.jobs.record import Job

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

JOB_ID, REQUEST_ID = "limen.job_id", "limen.request_id"
DELAY_MS = 1000
"""Spans are sent this often; those of a process that is killed in between are lost."""

_under: ContextVar[str | None] = ContextVar("limen-trace", default=None)


def span_to_go_on() -> str | None:
    """``traceparent`` of the span that this thread's work belongs to, for another process; None without traces."""
    return _under.get()


@contextlib.contextmanager
def going_on(traceparent: str | None) -> Iterator[None]:
    """Steps inside the block, in this thread, belong to that span."""
    token = _under.set(traceparent)
    try:
        yield
    finally:
        _under.reset(token)


class Tracing:
    """Where the spans of this process go; without ``provider`` there are none, and every method does nothing."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        self.provider = provider
        self._tracer = None if provider is None else provider.get_tracer("limen")

    def request(self) -> str | None:
        """``traceparent`` of the HTTP request that this is called for, for the record of its job."""
        if self._tracer is None:
            return None
        from opentelemetry.trace import get_current_span

        return _traceparent(get_current_span())

    def note(self, **attributes: str) -> None:
        """Put attributes on the span of the HTTP request that this is called for: ``limen.NAME``."""
        if self._tracer is not None:
            from opentelemetry.trace import get_current_span

            get_current_span().set_attributes({f"limen.{name}": value for name, value in attributes.items()})

    @contextlib.contextmanager
    def run(self, job: Job) -> Iterator["Run"]:
        """The wait of a job that has just been started, as a span that has ended, and its run as one around the block.

        Times are by the clock of the job store, but for the end of the run.
        """
        if self._tracer is None or job.started_at is None:
            yield Run(None)
            return
        known: dict[str, str | int] = {
            JOB_ID: job.id,
            "limen.capability": job.request.capability,
            "limen.attempt": job.attempts,
        }
        if job.request_id is not None:
            known[REQUEST_ID] = job.request_id
        asked = _context(job.trace)
        started = _ns(job.started_at)
        waited = self._tracer.start_span("limen queue", context=asked, attributes=known, start_time=_ns(job.sent_at))
        waited.end(started)
        with (
            self._tracer.start_as_current_span("limen run", context=asked, attributes=known) as span,
            going_on(_traceparent(span)),
        ):
            yield Run(span)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A part of a run as a span around the block, in the process that does the work; errors are recorded."""
        if self._tracer is None:
            yield
            return
        with self._tracer.start_as_current_span(f"limen {name}", context=_context(_under.get())):
            yield


class Run:
    """The span of a run, or nothing."""

    def __init__(self, span: "Span | None") -> None:
        self._span = span

    def failed(self, failure: Failure) -> None:
        """Record how the job failed; the private cause stays in the log."""
        if self._span is not None:
            from opentelemetry.trace import StatusCode

            self._span.set_attribute("error.type", failure.code)
            self._span.set_status(StatusCode.ERROR, failure.detail)


def opened_tracing(endpoint: str | None) -> Tracing:
    """Traces to an OTLP/HTTP collector such as ``http://collector:4318``, or none."""
    if endpoint is None:
        return Tracing()
    from workers.run.otlp import provider_to

    return Tracing(provider_to(endpoint, DELAY_MS))


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


def _traceparent(span: "Span") -> str | None:
    found = span.get_span_context()
    if not found.is_valid:
        return None
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}"


def _context(traceparent: str | None) -> "Context | None":
    """None: whatever is current in this thread, which in a worker is nothing."""
    if traceparent is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent})
