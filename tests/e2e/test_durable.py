"""The embedded service killed at random moments: every job that it accepted ends, once, in a later process.

LIMEN_KILLS says how often, 6 times unless it is set.
"""

import io
import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.assets.service_process import ServiceProcess

KILLS = int(os.environ.get("LIMEN_KILLS", "6"))
AT_ONCE = 8


def png(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((24, 24 + number % 7, 3), number % 251, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_killed_again_and_again_it_loses_no_job_and_ends_none_twice(tmp_path: Path) -> None:
    chance = random.Random(17)
    accepted: list[str] = []
    ended: dict[str, dict[str, Any]] = {}
    with ServiceProcess(tmp_path) as service:
        for round_ in range(KILLS):
            for number in range(AT_ONCE):
                data = {"max_bytes": str(1000 + AT_ONCE * round_ + number)}
                reply = service.client.post("/v1/varjpeg", files={"image": png(number)}, data=data)
                assert reply.status_code == 202, reply.text
                accepted.append(reply.json()["id"])
            time.sleep(chance.random() * 0.05)
            for job_id in accepted:
                job = service.client.get(f"/v1/jobs/{job_id}").json()
                if job["state"] == "succeeded":
                    assert ended.setdefault(job_id, job)["finished_at"] == job["finished_at"]
            service.kill()
            service.start_again()
        end = time.monotonic() + 60
        for job_id in accepted:
            while (job := service.client.get(f"/v1/jobs/{job_id}").json())["state"] in ("queued", "running"):
                assert time.monotonic() < end, job
                time.sleep(0.05)
            assert job["state"] == "succeeded", job
            assert ended.setdefault(job_id, job)["finished_at"] == job["finished_at"]
            file = service.client.get(f"/v1/jobs/{job_id}/artefacts/photo.jpg")
            assert file.status_code == 200
            assert file.content.startswith(b"\xff\xd8")
    assert len(set(accepted)) == KILLS * AT_ONCE
