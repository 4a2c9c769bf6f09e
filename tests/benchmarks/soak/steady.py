"""Whether a service that works for an hour keeps its size: memory, open files, files on disk, keys in Redis.

    python -m tests.benchmarks.soak.steady [--minutes 60] [--mode embedded redis] [--every 1] [--canned]

Four clients together send one of 40 photos of 0.1 megapixels every second, so that the service has as much to do in
every minute, whatever else the machine does; ``--every 0`` sends without a pause. Each time the limit of bytes is
another, so that it is a new job whose file is the same, and each result is fetched. Jobs are kept for two minutes.
Every few seconds all processes of the service are measured. The third quarter of the time is compared with the last
one; it exits with 1 if anything grew by more than the limits below. ``--canned`` leaves the models out.
"""

import argparse
import contextlib
import itertools
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from typing import Self

import httpx2

from tests.assets.photos import png, textured
from tests.assets.redis_server import RedisServer
from tests.assets.service_process import ServiceProcess
from tests.benchmarks.machine import describe_machine

CLIENTS = 4
PHOTOS = 40
KEPT_S = 120
LIMITS = {"memory_mb": 1.05, "open_files": 1.05, "files": 1.10, "file_mb": 1.10, "redis_keys": 1.10, "redis_mb": 1.10}
"""How many times as much the last quarter may have as the one before."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of all processes of a service together, of its folder and of its Redis."""

    memory_mb: float
    open_files: float
    files: float
    file_mb: float
    redis_keys: float
    redis_mb: float

    @classmethod
    def of(cls, service: ServiceProcess, folder: Path, redis: RedisServer | None) -> Self:
        """As it is now. Memory is what processes have written, and what two share counts once."""
        family = service.family()
        sizes = _sizes(folder)
        info = {} if redis is None else redis.client().info("memory")
        return cls(
            memory_mb=sum(map(_memory_mb, family)),
            open_files=sum(map(_open_files, family)),
            files=len(sizes),
            file_mb=sum(sizes) / 1e6,
            redis_keys=0 if redis is None else _keys(redis),
            redis_mb=info.get("used_memory", 0) / 1e6,
        )


def _sizes(folder: Path) -> list[int]:
    """Bytes of each file below ``folder``, but for the logs; one that goes while it is looked at is left out."""
    sizes = []
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and path.suffix != ".log":
                sizes.append(path.stat().st_size)
    return sizes


def _keys(redis: RedisServer) -> int:
    """All but those that say for a week that a job has expired."""
    client = redis.client()
    return int(client.dbsize()) - sum(1 for _ in client.scan_iter("limen:known:*", count=1000))


def _memory_mb(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:")) / 1024


def _open_files(process: int) -> int:
    try:
        return len(list(Path(f"/proc/{process}/fd").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Load:
    """Clients that send a photo every so many seconds and fetch results until ``stop``.

    ``done`` counts, ``failed`` says what went wrong.
    """

    def __init__(self, url: str, every_s: float) -> None:
        self._url = url
        self._every_s = every_s
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._numbers = itertools.count()
        self._photos = [png(textured(300, 400, seed)) for seed in range(PHOTOS)]
        self._clients = [threading.Thread(target=self._send) for _ in range(CLIENTS)]
        self.done = 0
        self.failed: list[str] = []

    def start(self) -> None:
        """Begin, each in a thread of its own."""
        for client in self._clients:
            client.start()

    def stop(self) -> None:
        """End after the requests that are under way."""
        self._stop.set()
        for client in self._clients:
            client.join()

    def _send(self) -> None:
        headers = {"Prefer": "wait=60", "Accept": "image/jpeg"}
        with httpx2.Client(base_url=self._url, timeout=90) as client:
            while not self._stop.is_set():
                number = next(self._numbers)
                if self._stop.wait(max(0.0, self._began + number * self._every_s - time.monotonic())):
                    return
                photo, form = self._photos[number % PHOTOS], {"max_bytes": str(1_000_000 + number)}
                reply = client.post("/v1/varjpeg", files={"image": photo}, data=form, headers=headers)
                if reply.status_code == 200:
                    self.done += 1
                elif reply.status_code not in (429, 503):
                    self.failed.append(f"{reply.status_code} {reply.text[:200]}")


def soak(
    service: ServiceProcess, folder: Path, redis: RedisServer | None, seconds: float, every_s: float = 0.0
) -> tuple[list[Size], Load]:
    """Sizes while the service works for so long."""
    load = Load(service.url, every_s)
    load.start()
    sizes = []
    began = time.monotonic()
    pause = max(1.0, seconds / 200)
    try:
        while time.monotonic() - began < seconds:
            time.sleep(pause)
            sizes.append(Size.of(service, folder, redis))
    finally:
        load.stop()
    return sizes, load


def growth(sizes: list[Size]) -> dict[str, tuple[float, float]]:
    """The median of each figure in the third quarter of the time and in the last."""
    quarter = len(sizes) // 4
    third, last = sizes[-2 * quarter : -quarter], sizes[-quarter:]
    return {
        field.name: (
            median(getattr(size, field.name) for size in third),
            median(getattr(size, field.name) for size in last),
        )
        for field in fields(Size)
    }


def too_large(grown: dict[str, tuple[float, float]]) -> list[str]:
    """Names of the figures that grew by more than their limit."""
    return [name for name, (before, after) in grown.items() if after > LIMITS[name] * before]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="of each mode")
    parser.add_argument("--mode", nargs="+", default=["embedded", "redis"], choices=["embedded", "redis"])
    parser.add_argument("--every", type=float, default=1.0, help="seconds between photos")
    parser.add_argument("--canned", action="store_true", help="no models: HTTP, queue and stores alone")
    options = parser.parse_args()
    print(describe_machine())
    grew = []
    for mode in options.mode:
        with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as redis_name:
            folder = Path(name)
            redis = RedisServer(Path(redis_name)) if mode == "redis" else None
            url = None
            if redis is not None:
                redis.start()
                url = redis.url
            try:
                real = not options.canned
                with ServiceProcess(folder, redis_url=url, real=real, job_expiry_s=KEPT_S, access_log=False) as service:
                    sizes, load = soak(service, folder, redis, 60 * options.minutes, options.every)
            finally:
                if redis is not None:
                    redis.kill()
        grown = growth(sizes)
        grew += [f"{mode}: {name}" for name in too_large(grown)] + load.failed
        print(f"{mode}, {options.minutes:g} minutes: {load.done} photos, {len(load.failed)} errors")
        for name, (before, after) in grown.items():
            print(f"    {name:11} {before:10.1f} {after:10.1f}")
    if grew:
        print("grew or failed:", *grew, sep="\n    ")
        sys.exit(1)


if __name__ == "__main__":
    main()
