"""Limen as processes of its own on a free port: all in one, or web process and worker on Redis.

With canned tasks, or with ``real`` models by the ``limen`` program, which gets ``serve`` as further arguments.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import httpx2

ROOT = Path(__file__).parents[2]
START_S = 180.0
BELOW_EPHEMERAL = range(15_000, 32_000)
"""No outgoing connection takes one of these in the moment between finding it free and listening."""


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    while True:
        port = random.SystemRandom().choice(BELOW_EPHEMERAL)
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


class ServiceProcess:
    """A running service; ``client`` talks to it, ``pids`` are its processes by role."""

    def __init__(
        self,
        folder: Path,
        *,
        redis_url: str | None = None,
        real: bool = False,
        serve: tuple[str, ...] = (),
        **settings: object,
    ) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._real, self._serve = real, serve
        self.mode = "embedded" if redis_url is None else "redis"
        self._folder = folder
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), "LIMEN_TEST_PORT": str(self._port)}
        self._environment |= {f"LIMEN_{name.upper()}": str(value) for name, value in settings.items()}
        self._environment.setdefault("LIMEN_DATA_DIR", str(folder / "data"))
        if redis_url is not None:
            self._environment |= {"LIMEN_REDIS_URL": redis_url, "LIMEN_BLOB_DIR": str(folder / "blobs")}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.client = httpx2.Client(base_url=self.url, timeout=60)

    def __enter__(self) -> Self:
        for role in ("embedded",) if self.mode == "embedded" else ("worker", "api"):
            self._start(role)
        self._wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of those that are alive."""
        return {role: process.pid for role, process in self._processes.items() if process.poll() is None}

    def family(self) -> set[int]:
        """Process ids of these and of all that they have started, the worker's pool among them, as far as they live."""
        found, waiting = set[int](), list(self.pids.values())
        while waiting:
            process = waiting.pop()
            found.add(process)
            for children in Path(f"/proc/{process}/task").glob("*/children"):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    waiting += map(int, children.read_text().split())
        return found

    def log(self, role: str) -> str:
        """What a process has written so far."""
        return (self._folder / f"{role}.log").read_text()

    def kill(self) -> None:
        """End every process at once, those that they have started too, without a chance to put anything away."""
        for member in self.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        for process in self._processes.values():
            process.wait(20)

    def start_again(self) -> None:
        """The processes anew, as after a crash of all of them."""
        for role in list(self._processes):
            self._start(role)
        self._wait_until_ready()

    def _start(self, role: str) -> None:
        with (self._folder / f"{role}.log").open("ab") as log:
            self._processes[role] = subprocess.Popen(
                self._command(role), env=self._environment, cwd=ROOT, stdout=log, stderr=log
            )

    def _command(self, role: str) -> list[str]:
        if not self._real:
            return [sys.executable, str(ROOT / "tests" / "assets" / "canned_service.py"), role]
        limen = str(Path(sys.executable).with_name("limen"))
        return [limen, "worker"] if role == "worker" else [limen, "serve", "--port", str(self._port), *self._serve]

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + START_S
        while True:
            try:
                if self.client.get("/health/ready").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            logs = "\n".join(self.log(role) for role in self._processes)
            assert len(self.pids) == len(self._processes), f"a process ended at once:\n{logs}"
            assert time.monotonic() < end, f"not ready in {START_S} s:\n{logs}"
            time.sleep(0.05)
