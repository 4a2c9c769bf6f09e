"""A service in pieces: its stores and its queue as the web process holds them, and real worker processes beside it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.assets.browser import find_browser
from tests.assets.redis_server import RedisServer
from workers.blobs.store import BlobStore
from workers.contracts import QualityScoreRequest
from workers.jobs.record import Job
from workers.jobs.store import JobStore
from workers.run.celery_app import LimenCelery, create_celery
from workers.run.signatures import submit
from workers.settings import BrokerSettings

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="module", params=["embedded", pytest.param("redis", marks=pytest.mark.redis)])
def redis_url(request: pytest.FixtureRequest) -> str | None:
    """Of a Redis that is empty, or None for the embedded mode: what depends on it runs in both."""
    if request.param == "embedded":
        return None
    server: RedisServer = request.getfixturevalue("redis_server")
    with server.client() as client:
        client.flushall()
    return server.url


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a browser."""
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium on the PATH")
    return program


@dataclass
class Bench:
    """The web process's side of the queue, and the workers started for it."""

    environment: dict[str, str]
    jobs: JobStore
    blobs: BlobStore
    celery: LimenCelery
    redis: Any
    folder: Path
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def until(self, condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
        """What ``condition`` returns once it is true; tests wait on conditions, not on time."""
        end = time.monotonic() + timeout_s
        while not (value := condition()):
            assert time.monotonic() < end, f"not within {timeout_s} s: {what}"
            time.sleep(0.02)
        return value

    def submit(self, **script: Any) -> Job:
        """Send a job whose scripted task does what ``script`` says."""
        script.setdefault("log", str(self.folder / "starts"))
        request = QualityScoreRequest(image_key=self.blobs.put(json.dumps(script).encode()))
        return submit(self.celery, self.jobs, request)[0]

    def starts(self) -> list[tuple[str, int]]:
        """Job id and process id of every start so far."""
        try:
            lines = (self.folder / "starts").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [(line.split()[0], int(line.split()[1])) for line in lines]

    def runs(self, job: Job) -> int:
        """How often the job was started."""
        return sum(job_id == job.id for job_id, _ in self.starts())

    def end_of(self, job: Job, timeout_s: float = 60) -> Job:
        """The record once the job has ended."""
        ended: Job = self.until(lambda: (now := self.jobs.get(job.id)).finished and now, timeout_s, f"end of {job.id}")
        return ended

    def start_worker(self, **settings: Any) -> "subprocess.Popen[bytes]":
        """A worker process with scripted tasks, under the bench's settings and these."""
        environment = {f"LIMEN_{name.upper()}": str(value) for name, value in settings.items()}
        with (self.folder / f"worker-{len(self.workers)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(HERE / "scripted_worker.py")],
                env={**os.environ, **self.environment, **environment, "PYTHONPATH": f"{HERE}:{ROOT}"},
                stdout=log,
                stderr=log,
            )
        self.workers.append(process)
        return process

    def stop(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            try:
                worker.wait(15)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


@pytest.fixture
def open_bench(own_redis: Any, tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Opens a bench on a Redis of its own, with the settings given; ends its workers afterwards."""
    benches: list[Bench] = []

    def opened(**settings: Any) -> Bench:
        blob_dir = tmp_path / "blobs"
        broker = BrokerSettings(redis_url=own_redis.url, blob_dir=blob_dir, **settings)
        environment = {"LIMEN_REDIS_URL": own_redis.url, "LIMEN_BLOB_DIR": str(blob_dir)}
        environment |= {f"LIMEN_{name.upper()}": str(value) for name, value in settings.items()}
        celery = create_celery(broker)
        bench = Bench(environment, celery.jobs, celery.blobs, celery, own_redis, tmp_path)
        benches.append(bench)
        return bench

    yield opened
    for bench in benches:
        bench.stop()
