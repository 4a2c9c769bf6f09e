"""Limen as on several hosts: web processes and workers with a folder each, and only Redis and a bucket between them."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import httpx2

from tests.assets.fleet.s3_server import S3Server

ROOT = Path(__file__).parents[3]
START_S = 240.0


class Member:
    """One process of a fleet: ``api`` or ``worker``, with canned tasks or ``real`` models."""

    def __init__(self, role: str, folder: Path, environment: dict[str, str], *, real: bool) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True)
        own = {"TMPDIR": str(self.temporary), "LIMEN_DATA_DIR": str(folder / "data")}
        self._environment = environment | own | {"LIMEN_TEST_PORT": str(self._port)}
        limen = str(Path(sys.executable).with_name("limen"))
        canned = [sys.executable, str(ROOT / "tests" / "assets" / "canned_service.py"), role]
        verb = ["worker"] if role == "worker" else ["serve", "--port", str(self._port)]
        self._command = [limen, *verb] if real else canned
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """A process, with the folder that an earlier one has left."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """End the process and all that it has started, as if its host were switched off."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)

    def stop(self) -> None:
        """An orderly end."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def is_ready(self) -> bool:
        """Whether a web process says that work would be done."""
        assert self._process is not None
        assert self._process.poll() is None, f"a process has ended:\n{self.log()}"
        try:
            return httpx2.get(f"{self.url}/health/ready", timeout=15).status_code == 200
        except httpx2.TransportError:
            return False

    def log(self) -> str:
        """What it has written so far."""
        return (self.folder / "log").read_text()


class Fleet:
    """``apis`` and ``workers``, started and ended together; ``environment`` is what all of them are told."""

    def __init__(
        self,
        folder: Path,
        redis_url: str,
        s3: S3Server,
        *,
        apis: int = 2,
        workers: int = 3,
        real: bool = False,
        **settings: object,
    ) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LIMEN_")}
        environment |= s3.environment | {
            "PYTHONPATH": str(ROOT),
            "LIMEN_REDIS_URL": redis_url,
            "LIMEN_BLOB_URL": s3.url,
        }
        environment |= {f"LIMEN_{name.upper()}": str(value) for name, value in settings.items()}
        self.environment = environment
        self.apis = [Member("api", folder / f"api-{number}", environment, real=real) for number in range(apis)]
        self.workers = [
            Member("worker", folder / f"worker-{number}", environment, real=real) for number in range(workers)
        ]

    @property
    def members(self) -> list[Member]:
        """All processes."""
        return [*self.workers, *self.apis]

    def __enter__(self) -> Self:
        for member in self.members:
            member.start()
        end = time.monotonic() + START_S
        for api in self.apis:
            while not api.is_ready():
                assert time.monotonic() < end, f"not ready in {START_S} s:\n{api.log()}"
                time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.stop()
