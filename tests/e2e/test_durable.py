"""Every process of the service killed at random moments under load: what was accepted ends, once, in a later one.

LIMEN_KILLS says how often, 6 times unless it is set.
"""

import hashlib
import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from tests.assets.photos import png
from tests.assets.service_process import ServiceProcess
from tests.assets.study_people import Observer, Organiser, soft_shapes

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("LIMEN_KILLS", "6"))
END_S = 120.0


class Load:
    """Uploads from two clients without a pause, until ``stopped``; ``accepted`` are the ids of their jobs."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client
        self._numbers = itertools.count()
        self.accepted: list[str] = []

    def until_killed(self, service: ServiceProcess, after_s: float) -> None:
        """Upload for so long, then kill the service in the midst of it."""
        self._stop = threading.Event()
        clients = [threading.Thread(target=self._upload) for _ in range(2)]
        for thread in clients:
            thread.start()
        time.sleep(after_s)
        service.kill()
        self._stop.set()
        for thread in clients:
            thread.join()

    def _upload(self) -> None:
        while not self._stop.is_set():
            number = next(self._numbers)
            image = png(np.full((24, 24, 3), (number % 256, number // 256, 9), np.uint8))
            try:
                reply = self._client.post("/v1/varjpeg", files={"image": image}, data={"max_bytes": str(1000 + number)})
            except httpx2.TransportError:
                continue
            if reply.status_code == 202:
                self.accepted.append(reply.json()["id"])
            else:
                assert reply.status_code == 429, reply.text


def test_killed_again_and_again_it_loses_nothing_and_ends_nothing_twice(redis_url: str | None, tmp_path: Path) -> None:
    chance = random.Random(17)
    ended: dict[str, dict[str, Any]] = {}
    with ServiceProcess(tmp_path, redis_url=redis_url) as service:
        load = Load(service.client)
        study = Organiser(service.client, method="bisection")
        study.add(soft_shapes(0))
        study.wait_until_ready()
        observer = Observer(service.client, study.made["observer_token"])
        for number in range(KILLS):
            if number < 3:
                assert study.add(soft_shapes(number + 1)).status_code == 202
            elif observer.view["trial"] is not None:
                assert observer.answer(40).status_code == 200
            load.until_killed(service, chance.uniform(0, 0.5))
            service.start_again()
            assert service.client.get(observer.session).json() == observer.view
            for job_id in chance.sample(load.accepted, min(20, len(load.accepted))):
                note_end(service, job_id, ended)
        end = time.monotonic() + END_S
        while left := [job_id for job_id in load.accepted if note_end(service, job_id, ended) is None]:
            assert time.monotonic() < end, left
            time.sleep(0.1)
        check_results(service, load.accepted, ended)
        photos = study.wait_until_ready()["photos"]
        assert [photo["state"] for photo in photos] == ["ready"] * 4
    assert len(load.accepted) == len(set(load.accepted)) > KILLS
    blobs = tmp_path / "data" / "blobs" if redis_url is None else tmp_path / "blobs"
    for blob in blobs.glob("[0-9a-f][0-9a-f]/*"):
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    print(f"{KILLS} kills, {len(load.accepted)} jobs accepted, {len(ended)} ended once")


def note_end(service: ServiceProcess, job_id: str, ended: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """The job's description if it has ended, which is the same whenever it is asked for."""
    reply = service.client.get(f"/v1/jobs/{job_id}")
    assert reply.status_code == 200, reply.text
    job: dict[str, Any] = reply.json()
    if job["state"] in ("queued", "running"):
        assert job_id not in ended, job
        return None
    assert ended.setdefault(job_id, job) == job
    return job


def check_results(service: ServiceProcess, job_ids: list[str], ended: dict[str, dict[str, Any]]) -> None:
    for job_id in job_ids:
        assert ended[job_id]["state"] == "succeeded", ended[job_id]
        file = service.client.get(f"/v1/jobs/{job_id}/artefacts/photo.jpg")
        assert file.content.startswith(b"\xff\xd8")
        assert file.content.endswith(b"\xff\xd9")


def test_its_children_cost_a_run_when_they_die_and_die_when_it_does(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path, real=True, concurrency=2) as service:
        helpers = service.family()
        paths = [submitted(service, seed) for seed in range(2)]
        until(lambda: [state_of(service, path) for path in paths] == ["running"] * 2)
        for child in service.family() - set(service.pids.values()):
            os.kill(child, signal.SIGKILL)
        until(lambda: [state_of(service, path) for path in paths] == ["succeeded"] * 2)
        paths = [submitted(service, seed) for seed in range(2, 5)]
        until(lambda: "running" in [state_of(service, path) for path in paths])
        family = service.family() | helpers
        service.kill()
        until(lambda: not any(Path(f"/proc/{process}").exists() for process in family))
        service.start_again()
        until(lambda: [state_of(service, path) for path in paths] == ["succeeded"] * 3)


def submitted(service: ServiceProcess, seed: int) -> str:
    """The path of a job of some seconds."""
    reply = service.client.post(
        "/v1/varjpeg", files={"image": soft_shapes(seed, 800, 600)}, data={"target_sur": "0.75"}
    )
    assert reply.status_code == 202, reply.text
    return str(reply.headers["Location"])


def state_of(service: ServiceProcess, path: str) -> str:
    return str(service.client.get(path).json()["state"])


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + END_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_two_services_do_not_work_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    second = ServiceProcess(tmp_path / "second", data_dir=tmp_path / "data")
    with (
        ServiceProcess(tmp_path / "first", data_dir=tmp_path / "data"),
        pytest.raises(AssertionError) as refused,
        second,
    ):
        pass
    assert f"another Limen works in {tmp_path / 'data'}" in str(refused.value)
