"""``limen serve`` as a program: ready by itself, the same answers as the verbs on files, gone without a trace."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.assets.draw_sample import draw_sample
from tests.assets.service_process import free_port

PROGRAM = [sys.executable, "-m", "workers.cli.program"]
START_S = 120.0
OF_THE_SERVICE = ("job", "artefacts", "model_versions")


def environment(temporary: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIMEN_")}
    return kept | {"TMPDIR": str(temporary), "LIMEN_DATA_DIR": str(temporary.parent / "data")}


@contextlib.contextmanager
def service(temporary: Path) -> Iterator[tuple[httpx2.Client, subprocess.Popen[bytes]]]:
    port = free_port()
    with (temporary.parent / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*PROGRAM, "serve", "--port", str(port)], env=environment(temporary), stdout=log, stderr=log
        )
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            wait_until_ready(client, process)
            yield client, process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def wait_until_ready(client: httpx2.Client, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        assert process.poll() is None, "limen serve ended"
        with contextlib.suppress(httpx2.TransportError):
            if client.get("/health/ready").status_code == 200:
                return
        time.sleep(0.1)
    pytest.fail(f"limen serve was not ready within {START_S:.0f} s")


def on_files(temporary: Path, *arguments: object) -> dict[str, Any]:
    run = subprocess.run(
        [*PROGRAM, *(str(argument) for argument in arguments), "--json"],
        env=environment(temporary), capture_output=True, text=True, check=True,
    )  # fmt: skip
    body = json.loads(run.stdout)
    del body["files"]
    assert isinstance(body, dict)
    return body


def over_http(client: httpx2.Client, capability: str, photo: Path, accept: str, **fields: str) -> httpx2.Response:
    answer = client.post(
        f"/v1/{capability}",
        files={"image": (photo.name, photo.read_bytes())},
        data=fields,
        headers={"Prefer": "wait=100", "Accept": accept},
    )
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.slow
def test_the_program_serves_what_its_verbs_compute_and_leaves_nothing(tmp_path: Path) -> None:
    photo, temporary = tmp_path / "photo.png", tmp_path / "tmp"
    temporary.mkdir()
    Image.fromarray(draw_sample()[200:392, 200:456]).save(photo)
    with service(temporary) as (client, process):
        assert client.get("/").status_code == 200
        assert client.get("/docs").status_code == 200
        jpeg = over_http(client, "varjpeg", photo, "image/jpeg", target_sur="0.75").content
        told = over_http(client, "sur-curve", photo, "application/json", jnd="2").json()
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
    assert list(temporary.iterdir()) == []
    computed = on_files(temporary, "varjpeg", photo, "-o", tmp_path / "out.jpg", "--target-sur", 0.75)
    assert (tmp_path / "out.jpg").read_bytes() == jpeg
    assert computed["size_bytes"] == len(jpeg)
    curve = on_files(temporary, "sur-curve", photo, "--jnd", 2)
    assert {name: value for name, value in told.items() if name not in OF_THE_SERVICE} == curve
