"""A ``redis-server`` process of a test's or a benchmark's own."""

import subprocess
import time
from pathlib import Path

import redis

from tests.assets.service_process import free_port


class RedisServer:
    """A ``redis-server`` process that can be stopped, killed and started again with its files."""

    def __init__(self, folder: Path, *, extra: tuple[str, ...] = ()) -> None:
        self.port = free_port()
        self.folder = folder
        self._extra = extra
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, decode_responses=True)

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        durable = ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"]
        self._process = subprocess.Popen(
            ["redis-server", *options, *durable, *self._extra], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.wait_until_it_answers()

    def wait_until_it_answers(self, timeout_s: float = 10.0) -> None:
        end = time.monotonic() + timeout_s
        with self.client() as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.02)

    def stop(self) -> None:
        """An orderly end, as ``systemctl restart`` makes it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def kill(self) -> None:
        """An end without goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None
