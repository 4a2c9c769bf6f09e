"""Where a search starts: the medians behind ``models.varjpeg.search.targets``, of what lossless photos score by each
judge.

    python -m training.codec.search_start --data DATA [--every 4]

Every so many lossless photos of ``photos/train`` are encoded at each quality, steered by the JND map, and judged by
the SUR network, SSIMULACRA2 and butteraugli; then at some qualities with bits that cost more and less.
"""

import argparse
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.jpeg.pixels import decode_jpeg
from models.metrics.butteraugli import ButteraugliReference
from models.metrics.ssimulacra2 import Ssimulacra2Reference
from models.sur.reference import SurReference
from models.types import Rgb8, RgbImage
from models.varjpeg.photo import PreparedPhoto
from models.varjpeg.search.targets import LAMBDA_QUALITIES, QUALITIES
from models.varjpeg.steering import coarse_thresholds
from training.data.photos import is_lossless, load_photo, photo_paths

LAMBDA = 4 / 3
"""Prices tried: this and its inverse."""

JUDGES = ("ln distance", "SSIMULACRA2", "ln butteraugli")


def measure(photo: Rgb8) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores (judge, quality), and their slopes on ln(lambda scale) (judge, quality), of one photo."""
    prepared = PreparedPhoto(photo, coarse_thresholds(RgbImage(photo, photo)))
    sur, ssimulacra2, butteraugli = SurReference(photo), Ssimulacra2Reference(photo), ButteraugliReference(photo)

    def scores(quality: float, lambda_scale: float = 1.0) -> list[float]:
        decoded = decode_jpeg(prepared.encode(quality, lambda_scale=lambda_scale).data)
        return [sur.log_distance(decoded), ssimulacra2.score(decoded), math.log(butteraugli.norm(decoded))]

    at_qualities = np.array([scores(quality) for quality in QUALITIES]).T
    ends = np.array([[scores(quality, factor) for factor in (1 / LAMBDA, LAMBDA)] for quality in LAMBDA_QUALITIES])
    return at_qualities, (ends[:, 1] - ends[:, 0]).T / (2 * math.log(LAMBDA))


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--every", type=int, default=4)
    options = parser.parse_args()
    paths = [path for path in photo_paths(options.data, "train") if is_lossless(path)][:: options.every]
    scores, slopes = zip(*(measure(load_photo(path)) for path in paths), strict=True)
    print(f"medians of {len(paths)} photos")
    for name, values, slope in zip(JUDGES, np.median(scores, axis=0), np.median(slopes, axis=0), strict=True):
        print(f"{name}: {values.round(2).tolist()} at {QUALITIES}, {slope.round(3).tolist()} at {LAMBDA_QUALITIES}")


if __name__ == "__main__":
    main()
