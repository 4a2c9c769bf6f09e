"""Bodies that are too long, too slow, broken or empty, and what is left of them; no worker is needed for that."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.settings import ApiSettings
from tests.assets.broken_files import png_of_zeros
from tests.assets.pace import in_time
from tests.assets.photos import scene_jpeg, scene_png
from tests.unit.app.http.problems import problem


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
    content = scene_jpeg() + bytes(settings.max_upload_bytes + 90_000)
    headers = {"Content-Type": "image/jpeg"}
    if form:
        part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        content, headers = part + content + b"\r\n--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}
    pieces = (content[start : start + 5000] for start in range(0, len(content), 5000))
    reply = client.post("/v1/jnd-map", content=pieces if chunked else content, headers=headers)
    problem(reply, 413, "upload-too-large")
    assert _stored(settings) == []


def test_a_file_just_over_the_limit_is_refused_inside_a_form(client: TestClient, settings: ApiSettings) -> None:
    reply = client.post("/v1/jnd-map", files={"image": scene_jpeg() + bytes(settings.max_upload_bytes)})
    problem(reply, 413, "upload-too-large")
    assert _stored(settings) == []


def test_an_image_too_large_in_pixels_is_refused_from_its_header(client: TestClient, settings: ApiSettings) -> None:
    bomb = png_of_zeros(13312, 13312)[: settings.max_upload_bytes - 1]
    began = time.perf_counter()
    refused = problem(client.post("/v1/jnd-map", files={"image": bomb}), 413, "image-too-large")
    assert "13312 x 13312" in refused["detail"]
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
    assert "image" in problem(reply, status, code)["detail"]
    assert _stored(settings) == []


def test_a_reference_is_checked_like_the_image(client: TestClient, settings: ApiSettings) -> None:
    reply = client.post("/v1/full-reference-score", files={"reference": scene_jpeg(), "distorted": b"%PDF-1.7"})
    assert "distorted" in problem(reply, 415, "image-type-unsupported")["detail"]
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
    refused = problem(client.post(path, files=parts), 422, "request-invalid")
    assert field in [error["field"] for error in refused["errors"]]


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
    problem(client.post("/v1/jnd-map", content=body, headers={"Content-Type": content_type}), status, code)


def test_a_request_without_a_body_says_what_is_missing(client: TestClient) -> None:
    assert problem(client.post("/v1/jnd-map"), 422, "request-invalid")["errors"][0]["field"] == "image"


def test_a_form_of_many_parts_is_refused(client: TestClient) -> None:
    parts = [(f"field{number}", (None, "x")) for number in range(40)]
    problem(client.post("/v1/jnd-map", files=parts), 400, "upload-malformed")


async def _trickle(app: FastAPI, pause_s: float, *, leaves: bool = False, whole: bool = False) -> list[dict[str, Any]]:
    """Send 20 pieces with a pause after each, straight into the application; its messages.

    Who ``leaves`` sends one piece, which may be the ``whole`` file.
    """
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
            piece = scene_jpeg() if whole else scene_jpeg()[:50]
            yield {"type": "http.request", "body": piece, "more_body": not whole}
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


def test_a_client_that_leaves_before_its_job_is_made_leaves_no_job(app: FastAPI) -> None:
    asyncio.run(_trickle(app, 0, leaves=True, whole=True))
    assert app.state.services.jobs.statistics().queued == 0
