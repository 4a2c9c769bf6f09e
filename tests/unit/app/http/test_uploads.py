"""Bodies that are too long, too slow, broken or empty, and what is left of them; no worker is needed for that."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.main import create_app
from app.settings import ApiSettings
from tests.assets.hostile_images import png_of_zeros, scene_jpeg, scene_png
from tests.assets.pace import in_time
from workers.run.celery_app import create_celery

LIMIT = 20_000


@pytest.fixture
def settings(tmp_path: Path) -> ApiSettings:
    return ApiSettings(
        blob_dir=tmp_path / "blobs",
        max_upload_bytes=LIMIT,
        queue_limit=3,
        receive_idle_s=0.3,
        receive_total_s=1.0,
        access_log=False,
    )


@pytest.fixture
def app(settings: ApiSettings) -> FastAPI:
    return create_app(settings, celery=create_celery(settings))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def _problem(response: Any, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["type"]) == (status, f"/problems/{code}"), body
    assert response.headers["content-type"] == "application/problem+json"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["instance"].startswith("/")
    return body


def _stored(settings: ApiSettings) -> list[Path]:
    assert settings.blob_dir is not None
    return [path for path in settings.blob_dir.rglob("*") if path.is_file()]


def test_a_form_is_accepted_and_its_job_can_be_looked_up(client: TestClient) -> None:
    accepted = client.post("/v1/varjpeg", files={"image": ("a.jpg", scene_jpeg())}, data={"target_sur": "0.75"})
    assert accepted.status_code == 202
    assert accepted.headers["location"] == f"/v1/jobs/{accepted.json()['id']}"
    status = client.get(accepted.headers["location"])
    assert status.json()["state"] == "queued"
    assert status.headers["retry-after"]


@pytest.mark.parametrize("media_type", ["image/png", "image/anything", "application/octet-stream"])
def test_the_file_itself_may_be_the_body_with_fields_in_the_query(client: TestClient, media_type: str) -> None:
    reply = client.post("/v1/sur-curve?percent=60", content=scene_png(), headers={"Content-Type": media_type})
    assert reply.status_code == 202


def test_fields_come_with_the_form_in_any_order(client: TestClient) -> None:
    boundary, before = "b", 'name="quality"\r\n\r\n80'
    body = (
        f"--{boundary}\r\nContent-Disposition: form-data; {before}\r\n--{boundary}\r\n"
        'Content-Disposition: form-data; name="image"\r\n\r\n'
    ).encode() + scene_jpeg()
    tail = f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="format"\r\n\r\njpeg\r\n--{boundary}--\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    reply = client.post("/v1/varjpeg", content=body + tail.encode(), headers=headers)
    assert reply.status_code == 202, reply.text


def test_what_a_form_leaves_blank_counts_as_not_sent(client: TestClient) -> None:
    key = {"Idempotency-Key": "blank"}
    blank = {"quality": "", "max_bytes": "", "target_sur": "0.5"}
    files = {"image": ("a.jpg", scene_jpeg()), "protect": ("", b"")}
    accepted = client.post("/v1/varjpeg", files=files, data=blank, headers=key)
    assert accepted.status_code == 202, accepted.text
    same = client.post("/v1/varjpeg", files={"image": scene_jpeg()}, data={"target_sur": "0.5"}, headers=key)
    assert same.json()["id"] == accepted.json()["id"]


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
@pytest.mark.parametrize("form", [False, True], ids=["raw", "form"])
def test_a_body_beyond_the_limit_is_refused_and_leaves_nothing(
    client: TestClient, settings: ApiSettings, *, chunked: bool, form: bool
) -> None:
    content = scene_jpeg() + bytes(LIMIT + 90_000)
    headers = {"Content-Type": "image/jpeg"}
    if form:
        part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        content, headers = part + content + b"\r\n--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}
    pieces = (content[start : start + 5000] for start in range(0, len(content), 5000))
    reply = client.post("/v1/jnd-map", content=pieces if chunked else content, headers=headers)
    _problem(reply, 413, "upload-too-large")
    assert _stored(settings) == []


def test_a_file_just_over_the_limit_is_refused_inside_a_form(client: TestClient, settings: ApiSettings) -> None:
    reply = client.post("/v1/jnd-map", files={"image": scene_jpeg() + bytes(LIMIT)})
    _problem(reply, 413, "upload-too-large")
    assert _stored(settings) == []


def test_an_image_too_large_in_pixels_is_refused_from_its_header(client: TestClient, settings: ApiSettings) -> None:
    bomb = png_of_zeros(13312, 13312)[: LIMIT - 1]
    began = time.perf_counter()
    problem = _problem(client.post("/v1/jnd-map", files={"image": bomb}), 413, "image-too-large")
    assert "13312 x 13312" in problem["detail"]
    assert in_time(time.perf_counter() - began, 0.5)
    assert _stored(settings) == []


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "upload-empty"),
        (b"<svg/>", 415, "image-type-unsupported"),
        (b"\xff\xd8\xff", 422, "image-undecodable"),
    ],
)
def test_what_is_no_image_is_refused_by_content(
    client: TestClient, settings: ApiSettings, content: bytes, status: int, code: str
) -> None:
    reply = client.post("/v1/jnd-map", files={"image": ("photo.jpg", content, "image/jpeg")})
    assert "image" in _problem(reply, status, code)["detail"]
    assert _stored(settings) == []


def test_a_reference_is_checked_like_the_image(client: TestClient, settings: ApiSettings) -> None:
    reply = client.post("/v1/full-reference-score", files={"reference": scene_jpeg(), "distorted": b"%PDF-1.7"})
    assert "distorted" in _problem(reply, 415, "image-type-unsupported")["detail"]
    assert _stored(settings) == []


@pytest.mark.parametrize(
    ("path", "files", "data", "field"),
    [
        ("/v1/jnd-map", {}, {"a": "b"}, "image"),
        ("/v1/jnd-map", {"photo": b"x"}, {}, "photo"),
        ("/v1/varjpeg", {"image": scene_jpeg()}, {"quality": "101"}, "quality"),
        ("/v1/varjpeg", {"image": scene_jpeg()}, {"quality": "high"}, "quality"),
        ("/v1/varjpeg", {"image": scene_jpeg()}, {"quality": "80", "target_sur": "0.5"}, "request"),
        ("/v1/varjpeg", {"image": scene_jpeg()}, {"target_sur": "nan"}, "target_sur"),
        ("/v1/varjpeg", {"image": scene_jpeg()}, {"colour": "red"}, "colour"),
        ("/v1/varjpeg", {"image": scene_jpeg()}, {"image_key": "0" * 64}, "image_key"),
        ("/v1/varjpeg", {"image": scene_jpeg()}, {"capability": "jnd-map"}, "capability"),
        ("/v1/varjpeg?quality=70", {"image": scene_jpeg()}, {"quality": "80"}, "quality"),
        ("/v1/full-reference-score", {"reference": scene_jpeg()}, {}, "distorted"),
        ("/v1/sur-curve", {"image": scene_jpeg()}, {"observer": "../x"}, "observer"),
        ("/v1/sur-curve", {"image": scene_jpeg()}, {"observer": "x" * 5000}, "observer"),
    ],
)
def test_each_field_at_fault_is_named(
    client: TestClient, path: str, files: dict[str, bytes], data: dict[str, str], field: str
) -> None:
    parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in data.items()]
    parts += [(name, ("a.jpg", value)) for name, value in files.items()]
    problem = _problem(client.post(path, files=parts), 422, "request-invalid")
    assert field in [error["field"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("multipart/form-data", b"--b--", 400, "upload-malformed"),
        ("multipart/form-data; boundary=" + "b" * 300, b"--b--", 400, "upload-malformed"),
        ("multipart/form-data; boundary=b", b"no boundary here", 400, "upload-malformed"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disp", 400, "upload-malformed"),
        ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n\r\nz\r\n--b--\r\n", 400, "upload-malformed"),
        ("multipart/form-data; boundary=b", b"", 400, "upload-malformed"),
        ("application/x-www-form-urlencoded", b"image=1", 415, "media-type-unsupported"),
        ("application/json", b"{}", 415, "media-type-unsupported"),
        ("text/plain", b"hello", 415, "media-type-unsupported"),
    ],
)
def test_bodies_that_cannot_be_read(client: TestClient, content_type: str, body: bytes, status: int, code: str) -> None:
    _problem(client.post("/v1/jnd-map", content=body, headers={"Content-Type": content_type}), status, code)


def test_a_request_without_a_body_says_what_is_missing(client: TestClient) -> None:
    assert _problem(client.post("/v1/jnd-map"), 422, "request-invalid")["errors"][0]["field"] == "image"


def test_a_form_of_many_parts_is_refused(client: TestClient) -> None:
    parts = [(f"field{number}", (None, "x")) for number in range(40)]
    _problem(client.post("/v1/jnd-map", files=parts), 400, "upload-malformed")


async def _trickle(app: FastAPI, pause_s: float, *, leaves: bool = False) -> list[dict[str, Any]]:
    """Send 20 pieces with a pause after each, straight into the application; its messages."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/jnd-map",
        "raw_path": b"/v1/jnd-map",
        "query_string": b"",
        "headers": [(b"content-type", b"image/jpeg")],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("test", 80),
        "client": ("test", 1),
    }
    sent: list[dict[str, Any]] = []

    async def pieces() -> AsyncIterator[dict[str, Any]]:
        for _ in range(20):
            yield {"type": "http.request", "body": scene_jpeg()[:50], "more_body": True}
            if leaves:
                break
            await asyncio.sleep(pause_s)
        yield {"type": "http.disconnect"}

    stream = pieces()

    async def receive() -> dict[str, Any]:
        return await anext(stream, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("pause_s", [0.6, 0.15], ids=["pauses-too-long", "takes-too-long-in-all"])
def test_a_slow_upload_ends_with_408_and_leaves_nothing(app: FastAPI, settings: ApiSettings, pause_s: float) -> None:
    began = time.perf_counter()
    start, body = asyncio.run(_trickle(app, pause_s))[:2]
    assert start["status"] == 408
    assert b"/problems/upload-timeout" in body["body"]
    assert (b"connection", b"close") in start["headers"]
    assert in_time(time.perf_counter() - began, 2)
    assert _stored(settings) == []


def test_a_client_that_leaves_in_mid_upload_leaves_nothing(app: FastAPI, settings: ApiSettings) -> None:
    asyncio.run(_trickle(app, 0, leaves=True))
    assert _stored(settings) == []


def test_a_full_queue_says_when_to_come_back(client: TestClient) -> None:
    for number in range(3):
        assert (
            client.post("/v1/varjpeg", files={"image": scene_jpeg()}, data={"quality": str(70 + number)}).status_code
            == 202
        )
    reply = client.post("/v1/varjpeg", files={"image": scene_jpeg()}, data={"quality": "90"})
    _problem(reply, 429, "queue-full")
    assert int(reply.headers["retry-after"]) > 0


def test_an_idempotency_key_stands_for_one_request(client: TestClient) -> None:
    key = {"Idempotency-Key": "order-66"}
    first = client.post("/v1/jnd-map", files={"image": scene_jpeg()}, headers=key)
    again = client.post("/v1/jnd-map", files={"image": scene_jpeg()}, headers=key)
    assert first.json()["id"] == again.json()["id"]
    other = client.post("/v1/jnd-map", files={"image": scene_png()}, headers=key)
    _problem(other, 409, "idempotency-conflict")
    too_long = client.post("/v1/jnd-map", files={"image": scene_jpeg()}, headers={"Idempotency-Key": "k" * 256})
    _problem(too_long, 422, "request-invalid")


def test_waiting_in_vain_gives_the_job(client: TestClient) -> None:
    reply = client.post("/v1/jnd-map", files={"image": scene_jpeg()}, headers={"Prefer": "wait=1"})
    assert reply.status_code == 202
    assert reply.headers["preference-applied"] == "wait=1"
    result = client.get(f"{reply.headers['location']}/result")
    _problem(result, 409, "job-unfinished")
    assert result.headers["retry-after"]


def test_jobs_unknown_cancelled_and_finished(client: TestClient) -> None:
    for path in ("/v1/jobs/none", "/v1/jobs/none/result", "/v1/jobs/none/events", "/v1/jobs/none/artefacts/a"):
        _problem(client.get(path), 404, "job-unknown")
    _problem(client.delete("/v1/jobs/none"), 404, "job-unknown")
    location = client.post("/v1/jnd-map", files={"image": scene_jpeg()}).headers["location"]
    assert client.delete(location).json()["state"] == "cancelled"
    _problem(client.delete(location), 409, "job-finished")
    assert _problem(client.get(f"{location}/result"), 409, "job-cancelled")["instance"] == location


def test_an_expired_job_is_gone_not_unknown(tmp_path: Path) -> None:
    settings = ApiSettings(blob_dir=tmp_path, job_expiry_s=1, access_log=False)
    with TestClient(create_app(settings, celery=create_celery(settings))) as client:
        location = client.post("/v1/jnd-map", files={"image": scene_jpeg()}).headers["location"]
        client.delete(location)
        end = time.monotonic() + 5
        while client.get(location).status_code == 200:
            assert time.monotonic() < end
            time.sleep(0.05)
        _problem(client.get(location), 410, "job-expired")


def test_without_redis_a_request_learns_so_within_two_seconds(tmp_path: Path) -> None:
    settings = ApiSettings(redis_url=SecretStr("redis://127.0.0.1:1/0"), blob_dir=tmp_path, access_log=False)
    with TestClient(create_app(settings)) as client:
        began = time.perf_counter()
        reply = client.post("/v1/jnd-map", files={"image": scene_jpeg()})
        assert in_time(time.perf_counter() - began, 2)
        _problem(reply, 503, "broker-unavailable")
        assert int(reply.headers["retry-after"]) > 0
        _problem(client.get("/v1/jobs/abc"), 503, "broker-unavailable")
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["status"] == "not-ready"
        assert client.get("/health/live").status_code == 200
        assert "limen_queue_up 0.0" in client.get("/metrics").text


def test_a_full_disk_is_said(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("workers.blobs.tempfile.mkstemp", no_room)
    _problem(client.post("/v1/jnd-map", files={"image": scene_jpeg()}), 507, "blob-store-full")


def test_every_reply_has_an_id_and_security_headers(client: TestClient) -> None:
    reply = client.get("/nothing", headers={"X-Request-Id": "abc-1"})
    _problem(reply, 404, "route-unknown")
    assert reply.headers["x-request-id"] == "abc-1"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert client.get("/nothing", headers={"X-Request-Id": "a b\tc"}).headers["x-request-id"] != "a b\tc"
    _problem(client.put("/v1/jnd-map"), 405, "method-not-allowed")


def test_an_error_nobody_foresaw_is_a_problem_without_its_cause(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a private cause")

    monkeypatch.setattr("workers.jobs.memory.MemoryJobStore.get", fail)
    reply = client.get("/v1/jobs/abc")
    _problem(reply, 500, "internal")
    assert "private" not in reply.text
    assert reply.headers["x-request-id"]


def test_the_access_log_has_one_line_of_json_a_request(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="limen.access"):
        client.post("/v1/jnd-map", files={"image": scene_jpeg()})
    (line,) = [record.getMessage() for record in caplog.records if record.name == "limen.access"]
    assert '"path": "/v1/jnd-map"' in line
    assert '"status": 202' in line
    assert len(line) < 500
