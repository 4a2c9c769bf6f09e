"""What holds for every address: HEAD, Allow, ranges, encodings of bodies, and a slow disc that stalls nothing else."""

import gzip
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import ApiSettings
from tests.assets.photos import scene_jpeg
from tests.unit.app.http.problems import problem
from workers.blobs.store import BlobWriter
from workers.contracts import Artefact, JobResult, StudyLadderResult
from workers.run.celery_app import LimenCelery, create_celery

LIMIT = 50_000
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
RAW = {"Content-Type": "image/jpeg"}


@pytest.fixture
def celery(tmp_path: Path) -> LimenCelery:
    return create_celery(_settings(tmp_path))


@pytest.fixture
def app(tmp_path: Path, celery: LimenCelery) -> FastAPI:
    return create_app(_settings(tmp_path), celery=celery)


def _settings(folder: Path) -> ApiSettings:
    return ApiSettings(blob_dir=folder / "blobs", max_upload_bytes=LIMIT, max_wait_s=1, access_log=False)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.fixture
def finished(client: TestClient, celery: LimenCelery) -> str:
    """The path of a job that has succeeded."""
    job_id = client.post("/v1/varjpeg", files={"image": scene_jpeg()}).json()["id"]
    data = scene_jpeg()
    artefact = Artefact(name="photo.jpg", media_type="image/jpeg", key=celery.blobs.put(data), size_bytes=len(data))
    result = JobResult(body=StudyLadderResult(width=1, height=1), artefacts=[artefact])
    celery.jobs.update(job_id, lambda job, now: job.started("test", now, owner_dead=lambda _: False))
    celery.jobs.update(job_id, lambda job, now: job.succeeded("test", now, result))
    return f"/v1/jobs/{job_id}"


def _stored(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "path",
    ["/", "/docs", "/study", "/page/sample.png", "/docs/assets/swagger-ui.css", "/openapi.json", "/health/live",
     "/health/ready", "/metrics", "/problems", "/problems/internal", "/v1/models", "/nothing", "/v1/jobs/none"],
)  # fmt: skip
def test_head_is_get_without_the_body(client: TestClient, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers["content-type"] == got.headers["content-type"]
    if path != "/metrics":
        assert head.headers["content-length"] == str(len(got.content))


def test_head_of_a_job_and_its_files(client: TestClient, finished: str) -> None:
    for path in (finished, f"{finished}/result", f"{finished}/artefacts/photo.jpg"):
        got, head = client.get(path), client.head(path, headers={"Range": "bytes=0-1"})
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(got.content))
        assert head.headers.get("etag") == got.headers.get("etag")
    assert client.head(f"{finished}/events").headers["content-type"].startswith("text/event-stream")


def test_head_of_a_stream_that_goes_on_ends_at_once(client: TestClient) -> None:
    location = client.post("/v1/varjpeg", files={"image": scene_jpeg()}).headers["location"]
    began = time.monotonic()
    assert client.head(f"{location}/events").status_code == 200
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/jobs/abc", "GET, HEAD, DELETE"),
        ("POST", "/v1/jobs/abc", "GET, HEAD, DELETE"),
        ("GET", "/v1/varjpeg", "POST"),
        ("HEAD", "/v1/varjpeg", "POST"),
        ("PATCH", "/v1/studies/abc", "GET, HEAD, DELETE"),
        ("DELETE", "/health/live", "GET, HEAD"),
        ("POST", "/page/sample.png", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
        ("OPTIONS", "/v1/observe/a/sessions/b/trials/1", "POST"),
    ],
)
def test_allow_names_every_method(client: TestClient, method: str, path: str, allowed: str) -> None:
    reply = client.request(method, path)
    assert reply.status_code == 405
    assert reply.headers["allow"] == allowed
    if method != "HEAD":
        problem(reply, 405, "method-not-allowed")


def test_ranges(client: TestClient, finished: str) -> None:
    path, size = f"{finished}/artefacts/photo.jpg", len(scene_jpeg())
    assert client.get(path, headers={"Range": "bytes=0-9"}).content == scene_jpeg()[:10]
    for target in (path, f"{finished}/result", "/page/sample.png"):
        outside = client.get(target, headers={"Range": "bytes=99999999-", "Accept": "image/*"})
        problem(outside, 416, "range-not-satisfiable")
    assert client.get(path, headers={"Range": f"bytes={size}-"}).headers["content-range"] == f"bytes */{size}"
    for unreadable in ("lines=1-2", "bytes=5-2", "bytes=-", "bytes", "bytes=a-b", "bytes=1-2,", "bytes=" + "9" * 5000):
        reply = client.get(path, headers={"Range": unreadable})
        assert (reply.status_code, reply.content) == (200, scene_jpeg()), unreadable


@pytest.mark.parametrize("form", [False, True], ids=["raw", "form"])
def test_a_gzip_body_is_read(client: TestClient, *, form: bool) -> None:
    head, tail = b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\n', b"\r\n--b--\r\n"
    body = gzip.compress(head + scene_jpeg() + tail if form else scene_jpeg())
    for name in ("gzip", "x-gzip", "identity, GZIP"):
        headers = (FORM if form else RAW) | {"Content-Encoding": name}
        key = {"Idempotency-Key": "one"}
        first = client.post("/v1/jnd-map", content=body, headers=headers | key)
        assert first.status_code == 202, first.text
        plain = client.post("/v1/jnd-map", content=scene_jpeg(), headers=RAW | key)
        assert plain.json()["id"] == first.json()["id"]


def test_a_gzip_body_of_several_members_and_an_encoded_study(client: TestClient) -> None:
    half = len(scene_jpeg()) // 2
    body = gzip.compress(scene_jpeg()[:half]) + gzip.compress(scene_jpeg()[half:])
    headers = RAW | {"Content-Encoding": "gzip"}
    assert client.post("/v1/jnd-map", content=body, headers=headers).status_code == 202
    study = gzip.compress(b'{"title": "Spring", "consent_text": "Answers are stored under a random number."}')
    reply = client.post("/v1/studies", content=study, headers=headers | {"Content-Type": "application/json"})
    assert reply.status_code == 201, reply.text


def test_a_gzip_bomb_ends_at_the_limit(client: TestClient, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(1 << 28), 9)
    small = bomb[:40_000]
    for content in (bomb, small):
        began = time.monotonic()
        reply = client.post("/v1/jnd-map", content=content, headers=RAW | {"Content-Encoding": "gzip"})
        problem(reply, 413, "upload-too-large")
        assert time.monotonic() - began < 2
    assert _stored(tmp_path / "blobs") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no gzip",
        gzip.compress(scene_jpeg())[:-5],
        gzip.compress(scene_jpeg()) + b"more",
        zlib.compress(scene_jpeg()),
    ],
)
def test_a_damaged_gzip_body_is_said(client: TestClient, tmp_path: Path, body: bytes) -> None:
    reply = client.post("/v1/jnd-map", content=body, headers=RAW | {"Content-Encoding": "gzip"})
    assert "gzip" in problem(reply, 400, "upload-malformed")["detail"]
    assert _stored(tmp_path / "blobs") == []


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "aes128gcm"])
def test_any_other_encoding_is_refused_by_name(client: TestClient, encoding: str) -> None:
    reply = client.post("/v1/jnd-map", content=scene_jpeg(), headers=RAW | {"Content-Encoding": encoding})
    assert encoding in problem(reply, 415, "content-encoding-unsupported")["detail"]
    assert reply.headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\nabc', "Part 1 (image)"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\nX: y\r\n\r\nz\r\n--b--\r\n', "Part 2"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--bX', "Part 1 (a)"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--b--\r\n', "Field a"),
        (b'--b\r\nContent-Disposition: form-data; name="image"\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n'
         b"--b--\r\n", "Content-Transfer-Encoding 'base64'"),
        (b"no boundary", "Before the first part"),
    ],
)  # fmt: skip
def test_a_fault_in_a_form_says_which_part_and_why(client: TestClient, body: bytes, said: str) -> None:
    assert said in problem(client.post("/v1/jnd-map", content=body, headers=FORM), 400, "upload-malformed")["detail"]


def test_a_file_that_is_too_large_is_named(client: TestClient) -> None:
    files = {"reference": scene_jpeg(), "distorted": scene_jpeg() + bytes(LIMIT)}
    refused = problem(client.post("/v1/full-reference-score", files=files), 413, "upload-too-large")
    assert refused["detail"].startswith("distorted: ")


@pytest.mark.parametrize("accept", ["image/jpeg", "image/*", "image/jpeg, image/png;q=0.5", "image/jpeg, */*;q=0"])
@pytest.mark.parametrize("prefer", [{"Prefer": "wait=0"}, {"Prefer": "wait=1"}, {}], ids=["0", "1", "none"])
def test_who_takes_only_pictures_never_gets_a_2xx_that_is_none(
    client: TestClient, accept: str, prefer: dict[str, str]
) -> None:
    reply = client.post("/v1/varjpeg", files={"image": scene_jpeg()}, headers=prefer | {"Accept": accept})
    refused = problem(reply, 503, "wait-ended")
    assert int(reply.headers["retry-after"]) > 0
    assert client.get(reply.headers["location"]).json()["state"] == "queued"
    assert refused["instance"] == reply.headers["location"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "image/jpeg, application/json;q=0.1", "text/html"])
def test_who_takes_json_is_told_of_the_job(client: TestClient, accept: str) -> None:
    reply = client.post("/v1/varjpeg", files={"image": scene_jpeg()}, headers={"Prefer": "wait=0", "Accept": accept})
    assert reply.status_code == 202


@pytest.mark.parametrize("form", [False, True], ids=["raw", "form"])
def test_a_slow_disc_stalls_no_other_request(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, *, form: bool
) -> None:
    writing, go_on = threading.Event(), threading.Event()
    write = BlobWriter.write

    def slow(self: BlobWriter, chunk: bytes) -> None:
        writing.set()
        assert go_on.wait(20)
        write(self, chunk)

    monkeypatch.setattr(BlobWriter, "write", slow)
    content: dict[str, Any] = {"files": {"image": scene_jpeg()}} if form else {"content": scene_jpeg(), "headers": RAW}
    replies: list[int] = []
    uploads = [
        threading.Thread(target=lambda: replies.append(client.post("/v1/jnd-map", **content).status_code))
        for _ in range(4)
    ]
    for upload in uploads:
        upload.start()
    assert writing.wait(10)
    began = time.monotonic()
    assert client.get("/health/live").status_code == 200
    assert client.get("/v1/jobs/none").status_code == 404
    assert time.monotonic() - began < 2
    go_on.set()
    for upload in uploads:
        upload.join(20)
    assert replies == [202] * 4
