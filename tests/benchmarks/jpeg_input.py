"""JPEG in, JPEG out: what the input's own coefficients gain over its pixels, and over a lossless re-coding.

    python -m tests.benchmarks.jpeg_input FOLDER [--limit N] [--qualities 60,70,80,90,95] [--targets 80,90]

Each photo becomes a JPEG by libjpeg-turbo (4:2:0, as it writes them by default); then the smallest file at each target,
SSIMULACRA2 against that JPEG's own pixels, is looked for from the pixels alone, from the coefficients alone, and as the
service does. Sizes are geometric means of the ratio to the input.
"""

import argparse
import io
from collections import defaultdict
from pathlib import Path

import mozjpeg_lossless_optimization
import numpy as np
from PIL import Image

from models.errors import TargetUnreachableError
from models.jnd import predict_jnd_map
from models.jpeg.coefficients import read_coefficients
from models.jpeg.pixels import decode_jpeg
from models.varjpeg.photo import Encoded, PreparedPhoto
from models.varjpeg.recompress import PreparedJpeg
from models.varjpeg.search.goal_search import search_goal
from models.varjpeg.search.goals import Judge, Judgement, Setting
from models.varjpeg.search.targets import Ssimulacra2Target
from tests.benchmarks.machine import describe_machine

SUFFIXES = {".png", ".webp", ".jpg", ".jpeg"}
Ratios = dict[tuple[int, float, str], list[float]]


def measure(path: Path, quality: int, targets: list[float], ratios: Ratios) -> None:
    """Add one photo at one input quality."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(buffer, "JPEG", quality=quality)
    original = buffer.getvalue()
    pixels = decode_jpeg(original)
    thresholds = predict_jnd_map(pixels).values
    photo = PreparedPhoto(pixels, thresholds)
    coefficients = PreparedJpeg(read_coefficients(original), thresholds)
    passed = bytes(mozjpeg_lossless_optimization.optimize(original))
    for value in targets:
        target = Ssimulacra2Target(pixels, value)

        def judge(data: bytes, target: Ssimulacra2Target = target) -> Judgement:
            return target.judge(decode_jpeg(data))

        by_pixels = smallest(photo, judge, target)
        by_coefficients = smallest(coefficients, judge, target)
        sizes = {
            "pixels": by_pixels,
            "coefficients": by_coefficients,
            "lossless": len(passed),
            "smallest": min(by_pixels, by_coefficients, len(passed)),
        }
        for name, size in sizes.items():
            ratios[quality, value, name].append(np.log(size / len(original)))


def smallest(photo: PreparedPhoto | PreparedJpeg, judge: Judge, target: Ssimulacra2Target) -> int | float:
    """Bytes of the smallest file that reaches the target, infinite where none does."""

    def encode(setting: Setting) -> Encoded:
        return photo.encode(setting.quality, lambda_scale=setting.lambda_scale)

    try:
        return len(search_goal(encode, judge, target.goal).data)
    except TargetUnreachableError:
        return float("inf")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, help="only so many photos, evenly picked")
    parser.add_argument("--qualities", default="60,70,80,90,95")
    parser.add_argument("--targets", default="80,90")
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.iterdir() if path.suffix.lower() in SUFFIXES)
    paths = paths[:: max(1, -(-len(paths) // options.limit))] if options.limit else paths
    qualities = [int(quality) for quality in options.qualities.split(",")]
    targets = [float(value) for value in options.targets.split(",")]
    print(describe_machine())
    print(f"{len(paths)} photos; sizes as ratios to the input JPEG\n")
    names = ("pixels", "coefficients", "lossless", "smallest")
    print(f"{'input quality':>13} {'SSIMULACRA2':>12}" + "".join(f"{name:>14}" for name in names), flush=True)
    ratios: Ratios = defaultdict(list)
    for quality in qualities:
        for path in paths:
            measure(path, quality, targets, ratios)
        for value in targets:
            cells = "".join(f"{np.exp(np.mean(ratios[quality, value, name])):>14.3f}" for name in names)
            print(f"{quality:>13} {value:>12g}{cells}", flush=True)


if __name__ == "__main__":
    main()
