"""The request path over real HTTP, the same suite for both modes; only the models are canned."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.assets.hostile_images import Expect, HostileImage, hostile_images
from tests.assets.pace import in_time
from tests.assets.photos import SLOW_WIDTH, noise, png, scene, scene_jpeg, scene_png
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow
WAIT = {"Prefer": "wait=30"}
JSON = {"Accept": "application/json"}
PICTURE = {"Accept": "image/jpeg"}


def new_photo(seed: int, width: int = 64) -> bytes:
    """A PNG nobody has sent before."""
    return png(noise(48, width, seed))


@pytest.fixture(scope="module")
def service(redis_url: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(
        tmp_path_factory.mktemp("service"), redis_url=redis_url, keep_alive_s=0.2, max_tasks_per_child=100_000
    ) as running:
        yield running


def _until_finished(service: ServiceProcess, location: str, timeout_s: float = 20) -> dict[str, Any]:
    end = time.monotonic() + timeout_s
    while True:
        job: dict[str, Any] = service.client.get(location).json()
        if job["state"] not in ("queued", "running"):
            return job
        assert time.monotonic() < end, job
        time.sleep(0.02)


def _events(text: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if fields:
            assert fields["event"] == "progress"
            found.append((fields["id"], json.loads(fields["data"])))
    return found


def test_the_one_line_of_the_readme(service: ServiceProcess, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not on the PATH")
    photo, out = tmp_path / "photo.png", tmp_path / "out.jpg"
    photo.write_bytes(scene_png())
    form = ("-F", f"image=@{photo}", "-F", "target_sur=0.75")
    headers = ("-H", "Prefer: wait=60", "-H", "Accept: image/jpeg")
    subprocess.run(["curl", "-sSf", *form, *headers, f"{service.url}/v1/varjpeg", "-o", str(out)], check=True)
    with Image.open(out) as image:
        assert (image.format, image.size) == ("JPEG", (96, 64))


def test_a_job_from_post_to_result(service: ServiceProcess) -> None:
    accepted = service.client.post("/v1/varjpeg", files={"image": new_photo(1)})
    assert accepted.status_code == 202
    job = _until_finished(service, accepted.headers["location"])
    assert job["state"] == "succeeded"
    assert job["progress"] == 1
    assert job["expires_at"] > job["finished_at"] >= job["started_at"] >= job["created_at"]
    result = service.client.get(job["links"]["result"], headers=PICTURE)
    assert result.headers["content-type"] == "image/jpeg"
    assert result.headers["limen-sur"] == "0.75"
    figures = service.client.get(job["links"]["result"]).json()  # */* is JSON, which clients made from OpenAPI read
    (artefact,) = figures["artefacts"]
    assert artefact["size_bytes"] == len(result.content)
    assert service.client.get(artefact["href"]).content == result.content
    missing = service.client.get(f"{job['links']['self']}/artefacts/nothing.png")
    assert missing.json()["type"] == "/problems/artefact-unknown"


def test_accept_chooses_the_form_and_can_ask_for_too_much(service: ServiceProcess) -> None:
    files = {"image": new_photo(2)}
    for accept, media_type in (
        ("*/*", "application/json"),
        ("image/svg+xml", "image/svg+xml"),
        ("image/*, application/json;q=0.1", "image/svg+xml"),
    ):
        reply = service.client.post("/v1/sur-curve", files=files, headers=WAIT | {"Accept": accept})
        assert reply.status_code == 200
        assert reply.headers["content-type"].split(";")[0] == media_type
        assert reply.headers["preference-applied"] == "wait=30"
        assert "accept" in reply.headers["vary"].lower()
    assert (
        "sandbox"
        in service.client.post("/v1/sur-curve", files=files, headers=WAIT | {"Accept": "image/svg+xml"}).headers[
            "content-security-policy"
        ]
    )
    for accept in ("image/webp", "text/html", "*/*;q=0"):
        refused = service.client.post("/v1/sur-curve", files=files, headers=WAIT | {"Accept": accept})
        assert (refused.status_code, refused.json()["type"]) == (406, "/problems/not-acceptable")
        assert "image/svg+xml" in refused.json()["detail"]
        assert refused.json()["instance"] == "/v1/sur-curve"  # it is refused before there is a job


def test_a_result_is_not_sent_to_who_has_it(service: ServiceProcess) -> None:
    reply = service.client.post("/v1/varjpeg", files={"image": new_photo(3)}, headers=WAIT | PICTURE)
    location = reply.headers["content-location"]
    first = service.client.get(location, headers=PICTURE)
    assert first.headers["etag"] == reply.headers["etag"]
    again = service.client.get(location, headers=PICTURE | {"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other_form = service.client.get(location, headers=JSON | {"If-None-Match": first.headers["etag"]})
    assert other_form.status_code == 200


def test_a_failure_is_the_same_problem_now_and_later(service: ServiceProcess) -> None:
    sent: dict[str, Any] = {"files": {"image": new_photo(4)}, "data": {"max_bytes": "10"}}
    now = service.client.post("/v1/varjpeg", headers=WAIT, **sent)
    assert (now.status_code, now.json()["type"]) == (422, "/problems/target-unreachable")
    accepted = service.client.post("/v1/varjpeg", **sent)
    job = _until_finished(service, accepted.headers["location"])
    assert job["failure"]["type"] == "/problems/target-unreachable"
    later = service.client.get(job["links"]["result"])
    assert later.status_code == 422
    assert later.json()["title"] == now.json()["title"]
    assert later.json()["instance"] == accepted.headers["location"]


def test_equal_requests_share_a_job_and_other_ones_do_not(service: ServiceProcess) -> None:
    photo = new_photo(5)
    ids = {
        service.client.post("/v1/varjpeg", files={"image": photo}, data={"quality": "80"}).json()["id"]
        for _ in range(3)
    }
    assert len(ids) == 1
    assert service.client.post("/v1/varjpeg", files={"image": photo}, data={"quality": "81"}).json()["id"] not in ids


def test_a_hundred_times_the_same_key_is_one_job(service: ServiceProcess) -> None:
    photo = new_photo(6)

    def send(_: int) -> str:
        headers = {"Idempotency-Key": "one-job"}
        return str(service.client.post("/v1/quality-score", files={"image": photo}, headers=headers).json()["id"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(send, range(100)))) == 1
    other = service.client.post(
        "/v1/quality-score", files={"image": new_photo(7)}, headers={"Idempotency-Key": "one-job"}
    )
    assert (other.status_code, other.json()["type"]) == (409, "/problems/idempotency-conflict")


def test_events_tell_the_whole_story_and_can_be_resumed(service: ServiceProcess) -> None:
    location = service.client.post("/v1/quality-score", files={"image": new_photo(8, SLOW_WIDTH)}).headers["location"]
    reply = service.client.get(f"{location}/events")
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = _events(reply.text)
    states = [event["state"] for _, event in events]
    assert states[0] == "queued"
    assert states[-1] == "succeeded"
    progress = [event["progress"] for _, event in events]
    assert progress == sorted(progress)
    assert len(events) > 5
    half = events[len(events) // 2][0]
    resumed = _events(service.client.get(f"{location}/events", headers={"Last-Event-ID": half}).text)
    assert resumed == events[len(events) // 2 + 1 :]
    last = _events(service.client.get(f"{location}/events", headers={"Last-Event-ID": events[-1][0]}).text)
    assert [event["state"] for _, event in last] == ["succeeded"]


def test_a_quiet_stream_is_kept_alive(service: ServiceProcess) -> None:
    slow = [{"image": new_photo(seed, SLOW_WIDTH)} for seed in range(200, 201 + (os.cpu_count() or 1))]
    *busy, waiting = (
        service.client.post("/v1/quality-score", files=files).headers["location"] for files in slow
    )  # one more than run at once, so that the last one is quiet until another has ended
    with service.client.stream("GET", f"{waiting}/events") as reply:
        seen = ""
        for text in reply.iter_text():
            seen += text
            if "\n: " in seen or seen.startswith(": "):
                break
    assert ": still there" in seen
    for location in (waiting, *busy):
        service.client.delete(location)


def test_a_running_job_can_be_cancelled(service: ServiceProcess) -> None:
    location = service.client.post("/v1/quality-score", files={"image": new_photo(9, SLOW_WIDTH)}).headers["location"]
    end = time.monotonic() + 15
    while service.client.get(location).json()["state"] != "running":
        assert time.monotonic() < end
        time.sleep(0.02)
    began = time.monotonic()
    assert service.client.delete(location).json()["state"] == "cancelled"
    reply = service.client.post("/v1/quality-score", files={"image": new_photo(10)}, headers=WAIT)
    assert reply.status_code == 200  # the worker is free again
    assert in_time(time.monotonic() - began, 3)
    assert service.client.get(f"{location}/result").json()["type"] == "/problems/job-cancelled"
    assert service.client.delete(location).json()["type"] == "/problems/job-finished"


def test_a_job_that_two_share_goes_on_when_one_takes_it_back(service: ServiceProcess) -> None:
    photo = new_photo(22, SLOW_WIDTH)
    one, other = (
        service.client.post("/v1/quality-score", files={"image": photo}).headers["location"] for _ in range(2)
    )
    assert one == other
    assert service.client.delete(one).json()["state"] in ("queued", "running")
    assert service.client.delete(other).json()["state"] == "cancelled"


def test_a_client_that_leaves_while_it_waits_leaves_nothing_open(service: ServiceProcess) -> None:
    pid = service.pids["embedded" if service.mode == "embedded" else "api"]
    body = (
        b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        + new_photo(11, SLOW_WIDTH)
        + b"\r\n--b--\r\n"
    )
    head = f"POST /v1/quality-score HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nPrefer: wait=30\r\n"
    request = f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode() + body
    job = service.client.post("/v1/quality-score", files={"image": new_photo(11, SLOW_WIDTH)}).headers["location"]
    follow = f"GET {job}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    for _ in range(2):  # the store keeps as many connections as it once needed at a time
        _send_and_leave(service, request)
        _send_and_leave(service, follow)
    open_before = _open_files(pid)
    for _ in range(6):
        _send_and_leave(service, request)
        _send_and_leave(service, follow)
    _until_few_more_files(pid, open_before)
    assert service.client.get("/health/ready").status_code == 200
    service.client.delete(job)


def _send_and_leave(service: ServiceProcess, request: bytes) -> None:
    address = urlsplit(service.url)
    for _ in range(20):
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(request)


def _open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _until_few_more_files(pid: int, before: int) -> None:
    end = time.monotonic() + 10
    while _open_files(pid) > before + 4:
        assert time.monotonic() < end, "connections of clients that left stay open"
        time.sleep(0.05)


@pytest.mark.parametrize("image", hostile_images(), ids=lambda image: image.name)
def test_hostile_uploads_get_a_result_or_a_typed_problem_in_time(service: ServiceProcess, image: HostileImage) -> None:
    processes = service.family()
    began = time.monotonic()
    files = {"image": (image.file_name, image.data, "image/jpeg")}
    reply = service.client.post("/v1/varjpeg", files=files, headers=WAIT | JSON)
    assert in_time(time.monotonic() - began, 2)
    assert service.family() == processes
    if reply.status_code == 200:
        assert image.expect is not Expect.REFUSED
        figures = reply.json()
        if image.size is not None:
            assert (figures["width"], figures["height"]) == image.size
    else:
        assert 400 <= reply.status_code < 500, reply.text
        assert image.expect is not Expect.DECODES, reply.text
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["type"].removeprefix("/problems/") in (
            "image-type-unsupported",
            "image-undecodable",
            "image-too-large",
            "upload-empty",
        )


def test_a_pair_of_different_sizes_is_a_problem(service: ServiceProcess) -> None:
    files = {"reference": scene_jpeg(), "distorted": png(scene(40, 40))}
    reply = service.client.post("/v1/full-reference-score", files=files, headers=WAIT)
    assert (reply.status_code, reply.json()["type"]) == (422, "/problems/image-sizes-differ")
    files["distorted"] = scene_jpeg()
    assert service.client.post("/v1/full-reference-score", files=files, headers=WAIT).json()["psnr_db"] is None


def test_the_service_tells_how_it_is(service: ServiceProcess) -> None:
    assert service.client.get("/health/live").json() == {"status": "live"}
    assert set(service.client.get("/health/ready").json()["checks"].values()) == {"ok"}
    assert service.client.get("/v1/models").json()["model_version"] == "canned-1"
    metrics = service.client.get("/metrics").text
    assert 'limen_http_requests_total{method="POST",route="/v1/varjpeg",status="200"}' in metrics
    assert 'limen_jobs_ended_total{capability="varjpeg",state="succeeded"}' in metrics
    assert "limen_queue_up 1.0" in metrics
    role = "embedded" if service.mode == "embedded" else "api"
    lines = [json.loads(line) for line in service.log(role).splitlines() if line.startswith('{"time"')]
    assert lines
    assert all(set(line) >= {"request_id", "path", "status", "ms"} for line in lines)


def test_a_run_is_found_in_the_log_by_the_id_of_its_request(service: ServiceProcess) -> None:
    if service.mode == "embedded":
        pytest.skip("the canned service writes no log of its own")
    headers = WAIT | {"X-Request-Id": "found-again"}
    reply = service.client.post("/v1/quality-score", files={"image": new_photo(23)}, headers=headers)
    assert reply.status_code == 200
    logged = [line for line in service.log("worker").splitlines() if "found-again" in line]
    assert any(json.loads(line)["job_id"] == reply.json()["job"].rpartition("/")[2] for line in logged)
