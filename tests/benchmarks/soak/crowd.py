"""Many clients at once, and such as mean no good: half-open connections, uploads that break off, a queue always full.

    python -m tests.benchmarks.soak.crowd [--half-open 1000] [--vanish 1000] [--clients 500] [--minutes 10]

An embedded service with the real models, on a photo of 24 x 24 pixels that is another one each time. First: how long a
plain request takes, alone and beside ``--half-open`` connections, half of which stop in their head and half in their
body, and how soon these are closed. Then: open files and files on disc before and after ``--vanish`` uploads that break
off. Last: ``--clients`` that send one photo after the other and fetch the results; what they were answered, how long
a submission took, and memory in the third and the last quarter of the time. Exits with 1 where an answer is none of
202, 200, 429 and 503, a refusal lacks ``Retry-After``, an accepted job has no result, or a file stays open.
"""

import argparse
import asyncio
import itertools
import resource
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import httpx2

from tests.assets.photos import noise, png
from tests.assets.service_process import ServiceProcess
from tests.benchmarks.machine import describe_machine, percentile
from tests.benchmarks.soak.steady import Size

PLAIN = 40
HEAD = b"POST /v1/varjpeg HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 100000\r\n"
CLOSED_WITHIN_S = 30.0
_numbers = itertools.count()


def photo() -> bytes:
    """One that nobody has sent before."""
    return png(noise(24, 24, next(_numbers)))


def plain_requests_s(client: httpx2.Client) -> float:
    """The 95th percentile of a request's seconds, with its result."""
    taken = []
    for _ in range(PLAIN):
        began = time.perf_counter()
        client.post("/v1/varjpeg", files={"image": photo()}, headers={"Prefer": "wait=60"}).raise_for_status()
        taken.append(time.perf_counter() - began)
    return percentile(taken, 95)


def half_open(url: str, sent: bytes) -> socket.socket:
    """A connection on which that much of a request has come."""
    parts = urlsplit(url)
    connection = socket.create_connection((str(parts.hostname), int(parts.port or 80)), timeout=10)
    connection.sendall(sent)
    return connection


def closed_s(connections: list[socket.socket]) -> float:
    """Seconds until the service has closed all of them."""
    began = time.monotonic()
    for connection in connections:
        connection.settimeout(CLOSED_WITHIN_S)
        while connection.recv(1000):
            pass
        connection.close()
    return time.monotonic() - began


def left_over(before: Size, after: Size) -> bool:
    """Whether more is open or on disc."""
    return after.open_files > before.open_files + 5 or after.files > before.files


async def crowd(
    service: ServiceProcess, folder: Path, clients: int, seconds: float
) -> tuple[Counter[str], list[float]]:
    """What ``clients`` were answered, and how long submissions took; sizes of the service are printed."""
    answers, taken, sizes = Counter[str](), list[float](), list[Size]()
    end = time.monotonic() + seconds

    async def one(client: httpx2.AsyncClient) -> None:
        while time.monotonic() < end:
            began = time.monotonic()
            reply = await client.post("/v1/varjpeg", files={"image": photo()}, data={"quality": "60"})
            taken.append(time.monotonic() - began)
            answers[f"submit {reply.status_code}"] += 1
            if reply.status_code in (429, 503):
                answers["no Retry-After"] += "retry-after" not in reply.headers
                await asyncio.sleep(float(reply.headers.get("retry-after", 1)))
                continue
            path = f"{reply.headers.get('location', '')}/result"
            while (reply := await client.get(path, headers={"Prefer": "wait=20"})).status_code == 409:
                pass
            answers[f"result {reply.status_code}"] += 1

    async def watch() -> None:
        while time.monotonic() < end:
            await asyncio.sleep(max(1.0, seconds / 100))
            sizes.append(Size.of(service, folder, None))

    limits = httpx2.Limits(max_connections=clients, keepalive_expiry=2)  # the service drops idle ones after 5 s
    async with httpx2.AsyncClient(base_url=service.url, timeout=120, limits=limits) as client:
        await asyncio.gather(watch(), *(one(client) for _ in range(clients)))
    quarter = len(sizes) // 4
    for name in ("memory_mb", "open_files"):
        third, last = sizes[-2 * quarter : -quarter], sizes[-quarter:]
        grown = [median(getattr(size, name) for size in part) for part in (third, last)]
        print(f"{name}: {grown[0]:.1f} in the third quarter, {grown[1]:.1f} in the last")
    return answers, taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half-open", type=int, default=1000)
    parser.add_argument("--vanish", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    print(describe_machine())
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    wrong = []
    with tempfile.TemporaryDirectory() as name, ServiceProcess(Path(name), real=True, access_log=False) as service:
        folder = Path(name)
        alone_s = plain_requests_s(service.client)
        heads = [half_open(service.url, HEAD) for _ in range(options.half_open // 2)]
        bodies = [half_open(service.url, HEAD + b"\r\n" + bytes(500)) for _ in range(options.half_open // 2)]
        beside_s = plain_requests_s(service.client)
        print(
            f"plain request, p95: {1000 * alone_s:.0f} ms alone, {1000 * beside_s:.0f} ms beside half-open connections"
        )
        print(f"{len(heads + bodies)} half-open connections: all closed {closed_s(heads + bodies):.1f} s later")
        time.sleep(1)
        before = Size.of(service, folder, None)
        for _ in range(options.vanish):
            half_open(service.url, HEAD + b"\r\n" + bytes(5000)).close()
        began, after = time.monotonic(), Size.of(service, folder, None)
        while left_over(before, after) and time.monotonic() < began + CLOSED_WITHIN_S:
            time.sleep(1)
            after = Size.of(service, folder, None)
        print(f"all looked at {time.monotonic() - began:.0f} s later")
        files = (
            f"{before.open_files:.0f} -> {after.open_files:.0f} open, {before.files:.0f} -> {after.files:.0f} on disc"
        )
        print(f"files, with {options.vanish} uploads between that broke off: {files}")
        if left_over(before, after):
            wrong.append("uploads that broke off left something")
        answers, taken = asyncio.run(crowd(service, folder, options.clients, 60 * options.minutes))
    print(f"{options.clients} clients, {options.minutes:g} minutes: {dict(answers)}")
    print(f"submission: p50 {1000 * median(taken):.0f} ms, p99 {1000 * percentile(taken, 99):.0f} ms")
    allowed = {"submit 202", "submit 429", "submit 503", "result 200", "no Retry-After"}
    wrong += [f"{name}: {count}" for name, count in answers.items() if name not in allowed]
    if answers["no Retry-After"] or answers["result 200"] != answers["submit 202"]:
        wrong.append("a refusal without Retry-After, or an accepted job without a result")
    if wrong:
        print("wrong:", *wrong, sep="\n    ")
        sys.exit(1)


if __name__ == "__main__":
    main()
