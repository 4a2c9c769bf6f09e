"""CPU time of an SUR curve against what Pillow takes to encode and decode the photo at ten qualities.

``python -m tests.benchmarks.sur_cost [PHOTO] [--runs 5]``

CPU time counts all threads of the process. Without a photo a drawn one is cut and mirrored to 768x512.
"""

import argparse
import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from models.decode import decode_image
from models.sur.prediction import predict_sur_curve
from tests.assets.draw_sample import draw_sample
from tests.benchmarks.machine import describe_machine

QUALITIES = range(10, 101, 10)
WIDTH, HEIGHT = 768, 512


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU time of an SUR curve.")
    parser.add_argument("photo", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    pixels = drawn_photo() if arguments.photo is None else decode_image(arguments.photo.read_bytes()).pixels
    predict_sur_curve(pixels)  # opens the graphs
    pairs = [
        (cpu_seconds(lambda: predict_sur_curve(pixels)), cpu_seconds(lambda: encode_and_decode(pixels)))
        for _ in range(arguments.runs)
    ]
    curve, pillow = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    print(describe_machine())
    print(f"image:   {pixels.shape[1]}x{pixels.shape[0]}, median of {arguments.runs} runs, CPU time of all threads")
    print(f"SUR curve                                {curve:.3f} s")
    print(f"Pillow, {len(QUALITIES)} encodes and decodes          {pillow:.3f} s")
    print(f"ratio                                    {curve / pillow:.1f}")


def drawn_photo() -> np.ndarray:
    """The drawn sample, mirrored at its edges to 768x512."""
    sample = draw_sample()
    return np.pad(sample, ((0, HEIGHT - sample.shape[0]), (0, WIDTH - sample.shape[1]), (0, 0)), mode="symmetric")


def cpu_seconds(call: Callable[[], object]) -> float:
    """CPU time of one call, all threads."""
    started = time.process_time()
    call()
    return time.process_time() - started


def encode_and_decode(pixels: np.ndarray) -> None:
    """Pillow at ten qualities, as the QF axis is defined: 4:2:0, optimised, progressive."""
    photo = Image.fromarray(pixels)
    for quality in QUALITIES:
        buffer = io.BytesIO()
        photo.save(buffer, "JPEG", quality=quality, subsampling="4:2:0", optimize=True, progressive=True)
        buffer.seek(0)
        with Image.open(buffer) as decoded:
            decoded.load()


if __name__ == "__main__":
    main()
