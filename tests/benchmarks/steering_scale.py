"""What steering the encoder by a reduced JND map changes: bytes at equal scores, beside the map at full resolution.

    python -m tests.benchmarks.steering_scale PHOTO_DIR [--limit N]

Each photo is encoded at some qualities under each map; in percent, the mean change of size at equal SSIMULACRA2,
butteraugli 3-norm and butteraugli maximum, and at equal quality setting. Then the shift of the mean logarithm of the
thresholds that ``models.varjpeg.steering`` takes back: near zero if it is right.
"""

import argparse
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.decode import decode_image
from models.jpeg.pixels import decode_jpeg
from models.metrics.butteraugli import ButteraugliReference
from models.metrics.ssimulacra2 import Ssimulacra2Reference
from models.types import Float32Array, RgbImage
from models.varjpeg.photo import PreparedPhoto
from models.varjpeg.steering import coarse_thresholds
from tests.benchmarks.machine import describe_machine

QUALITIES = (72.0, 80.0, 87.0, 93.0)
REDUCTIONS = (1, 2, 4)
SUFFIXES = {".png", ".webp", ".jpg"}

Floats = NDArray[np.float64]


def main() -> None:
    """Print a row for each reduction."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.iterdir() if path.suffix in SUFFIXES)[: options.limit]
    rows = np.array([compare(decode_image(path.read_bytes())) for path in paths])
    print(describe_machine())
    print(f"{len(paths)} photos, mean change in percent against the whole map")
    print(f"{'reduction':10} {'S2':>7} {'b3':>7} {'bmax':>7} {'size':>7} {'shift':>7}")
    for number, reduction in enumerate(REDUCTIONS):
        print(f"{reduction:<10} " + " ".join(f"{value:7.2f}" for value in rows.mean(axis=0)[number]))


def compare(photo: RgbImage) -> list[list[float]]:
    """The row of each reduction, of one photo."""
    maps = [coarse_thresholds(photo, reduction=reduction) for reduction in REDUCTIONS]
    curves = [curve(photo, thresholds) for thresholds in maps]
    whole, logarithm = curves[0], float(np.log(maps[0]).mean())
    return [
        [
            *(size_change(whole, found, judge) for judge in (1, 2, 3)),
            100 * float(np.mean(found[:, 0] - whole[:, 0])),
            float(np.log(thresholds).mean()) - logarithm,
        ]
        for thresholds, found in zip(maps, curves, strict=True)
    ]


def curve(photo: RgbImage, thresholds: Float32Array) -> Floats:
    """(qualities, 4): ln of size, SSIMULACRA2, minus ln of butteraugli's 3-norm and of its maximum."""
    prepared = PreparedPhoto(photo, thresholds)
    ssimulacra2, butteraugli = Ssimulacra2Reference(photo), ButteraugliReference(photo)
    rows = []
    for quality in QUALITIES:
        data = prepared.encode(quality).data
        decoded = decode_jpeg(data)
        norms = butteraugli.norm(decoded), float(butteraugli.distances(decoded).max())
        rows.append([math.log(len(data)), ssimulacra2.score(decoded), *(-math.log(norm) for norm in norms)])
    return np.array(rows)


def size_change(whole: Floats, other: Floats, judge: int) -> float:
    """Mean change of size in percent over the scores that both reach."""
    low = max(each[:, judge].min() for each in (whole, other))
    high = min(each[:, judge].max() for each in (whole, other))
    at = np.linspace(low, high, 9)
    sizes = []
    for each in (whole, other):
        order = np.argsort(each[:, judge])
        sizes.append(np.interp(at, each[order, judge], each[order, 0]))
    return 100 * float(np.mean(sizes[1] - sizes[0]))


if __name__ == "__main__":
    main()
