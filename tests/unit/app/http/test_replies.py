"""Replies to requests that were understood: the queue, keys, waiting, jobs, and what goes wrong on our side."""

import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.main import create_app
from app.settings import ApiSettings
from tests.assets.pace import in_time
from tests.assets.photos import scene_jpeg, scene_png
from tests.unit.app.http.problems import problem
from workers.run.celery_app import create_celery


def test_a_full_queue_says_when_to_come_back(client: TestClient) -> None:
    for number in range(3):
        assert (
            client.post("/v1/varjpeg", files={"image": scene_jpeg()}, data={"quality": str(70 + number)}).status_code
            == 202
        )
    reply = client.post("/v1/varjpeg", files={"image": scene_jpeg()}, data={"quality": "90"})
    problem(reply, 429, "queue-full")
    assert int(reply.headers["retry-after"]) > 0


def test_an_idempotency_key_stands_for_one_request(client: TestClient) -> None:
    key = {"Idempotency-Key": "order-66"}
    first = client.post("/v1/jnd-map", files={"image": scene_jpeg()}, headers=key)
    again = client.post("/v1/jnd-map", files={"image": scene_jpeg()}, headers=key)
    assert first.json()["id"] == again.json()["id"]
    other = client.post("/v1/jnd-map", files={"image": scene_png()}, headers=key)
    problem(other, 409, "idempotency-conflict")
    too_long = client.post("/v1/jnd-map", files={"image": scene_jpeg()}, headers={"Idempotency-Key": "k" * 256})
    problem(too_long, 422, "request-invalid")


def test_waiting_in_vain_gives_the_job(client: TestClient) -> None:
    reply = client.post("/v1/jnd-map", files={"image": scene_jpeg()}, headers={"Prefer": "wait=1"})
    assert reply.status_code == 202
    assert reply.headers["preference-applied"] == "wait=1"
    result = client.get(f"{reply.headers['location']}/result")
    problem(result, 409, "job-unfinished")
    assert result.headers["retry-after"]


def test_jobs_unknown_cancelled_and_finished(client: TestClient) -> None:
    for path in ("/v1/jobs/none", "/v1/jobs/none/result", "/v1/jobs/none/events", "/v1/jobs/none/artefacts/a"):
        problem(client.get(path), 404, "job-unknown")
    problem(client.delete("/v1/jobs/none"), 404, "job-unknown")
    location = client.post("/v1/jnd-map", files={"image": scene_jpeg()}).headers["location"]
    assert client.delete(location).json()["state"] == "cancelled"
    problem(client.delete(location), 409, "job-finished")
    again = client.delete(location, headers={"Prefer": "handling=lenient"})
    assert (again.status_code, again.json()["state"]) == (200, "cancelled")
    problem(client.delete("/v1/jobs/none", headers={"Prefer": "handling=lenient"}), 404, "job-unknown")
    assert problem(client.get(f"{location}/result"), 409, "job-cancelled")["instance"] == location


def test_an_expired_job_is_gone_not_unknown(tmp_path: Path) -> None:
    settings = ApiSettings(blob_dir=tmp_path, job_expiry_s=1, access_log=False)
    with TestClient(create_app(settings, celery=create_celery(settings))) as client:
        location = client.post("/v1/jnd-map", files={"image": scene_jpeg()}).headers["location"]
        client.delete(location)
        end = time.monotonic() + 5
        while client.get(location).status_code == 200:
            assert time.monotonic() < end
            time.sleep(0.05)
        problem(client.get(location), 410, "job-expired")


def test_without_redis_a_request_learns_so_within_two_seconds(tmp_path: Path) -> None:
    settings = ApiSettings(redis_url=SecretStr("redis://127.0.0.1:1/0"), blob_dir=tmp_path, access_log=False)
    with TestClient(create_app(settings)) as client:
        began = time.perf_counter()
        reply = client.post("/v1/jnd-map", files={"image": scene_jpeg()})
        assert in_time(time.perf_counter() - began, 2)
        problem(reply, 503, "broker-unavailable")
        assert int(reply.headers["retry-after"]) > 0
        problem(client.get("/v1/jobs/abc"), 503, "broker-unavailable")
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["status"] == "not-ready"
        assert client.get("/health/live").status_code == 200
        assert "limen_queue_up 0.0" in client.get("/metrics").text


def test_a_full_disk_is_said(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("workers.blobs.folder.tempfile.NamedTemporaryFile", no_room)
    problem(client.post("/v1/jnd-map", files={"image": scene_jpeg()}), 507, "blob-store-full")


def test_every_reply_has_an_id_and_security_headers(client: TestClient) -> None:
    reply = client.get("/nothing", headers={"X-Request-Id": "abc-1"})
    problem(reply, 404, "route-unknown")
    assert reply.headers["x-request-id"] == "abc-1"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert client.get("/nothing", headers={"X-Request-Id": "a b\tc"}).headers["x-request-id"] != "a b\tc"
    problem(client.put("/v1/jnd-map"), 405, "method-not-allowed")


def test_an_error_nobody_foresaw_is_a_problem_without_its_cause(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a private cause")

    monkeypatch.setattr("workers.jobs.memory.MemoryJobStore.get", fail)
    reply = client.get("/v1/jobs/abc")
    problem(reply, 500, "internal")
    assert "private" not in reply.text
    assert reply.headers["x-request-id"]


def test_the_access_log_has_one_line_of_json_a_request(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="limen.access"):
        client.post("/v1/jnd-map", files={"image": scene_jpeg()})
    (line,) = [record.getMessage() for record in caplog.records if record.name == "limen.access"]
    assert '"path": "/v1/jnd-map"' in line
    assert '"status": 202' in line
    assert len(line) < 500
