"""An S3 server of a test's or a benchmark's own: moto's, a process with all objects in its memory."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

BUCKET = "limen-test"
START_S = 30.0


class S3Server:
    """A server with one empty bucket, that can be stopped, held up and started again, then empty."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        self._log = folder / "s3.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to know."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "limen",
            "AWS_SECRET_ACCESS_KEY": "limen",
            "AWS_REGION": "us-east-1",
        }

    @property
    def url(self) -> str:
        return f"s3://{BUCKET}/limen"

    def start(self) -> None:
        command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(self._port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while True:
            try:
                urlopen(Request(f"{self.endpoint}/{BUCKET}", method="PUT"), timeout=5).close()
                return
            except (URLError, OSError):
                assert time.monotonic() < end, self._log.read_text()
                time.sleep(0.05)

    def kill(self) -> None:
        """An end without goodbye, with all objects."""
        if self._process is not None:
            self.go_on()
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def hold_up(self) -> None:
        """Take connections and answer nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer again."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def empty(self) -> None:
        """Forget all objects."""
        urlopen(Request(f"{self.endpoint}/moto-api/reset", method="POST"), timeout=20).close()
        urlopen(Request(f"{self.endpoint}/{BUCKET}", method="PUT"), timeout=20).close()
