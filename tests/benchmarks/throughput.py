"""Requests a second of the embedded service, by how many jobs it runs at once.

    python -m tests.benchmarks.throughput PHOTO ... [--seconds 20] [--concurrency 1 2] [--threads N]

Each request is ``target_sur=0.75`` on the next of the photos with a text of its own, so that no two are the same job;
photos differ in how many trials they take, so a folder's worth says more than one. Twice as many clients as jobs at
once wait for their files. The first requests, until every job at once has been run, do not count. The clients take
their share of the processors too.
``--threads`` is LIMEN_THREADS of the service; ``1`` with ``--concurrency 1`` gives one core's rate.
"""

import argparse
import itertools
import struct
import threading
import time
import zlib
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
    parser.add_argument("photo", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    photos = [png(decode_image(photo.read_bytes()).pixels) for photo in arguments.photo]
    threads = {} if arguments.threads is None else {"threads": arguments.threads}
    print(describe_machine())
    for at_once in arguments.concurrency:
        with running_service(None, concurrency=at_once, **threads) as client:
            rate, latency_s = measured(client, photos, at_once, arguments.seconds)
        print(f"{at_once} at once: {rate:.2f} requests/s, {latency_s:.2f} s each", flush=True)


def measured(client: httpx2.Client, photos: list[bytes], at_once: int, seconds: float) -> tuple[float, float]:
    """Requests ended a second, and the median time of one."""
    numbers, ended, taken = itertools.count(), list[float](), list[float]()
    stop = time.monotonic() + WARM_UP_S + seconds

    def ask() -> None:
        while (began := time.monotonic()) < stop:
            number = next(numbers)
            image = with_text(photos[number % len(photos)], number)
            reply = client.post("/v1/varjpeg", files={"image": image}, data=FIELDS, headers=HEADERS)
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
END_OF_HEADER = 33
"""Bytes of a PNG's signature and of its first chunk."""


def with_text(photo: bytes, number: int) -> bytes:
    """The PNG with the number in a text chunk behind its header, as other bytes are another job."""
    chunk = b"tEXt" + f"number\0{number}".encode()
    text = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return photo[:END_OF_HEADER] + text + photo[END_OF_HEADER:]


if __name__ == "__main__":
    main()
