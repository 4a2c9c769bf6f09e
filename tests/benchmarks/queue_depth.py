"""What a long queue costs: time of a submission and of ``/metrics``, by how many jobs wait, in both modes.

    python -m tests.benchmarks.queue_depth [--jobs 10000] [--mode embedded redis]

The service has canned tasks in place of the models, one job at once, which takes five seconds, so that the queue stays
as long as it is. Each submission is a PNG of 24x333 pixels that nobody has sent before. Redis mode needs redis-server.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2

from tests.assets.photos import SLOW_WIDTH, noise, png
from tests.assets.redis_server import RedisServer
from tests.assets.service_process import ServiceProcess
from tests.benchmarks.machine import describe_machine, percentile
from workers.run.celery_app import QUEUE

SUBMISSIONS = 200
READINGS = 30
FINISHED = 300
CLIENTS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--mode", nargs="+", default=["embedded", "redis"], choices=["embedded", "redis"])
    arguments = parser.parse_args()
    print(describe_machine())
    for mode in arguments.mode:
        with tempfile.TemporaryDirectory() as folder:
            server = RedisServer(Path(folder)) if mode == "redis" else None
            if server is not None:
                server.start()
            url = None if server is None else server.url
            settings = {"queue_limit": 2 * arguments.jobs + 1000, "concurrency": 1, "access_log": False}
            try:
                with ServiceProcess(Path(folder), redis_url=url, **settings) as service:
                    measure(mode, service.client, arguments.jobs)
                    if server is not None:
                        print(f"{mode}: {message_bytes(server):,} bytes a message")
                if server is not None:
                    with ServiceProcess(Path(folder), redis_url=url, access_log=False) as service:
                        print(f"{mode}: {finished_bytes(server, service.client):,.0f} bytes of Redis a finished job")
            finally:
                if server is not None:
                    server.kill()


def measure(mode: str, client: httpx2.Client, jobs: int) -> None:
    """Print times with an empty queue, and with ``jobs`` waiting."""
    numbers = itertools.count()

    def submit() -> None:
        photo = png(noise(24, SLOW_WIDTH, next(numbers)))
        client.post("/v1/quality-score", files={"image": photo}).raise_for_status()

    report(f"{mode}, empty queue", submit, client)
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda _: submit(), range(jobs)))
    report(f"{mode}, {jobs} jobs waiting", submit, client)


def message_bytes(server: RedisServer) -> int:
    """Of the message of a job that waits."""
    return len(server.client().lindex(QUEUE, 0) or b"")


def finished_bytes(server: RedisServer, client: httpx2.Client) -> float:
    """What Redis keeps of each job that has ended, its events among it, an answer of ``varjpeg`` being the largest."""
    redis = server.client()
    redis.flushdb()
    before = redis.info("memory")["used_memory"]
    for number in range(FINISHED):
        reply = client.post(
            "/v1/varjpeg",
            files={"image": png(noise(24, 24, number))},
            data={"target_sur": "0.75"},
            headers={"Prefer": "wait=60"},
        )
        reply.raise_for_status()
    return float(redis.info("memory")["used_memory"] - before) / FINISHED


def report(label: str, submit: Callable[[], None], client: httpx2.Client) -> None:
    """Print median and 95th percentile of both, in milliseconds."""
    times = [timed(submit) for _ in range(SUBMISSIONS)]
    metrics = [timed(lambda: client.get("/metrics").raise_for_status()) for _ in range(READINGS)]
    said = ", ".join(
        f"{name} median {percentile(values, 50):.1f} p95 {percentile(values, 95):.1f} ms"
        for name, values in (("submit", times), ("/metrics", metrics))
    )
    print(f"{label}: {said}", flush=True)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that ``work`` takes."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
