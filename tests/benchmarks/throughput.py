"""Requests a second of the embedded service, by how many jobs it runs at once.

    python -m tests.benchmarks.throughput PHOTO [--seconds 20] [--concurrency 1 2] [--threads N]

Each request is ``target_sur=0.75`` on the photo with one pixel changed, so that no two are the same job; twice as many
clients as jobs at once wait for their files. The first requests, until every job at once has been run, do not count.
``--threads`` is LIMEN_THREADS of the service; ``1`` with ``--concurrency 1`` gives one core's rate.
"""

import argparse
import itertools
import threading
import time
from pathlib import Path

import httpx2
import numpy as np

from models.decode import decode_image
from tests.assets.photos import png
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.service import running_service

WARM_UP_S = 20.0
HEADERS = {"Prefer": "wait=120", "Accept": "image/jpeg"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    pixels = decode_image(arguments.photo.read_bytes()).pixels
    threads = {} if arguments.threads is None else {"threads": arguments.threads}
    print(describe_machine())
    for at_once in arguments.concurrency:
        with running_service(None, concurrency=at_once, **threads) as client:
            rate, latency_s = measured(client, pixels, at_once, arguments.seconds)
        print(f"{at_once} at once: {rate:.2f} requests/s, {latency_s:.2f} s each", flush=True)


def measured(client: httpx2.Client, pixels: np.ndarray, at_once: int, seconds: float) -> tuple[float, float]:
    """Requests ended a second, and the median time of one."""
    numbers, ended, taken = itertools.count(), list[float](), list[float]()
    stop = time.monotonic() + WARM_UP_S + seconds

    def ask() -> None:
        while (began := time.monotonic()) < stop:
            reply = client.post(
                "/v1/varjpeg", files={"image": changed(pixels, next(numbers))}, data=FIELDS, headers=HEADERS
            )
            reply.raise_for_status()
            ended.append(time.monotonic())
            taken.append(ended[-1] - began)

    clients = [threading.Thread(target=ask) for _ in range(2 * at_once)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    counted = sum(stop - seconds <= moment < stop for moment in ended)
    return counted / seconds, float(np.median(taken[len(taken) // 2 :]))


FIELDS = {"target_sur": "0.75"}


def changed(pixels: np.ndarray, number: int) -> bytes:
    """The photo as PNG with one value of its own."""
    copy = pixels.copy()
    copy[0, 0] = number % 256, number // 256 % 256, number // 65536
    return png(copy)


if __name__ == "__main__":
    main()
