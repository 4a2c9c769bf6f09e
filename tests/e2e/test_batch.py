"""Batches of a running service: every image done once, whatever ends, and never in the way of a single one."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.assets.fleet.http_server import serving
from tests.assets.photos import SLOW_WIDTH, noise, png
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow
PHOTOS = {f"/{seed}.png": png(noise(24, 24, 9000 + seed)) for seed in range(3)}


class PhotoServer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path in PHOTOS else 404)
        self.end_headers()
        self.wfile.write(PHOTOS.get(self.path, b""))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def photo_server() -> Iterator[str]:
    with serving(PhotoServer) as url:
        yield url


@pytest.fixture(scope="module")
def service(
    redis_url: str | None, photo_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    with ServiceProcess(
        tmp_path_factory.mktemp("batch"),
        redis_url=redis_url,
        concurrency=1,
        queue_limit=20,
        fetch_hosts=photo_server,
        outbound_networks="127.0.0.1/32",
        max_tasks_per_child=100_000,
    ) as running:
        yield running


def sent(service: ServiceProcess, photos: list[bytes], **fields: str) -> dict[str, Any]:
    files = [("image", (f"{number}.png", photo)) for number, photo in enumerate(photos)]
    reply = service.client.post("/v1/batch", files=files, data={"capability": "quality-score"} | fields)
    assert reply.status_code == 202, reply.text
    assert reply.headers["location"] == reply.json()["links"]["self"]
    body: dict[str, Any] = reply.json()
    return body


def until(condition: Callable[[], Any], timeout_s: float = 60) -> Any:
    end = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return value


def ended(service: ServiceProcess, batch: dict[str, Any]) -> dict[str, Any]:
    def look() -> Any:
        now = service.client.get(batch["links"]["self"]).json()
        return now["finished_at"] and now

    found: dict[str, Any] = until(look)
    return found


def lines(service: ServiceProcess, batch: dict[str, Any]) -> list[dict[str, Any]]:
    reply = service.client.get(batch["links"]["results"])
    assert reply.headers["content-type"].startswith("application/jsonl")
    return [json.loads(line) for line in reply.text.splitlines()]


def test_many_more_images_than_the_queue_takes_are_each_done_once(service: ServiceProcess) -> None:
    photos = [png(noise(8, 8, seed)) for seed in range(60)]
    batch = sent(service, photos)
    assert batch["counts"]["waiting"] == 60
    done = ended(service, batch)
    assert done["counts"] == {"waiting": 0, "running": 0, "succeeded": 60, "failed": 0, "cancelled": 0}
    found = lines(service, batch)
    assert [line["number"] for line in found] == list(range(60))
    assert len({line["job"] for line in found}) == 60
    assert all(line["result"]["mos"] is not None and line["problem"] is None for line in found)
    assert service.client.get(found[0]["job"]).json()["state"] == "succeeded"


def test_files_come_in_an_archive(service: ServiceProcess) -> None:
    batch = sent(service, [png(noise(16, 16, seed)) for seed in (100, 101)], capability="varjpeg", target_sur="0.75")
    ended(service, batch)
    reply = service.client.get(batch["links"]["results"], headers={"Accept": "application/zip"})
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["0000/photo.jpg", "0001/photo.jpg", "results.jsonl"]
        assert archive.read("0000/photo.jpg")[:2] == b"\xff\xd8"
        assert len(archive.read("results.jsonl").splitlines()) == 2
    other = service.client.get(batch["links"]["results"], headers={"Accept": "image/png"})
    assert (other.status_code, other.json()["type"]) == (406, "/problems/not-acceptable")


def test_one_image_that_fails_stops_no_other(service: ServiceProcess) -> None:
    photos = [png(noise(12, 12, seed)) for seed in (200, 201)]
    batch = sent(service, photos, capability="varjpeg", max_bytes="10")
    done = ended(service, batch)
    assert done["counts"]["failed"] == 2
    assert {item["failure"]["type"] for item in done["items"]} == {"/problems/target-unreachable"}
    assert lines(service, batch)[0]["problem"]["status"] == 422


def test_images_by_address_come_after_the_files(service: ServiceProcess, photo_server: str) -> None:
    addresses = [f"{photo_server}/0.png", f"{photo_server}/missing.png", f"{photo_server}/2.png"]
    batch = sent(service, [png(noise(12, 12, 300))], image_urls="\n".join(addresses))
    done = ended(service, batch)
    assert [item["state"] for item in done["items"]] == ["succeeded", "succeeded", "failed", "succeeded"]
    assert done["items"][2]["failure"]["type"] == "/problems/fetch-failed"
    assert done["items"][2]["job"] is None


def test_images_of_earlier_jobs_come_after_the_files(service: ServiceProcess) -> None:
    jobs = [service.client.post("/v1/jnd-map", files={"image": png(noise(12, 12, seed))}).json() for seed in (310, 311)]
    batch = sent(service, [png(noise(12, 12, 312))], image_jobs="\n".join(job["id"] for job in jobs))
    assert ended(service, batch)["counts"]["succeeded"] == 3


@pytest.mark.parametrize(
    ("fields", "photos", "status", "code"),
    [
        ({"capability": "nonsense"}, 1, 422, "request-invalid"),
        ({"capability": "full-reference-score"}, 1, 422, "request-invalid"),
        ({"capability": "varjpeg", "target_sur": "2"}, 1, 422, "request-invalid"),
        ({"capability": "jnd-map", "unknown": "1"}, 1, 422, "request-invalid"),
        ({"capability": "jnd-map"}, 0, 422, "request-invalid"),
        ({"capability": "jnd-map"}, 1001, 422, "request-invalid"),
        ({"capability": "jnd-map", "image_urls": "http://10.0.0.1/x.png"}, 0, 422, "address-refused"),
        ({"capability": "jnd-map", "image_jobs": "nosuchjob"}, 1, 422, "request-invalid"),
        ({"capability": "jnd-map", "image_jobs": "a\n" * 1000}, 1, 422, "request-invalid"),
    ],
)
def test_what_cannot_be_is_refused_as_a_whole(
    service: ServiceProcess, fields: dict[str, str], photos: int, status: int, code: str
) -> None:
    files: list[Any] = [("image", ("a.png", PHOTOS["/0.png"])) for _ in range(photos)]
    files += [(name, (None, value)) for name, value in fields.items()]
    reply = service.client.post("/v1/batch", files=files)
    assert (reply.status_code, reply.json()["type"]) == (status, f"/problems/{code}"), reply.text


def test_a_file_that_is_no_image_is_named(service: ServiceProcess) -> None:
    files = [("image", ("a.png", PHOTOS["/0.png"])), ("image", ("b.png", b"no image"))]
    reply = service.client.post("/v1/batch", files=files, data={"capability": "jnd-map"})
    assert reply.json()["type"] == "/problems/image-type-unsupported"
    assert reply.json()["detail"].startswith("image 1:")


def test_a_batch_that_is_cancelled_begins_with_nothing_more(service: ServiceProcess) -> None:
    batch = sent(service, [png(noise(24, SLOW_WIDTH, seed)) for seed in range(400, 406)])
    until(lambda: service.client.get(batch["links"]["self"]).json()["counts"]["running"])
    service.client.delete(batch["links"]["self"])
    done = ended(service, batch)
    assert done["cancelled"]
    assert done["counts"]["cancelled"] >= 5
    assert done["counts"]["waiting"] == done["counts"]["running"] == 0
    assert [line["number"] for line in lines(service, batch)] == list(range(6))


def test_a_batch_that_is_sent_again_with_its_key_is_the_same(service: ServiceProcess) -> None:
    def again(seed: int) -> Any:
        files = {"image": ("a.png", png(noise(12, 12, seed)))}
        headers = {"Idempotency-Key": f"batch of {service.mode}"}
        return service.client.post("/v1/batch", files=files, data={"capability": "jnd-map"}, headers=headers)

    first, second, other = again(320), again(320), again(321)
    assert first.json()["id"] == second.json()["id"]
    assert (other.status_code, other.json()["type"]) == (409, "/problems/idempotency-conflict")


def test_whoever_sends_a_single_image_waits_for_one_job_at_most(service: ServiceProcess) -> None:
    one_job_s = max(answered_in_s(service, SLOW_WIDTH, seed) for seed in (500, 501))
    batch = sent(service, [png(noise(24, SLOW_WIDTH, seed)) for seed in range(510, 522)])
    until(lambda: service.client.get(batch["links"]["self"]).json()["counts"]["running"])
    for seed in (530, 531, 532):
        assert answered_in_s(service, 24, seed) < 1.5 * one_job_s + 0.5
    assert service.client.get(batch["links"]["self"]).json()["finished_at"] is None
    service.client.delete(batch["links"]["self"])


def answered_in_s(service: ServiceProcess, width: int, seed: int) -> float:
    """Time until the result of a single image is there."""
    began = time.monotonic()
    photo = png(noise(24, width, seed))
    reply = service.client.post("/v1/quality-score", files={"image": photo}, headers={"Prefer": "wait=30"})
    assert reply.status_code == 200
    return time.monotonic() - began


def test_a_batch_outlives_every_process(service: ServiceProcess) -> None:
    batch = sent(service, [png(noise(24, 24, seed)) for seed in range(600, 640)])
    until(lambda: service.client.get(batch["links"]["self"]).json()["counts"]["succeeded"] >= 3)
    service.kill()
    service.start_again()
    done = ended(service, batch)
    assert done["counts"]["succeeded"] == 40
    assert len({item["job"] for item in done["items"]}) == 40
