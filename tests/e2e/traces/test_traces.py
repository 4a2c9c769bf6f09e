"""One trace goes from the request through the queue to the worker, over OTLP to a collector, in both modes."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assets.photos import noise, png
from tests.assets.service_process import ServiceProcess
from tests.e2e.traces.collector import Collector, Span

pytestmark = pytest.mark.slow

REQUEST_ID = "traced-request"
PARENTS = {
    "embedded": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "redis": "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01",
}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def service(
    redis_url: str | None, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """Embedded with the real models, in whose child the steps are made; with Redis with canned tasks."""
    folder = tmp_path_factory.mktemp("traced")
    traced = {"redis_url": redis_url, "otlp_endpoint": collector.url}
    with ServiceProcess(folder, real=redis_url is None, **traced) as running:  # type: ignore[arg-type]
        yield running


def of_job(spans: list[Span], job_id: str) -> dict[str, Span]:
    """The spans of the trace of a job, by name."""
    traces = {span.trace for span in spans if span.attributes.get("limen.job_id") == job_id}
    return {span.name: span for span in spans if span.trace in traces}


def test_a_trace_goes_from_the_request_to_the_run(service: ServiceProcess, collector: Collector) -> None:
    reply = service.client.post(
        "/v1/quality-score",
        files={"image": png(noise(64, 64, 1))},
        headers={"X-Request-Id": REQUEST_ID, "traceparent": PARENTS[service.mode], "Prefer": "wait=60"},
    )
    assert reply.status_code == 200, reply.text
    job_id = reply.headers["Limen-Job"].rsplit("/", 1)[1]
    names = {"POST /v1/quality-score", "limen queue", "limen run"}
    if service.mode == "embedded":
        names |= {"limen compute", "limen store"}
    spans = of_job(collector.until(lambda found: names <= set(of_job(found, job_id))), job_id)
    assert set(spans) == names
    request, queue, run = (spans[name] for name in ("POST /v1/quality-score", "limen queue", "limen run"))
    assert (request.trace, request.parent) == tuple(PARENTS[service.mode].split("-")[1:3])
    assert queue.parent == run.parent == request.id
    assert request.began - 0.1 <= queue.began <= queue.ended <= run.ended
    assert queue.ended <= run.began + 0.5
    for span in (request, queue, run):
        assert span.attributes["limen.job_id"] == job_id
        assert span.attributes["limen.request_id"] == REQUEST_ID
        assert not span.failed
    assert run.attributes["limen.capability"] == "quality-score"
    for name in names - {request.name, queue.name, run.name}:
        assert spans[name].parent == run.id
        assert run.began <= spans[name].began <= spans[name].ended <= run.ended


def test_a_failure_is_recorded(service: ServiceProcess, collector: Collector) -> None:
    whole = png(noise(64, 64, 2))
    accepted = service.client.post("/v1/quality-score", files={"image": whole[: len(whole) // 2]})
    job_id = accepted.json()["id"]
    spans = of_job(collector.until(lambda found: "limen run" in of_job(found, job_id)), job_id)
    assert spans["limen run"].failed
    assert spans["limen run"].attributes["error.type"] == "image-undecodable"


def test_probes_are_not_traced_and_secrets_stay_out(service: ServiceProcess, collector: Collector) -> None:
    service.client.get("/health/live")
    service.client.get("/metrics")
    service.client.get("/v1/observe/a-secret-link", params={"word": "hidden"})
    collector.until(lambda found: any(span.attributes.get("url.path") == "/v1/observe/..." for span in found))
    time.sleep(1.5)
    told = [str(value) for span in collector.spans for value in span.attributes.values()]
    assert not [value for value in told if "secret" in value or "hidden" in value]
    assert not [value for value in told if "/health/" in value or "/metrics" in value]


def test_a_collector_that_is_away_costs_no_job(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path, otlp_endpoint="http://127.0.0.1:9") as service:
        sent = {"files": {"image": png(noise(64, 64, 3))}, "headers": {"Prefer": "wait=30"}}
        assert service.client.post("/v1/quality-score", **sent).status_code == 200  # type: ignore[arg-type]
