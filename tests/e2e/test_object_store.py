"""Two hosts with web processes and two with workers share a bucket, Redis and nothing else."""

import hashlib
import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import obstore
import pytest
from obstore.store import S3Store

from tests.assets.fleet.fleet import Fleet
from tests.assets.fleet.s3_server import BUCKET, S3Server
from tests.assets.pace import in_time
from tests.assets.photos import SLOW_WIDTH, noise, png, scene_jpeg
from tests.assets.service_process import ServiceProcess
from tests.assets.study_people import Observer, Organiser, soft_shapes

pytestmark = [pytest.mark.redis, pytest.mark.slow]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def fleet(redis_server: Any, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with redis_server.client() as client:
        client.flushall()
    folder = tmp_path_factory.mktemp("fleet")
    with Fleet(folder, redis_server.url, s3, workers=2, study_limit=5, blob_presign=1) as running:
        yield running


@pytest.fixture(scope="module")
def clients(fleet: Fleet) -> Iterator[list[httpx2.Client]]:
    """One for each web process."""
    opened = [httpx2.Client(base_url=api.url, timeout=60) for api in fleet.apis]
    yield opened
    for client in opened:
        client.close()


@pytest.fixture(scope="module")
def bucket(s3: S3Server) -> S3Store:
    """All of the bucket."""
    return S3Store(
        BUCKET,
        endpoint=s3.endpoint,
        access_key_id="limen",
        secret_access_key="limen",
        region="us-east-1",
        client_options={"allow_http": True},
    )


@pytest.fixture
def names(bucket: S3Store) -> Callable[[], list[str]]:
    """Everything in the bucket."""
    return lambda: [item["path"] for page in obstore.list(bucket) for item in page]


def until(condition: Callable[[], Any], what: str, timeout_s: float = 60) -> Any:
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found


def no_images_on_discs(fleet: Fleet) -> bool:
    """Whether no host keeps anything: the parts of uploads are gone, and there is no folder of data."""
    kept = [path for member in fleet.members for path in member.temporary.rglob("*") if path.is_file()]
    return kept == [] and not any((member.folder / "data").exists() for member in fleet.members)


def test_a_photo_sent_to_one_host_is_fetched_from_another(fleet: Fleet, clients: list[httpx2.Client]) -> None:
    first, second = clients
    sent = first.post("/v1/varjpeg", files={"image": scene_jpeg()}, headers={"Prefer": "wait=30"})
    assert sent.status_code == 200, sent.text
    path = sent.headers["content-location"]
    whole = second.get(path, headers={"Accept": "image/jpeg"})
    assert (whole.status_code, whole.content[:2]) == (200, b"\xff\xd8")
    assert whole.headers["etag"] == f'"{hashlib.sha256(whole.content).hexdigest()}"'
    assert float(whole.headers["limen-sur"]) == 0.75
    jpeg = {"Accept": "image/jpeg"}
    assert second.get(path, headers=jpeg | {"If-None-Match": whole.headers["etag"]}).status_code == 304
    part = second.get(path, headers=jpeg | {"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    assert second.get(path, headers=jpeg | {"Range": "bytes=-5"}).content == whole.content[-5:]
    stale = second.get(path, headers=jpeg | {"Range": "bytes=10-19", "If-Range": '"other"'})
    assert (stale.status_code, stale.content) == (200, whole.content)
    outside = second.get(path, headers=jpeg | {"Range": "bytes=9999999-"})
    assert (outside.status_code, outside.json()["type"]) == (416, "/problems/range-not-satisfiable")
    head = second.head(path, headers=jpeg)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert no_images_on_discs(fleet)


def test_a_file_of_a_result_comes_from_the_bucket_itself(clients: list[httpx2.Client], s3: S3Server) -> None:
    sent = clients[0].post("/v1/sur-curve", files={"image": scene_jpeg()}, headers={"Prefer": "wait=30"})
    address = f"{sent.headers['limen-job']}/artefacts/sur-curve.svg"
    led = clients[1].get(address)
    assert led.status_code == 307
    assert led.headers["location"].startswith(f"{s3.endpoint}/{BUCKET}/limen/")
    assert led.headers["cache-control"] == "no-store"
    fetched = httpx2.get(led.headers["location"])
    assert fetched.content.startswith(b"<svg")
    assert fetched.headers["content-type"] == "image/svg+xml"
    assert fetched.headers["content-disposition"] == 'inline; filename="sur-curve.svg"'
    assert clients[1].get(address, headers={"If-None-Match": led.headers["etag"]}).status_code == 304
    assert clients[1].head(address).status_code == 200
    assert httpx2.get(led.headers["location"].partition("?")[0] + "0").status_code == 404


def test_the_files_of_a_batch_come_in_one_archive(fleet: Fleet, clients: list[httpx2.Client]) -> None:
    photos = [png(noise(12, 12, seed)) for seed in range(700, 706)]
    files = [("image", (f"{number}.png", photo)) for number, photo in enumerate(photos)]
    batch = clients[0].post("/v1/batch", files=files, data={"capability": "varjpeg"}).json()["links"]
    until(lambda: clients[1].get(batch["self"]).json()["finished_at"], "the end of the batch")
    reply = clients[1].get(batch["results"], headers={"Accept": "application/zip"})
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*(f"{number:04d}/photo.jpg" for number in range(6)), "results.jsonl"]
    assert no_images_on_discs(fleet)


def test_the_photos_of_a_study_are_in_the_bucket_and_go_with_it(
    fleet: Fleet, clients: list[httpx2.Client], names: Callable[[], list[str]]
) -> None:
    made = Organiser(clients[0])
    assert made.add(soft_shapes(3), name="chair").status_code == 202
    made.wait_until_ready()
    observer = Observer(clients[1], made.made["observer_token"])
    observer.take_part(lambda *_: 50)
    archive = zipfile.ZipFile(io.BytesIO(clients[1].get(f"{made.path}/dataset").content))
    assert archive.testzip() is None
    assert len(archive.namelist()) == 102
    study_id = made.made["id"]
    kept = [name for name in names() if study_id in name]
    assert len(kept) > 2 * 102
    assert clients[1].delete(made.path).status_code == 204
    assert [name for name in names() if study_id in name] == []
    assert no_images_on_discs(fleet)


def test_the_embedded_mode_keeps_its_records_here_and_its_images_there(
    s3: S3Server, names: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    with ServiceProcess(tmp_path, blob_url=f"{s3.url}/embedded") as service:
        sent = service.client.post("/v1/varjpeg", files={"image": scene_jpeg()}, headers={"Prefer": "wait=30"})
        assert sent.status_code == 200, sent.text
        made = Organiser(service.client)
        made.add(soft_shapes(4), name="chair")
        made.wait_until_ready()
    kept = [name.removeprefix("limen/embedded/") for name in names() if name.startswith("limen/embedded/")]
    assert sum(name.startswith("blobs/") and name.count("/") == 2 for name in kept) == 2
    assert sum(name.startswith(f"studies-embedded/{made.made['id']}/") for name in kept) > 2 * 102
    assert not (tmp_path / "data" / "blobs").exists()


def test_a_job_outlasts_a_store_that_is_silent_for_a_while(clients: list[httpx2.Client], s3: S3Server) -> None:
    done = clients[0].post("/v1/varjpeg", files={"image": scene_jpeg()}, headers={"Prefer": "wait=30"})
    sent = clients[0].post("/v1/quality-score", files={"image": png(noise(24, SLOW_WIDTH, 1))})
    assert (done.status_code, sent.status_code) == (200, 202)
    s3.hold_up()
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        upload = pool.submit(clients[0].post, "/v1/quality-score", files={"image": png(noise(24, 24, 2))})
        file = pool.submit(clients[0].get, done.headers["content-location"], headers={"Accept": "image/jpeg"})
        time.sleep(0.5)  # until both wait for the store
        assert clients[0].get("/health/live").status_code == 200
        assert clients[0].get(sent.headers["location"]).status_code == 200
        assert in_time(time.monotonic() - began, 3)
        refused = [upload.result(), file.result()]
    waited_s = time.monotonic() - began
    s3.go_on()
    assert [reply.status_code for reply in refused] == [503, 503]
    assert all(reply.json()["type"] == "/problems/blob-store-unavailable" for reply in refused)
    assert all(int(reply.headers["retry-after"]) > 0 for reply in refused)
    assert waited_s < 15
    path = sent.headers["location"]
    until(lambda: clients[1].get(path).json()["state"] == "succeeded", "the end of the job")
    assert clients[0].get("/health/ready").status_code == 200


@dataclass
class Night:
    """``limen varjpeg`` from one prefix of the bucket to another, as a job of the night runs it."""

    environment: dict[str, str]

    def command(self, *more: str) -> list[str]:
        limen = str(Path(sys.executable).with_name("limen"))
        return [limen, "varjpeg", f"s3://{BUCKET}/in/", "-o", f"s3://{BUCKET}/out", "--json", *more]

    def run(self, *more: str) -> tuple[int, dict[str, Any]]:
        """Exit status and the figures."""
        done = subprocess.run(
            self.command(*more), env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )
        return done.returncode, json.loads(done.stdout or "{}") | {"said": done.stderr}


def test_a_bucket_of_photos_becomes_a_bucket_of_results_and_goes_on_where_it_stopped(
    fleet: Fleet, bucket: S3Store, names: Callable[[], list[str]]
) -> None:
    for number in range(104):
        obstore.put(bucket, f"in/{number % 3}/photo {number}.png", png(noise(12, 12, 800 + number)))
    obstore.put(bucket, "in/read me.txt", b"no photo")
    night = Night(fleet.environment)
    assert night.run("--dry-run")[1]["done"] == 104
    with subprocess.Popen(night.command(), env=night.environment, stdout=subprocess.DEVNULL) as killed:
        until(lambda: [name for name in names() if name.startswith("out/limen-manifest/")], "the first batch")
        killed.kill()
    status, figures = night.run()
    assert (status, figures["done"] + figures["already"], figures["skipped"], figures["failed"]) == (0, 104, 1, {})
    assert figures["already"] >= 4
    results = [name for name in names() if name.startswith("out/") and "limen-manifest" not in name]
    assert sorted(results) == sorted(f"out/{number % 3}/photo {number}.png.jpg" for number in range(104))
    assert bytes(obstore.get(bucket, "out/1/photo 1.png.jpg").bytes())[:2] == b"\xff\xd8"
    obstore.put(bucket, "in/1/photo 1.png", png(noise(12, 12, 5)))
    obstore.put(bucket, "in/broken.jpg", b"no photo")
    status, figures = night.run()
    assert (status, figures["done"], figures["already"]) == (2, 1, 103)
    assert list(figures["failed"]) == ["broken.jpg"]
    assert night.run("--target-sur", "0.9", "--exclude", "*[0-9][0-9].png", "--exclude", "broken.jpg")[1]["done"] == 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["s3://in", "-o", "out"], "out is no bucket"),
        (["s3://in", "s3://other", "-o", "s3://out"], "a bucket goes alone"),
        (["s3://in/", "-o", "s3://in/small"], "lie in each other"),
        (["s3://in", "-o", "s3://out", "--server", "localhost:1"], "not of --server"),
    ],
)
def test_what_cannot_be_done_with_a_bucket_is_said_in_one_line(fleet: Fleet, arguments: list[str], said: str) -> None:
    limen = str(Path(sys.executable).with_name("limen"))
    done = subprocess.run(
        [limen, "varjpeg", *arguments], env=fleet.environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
