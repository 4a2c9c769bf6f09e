"""A running service to measure: the one at a URL, or an embedded one started for the benchmark."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import httpx2

from tests.assets.service_process import free_port

START_S = 120.0


@contextlib.contextmanager
def running_service(url: str | None, **settings: object) -> Iterator[httpx2.Client]:
    """A client for the service at ``url``, or for ``limen serve`` with ``settings`` until the block ends."""
    if url is not None:
        with httpx2.Client(base_url=url, timeout=300) as client:
            yield client
        return
    port = free_port()
    command = [sys.executable, "-m", "workers.cli.program", "serve", "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIMEN_")}
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as data:
        environment["LIMEN_DATA_DIR"] = data
        environment |= {f"LIMEN_{name.upper()}": str(value) for name, value in settings.items()}
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
                _wait_until_ready(client, process)
                yield client
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(client: httpx2.Client, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"limen serve ended with status {process.returncode}")
        with contextlib.suppress(httpx2.TransportError):
            if client.get("/health/ready").status_code == 200:
                return
        time.sleep(0.1)
    raise TimeoutError(f"limen serve was not ready after {START_S:.0f} s")
