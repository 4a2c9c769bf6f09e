"""Traces cost nothing where they are off, and their start says what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from pydantic import ValidationError

from workers import settings
from workers.contracts import Failure, FailureCode, QualityScoreRequest
from workers.jobs.memory import MemoryJobStore
from workers.run.tracing import Tracing, going_on, span_to_go_on
from workers.settings import BrokerSettings

ROOT = Path(__file__).parents[4]


def test_without_a_collector_nothing_is_imported_and_nothing_happens() -> None:
    code = (
        "import sys, workers.run.tasks\n"
        "from workers.run.celery_app import create_celery\n"
        "from workers.settings import WorkerSettings\n"
        "assert create_celery(WorkerSettings()).tracing.provider is None\n"
        "loaded = 'opentelemetry.sdk.trace', 'opentelemetry.exporter'\n"  # redis imports its metrics where they are
        "assert not [name for name in sys.modules if name.startswith(loaded)]"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
    store = MemoryJobStore(BrokerSettings())
    tracing = Tracing()
    assert tracing.request() is None
    tracing.note(job_id="one")
    with tracing.run(store.create(QualityScoreRequest(image_key="a" * 64))[0]) as run, tracing.step("compute"):
        assert span_to_go_on() is None
        run.failed(Failure(code=FailureCode.INTERNAL, detail=""))


def test_the_job_keeps_the_span_that_asked_for_it() -> None:
    tracing = Tracing(TracerProvider())
    assert tracing.provider is not None
    with tracing.provider.get_tracer("test").start_as_current_span("request") as span:
        trace = tracing.request()
    own = span.get_span_context()
    assert trace == f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"
    job, _ = MemoryJobStore(BrokerSettings()).create(QualityScoreRequest(image_key="a" * 64), trace=trace)
    started = job.started("me", job.created_at + 1, owner_dead=lambda _: False)
    with tracing.run(started):
        assert (span_to_go_on() or "").split("-")[1] == (trace or "").split("-")[1]
    assert span_to_go_on() is None
    with going_on(trace):
        assert span_to_go_on() == trace


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "find_spec", lambda _: None)
    with pytest.raises(ValidationError, match=r"pip install 'limen\[otel\]'"):
        BrokerSettings(otlp_endpoint="http://collector:4318")


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://collector", "http://", ""])
def test_an_endpoint_that_is_none_is_named(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="otlp_endpoint"):
        BrokerSettings(otlp_endpoint=endpoint)
