"""What the way through HTTP, queue and stores adds to a ``/v1/varjpeg``: the service against the pure function.

``python -m tests.benchmarks.path_cost [PHOTO] [--runs 20] [--url URL]``

Both do the same work on the same bytes, turn about in one run, and no bytes twice (each run has its own text in the
file, so that no result is found again). The pure function is ``decode_image`` and ``optimise_photo`` in this process;
the service answers ``Prefer: wait`` with the JPEG itself.
"""

import argparse
import io
import statistics
import time
import uuid
from pathlib import Path

import httpx2
import numpy as np
from PIL import Image, PngImagePlugin

from models.decode import decode_image
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions
from tests.assets.draw_sample import draw_sample
from tests.benchmarks.machine import describe_machine, percentile
from tests.benchmarks.service import running_service

TARGET_SUR = 0.75
WARM_UP = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Cost of the request path of an embedded service.")
    parser.add_argument("photo", nargs="?", type=Path, help="a photo; without it a drawn one of 640x448")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--url", help="a running service; without it one is started")
    arguments = parser.parse_args()
    pixels = draw_sample() if arguments.photo is None else decode_image(arguments.photo.read_bytes()).pixels
    with running_service(arguments.url) as client:
        for _ in range(WARM_UP):
            timed_request(client, unique_png(pixels))
            timed_function(unique_png(pixels))
        pairs = [measure_pair(client, pixels, first=run % 2 == 0) for run in range(arguments.runs)]
    print(describe_machine())
    print(f"image:   {pixels.shape[1]}x{pixels.shape[0]} PNG, target_sur {TARGET_SUR}, {arguments.runs} runs each")
    report("service ", [pair[0] for pair in pairs])
    report("function", [pair[1] for pair in pairs])
    print(f"medians differ by {1000 * (median(pairs, 0) - median(pairs, 1)):.1f} ms (aim: under 30)")
    print(f"median of the differences: {1000 * statistics.median(a - b for a, b in pairs):.1f} ms")


def unique_png(pixels: np.ndarray) -> bytes:
    """The pixels as a PNG with bytes of its own."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", uuid.uuid4().hex)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=text, compress_level=1)
    return buffer.getvalue()


def measure_pair(client: httpx2.Client, pixels: np.ndarray, *, first: bool) -> tuple[float, float]:
    """Seconds of one request and one call, whichever first."""
    data = unique_png(pixels)
    if first:
        return timed_request(client, data), timed_function(data)
    called = timed_function(data)
    return timed_request(client, data), called


def timed_request(client: httpx2.Client, data: bytes) -> float:
    """Seconds from sending the photo to holding the JPEG."""
    started = time.perf_counter()
    answer = client.post(
        "/v1/varjpeg",
        files={"image": ("photo.png", data, "image/png")},
        data={"target_sur": str(TARGET_SUR)},
        headers={"Prefer": "wait=120", "Accept": "image/jpeg"},
    )
    elapsed = time.perf_counter() - started
    answer.raise_for_status()
    if not answer.content.startswith(b"\xff\xd8"):
        raise RuntimeError(f"no JPEG but {answer.headers.get('content-type')}, status {answer.status_code}")
    return elapsed


def timed_function(data: bytes) -> float:
    """Seconds of the same work in this process."""
    started = time.perf_counter()
    optimise_photo(decode_image(data), VarJpegOptions(target_sur=TARGET_SUR), original=data)
    return time.perf_counter() - started


def median(pairs: list[tuple[float, float]], index: int) -> float:
    """Median of one side."""
    return statistics.median(pair[index] for pair in pairs)


def report(name: str, seconds: list[float]) -> None:
    """Median and spread in milliseconds."""
    middle, low, high = statistics.median(seconds), percentile(seconds, 10), percentile(seconds, 90)
    print(f"{name} median {1000 * middle:.1f} ms, 10th to 90th percentile {1000 * low:.1f} to {1000 * high:.1f} ms")


if __name__ == "__main__":
    main()
