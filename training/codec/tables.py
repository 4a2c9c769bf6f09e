"""The fit behind ``models.varjpeg.tables.DESIGNS``: coordinate descent on size at equal quality for three judges.

    python -m training.codec.tables DATA_DIR [--photos 12] [--rounds 2] [--scales 0.45 0.8 1.3 2.3 4]

DATA_DIR holds ``photos/train``. Each scale of the steps is fitted by itself on central crops: a number of its design is
multiplied or divided by the step and kept if the size at equal quality falls. Equal quality means: the size beside the
one that the designs of today need for the same score, on the photo's own curve, so that a coarser setting gains nothing
by moving to lower quality. The designs found are printed as they stand in ``tables.py``.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.jnd import predict_jnd_map
from models.jpeg.pixels import decode_jpeg
from models.metrics.butteraugli import ButteraugliReference
from models.metrics.ssimulacra2 import Ssimulacra2Reference
from models.types import Rgb8
from models.varjpeg.photo import PreparedPhoto, Subsampling
from models.varjpeg.tables import Design, design_at
from training.data.photos import is_lossless, load_photo, photo_paths
from training.labels.threshold_teacher import threshold_log_distance

Floats = NDArray[np.float64]
Judge = Callable[[Rgb8, Rgb8], tuple[float, ...]]
"""Scores of a pair, reference first; higher is better."""

CROP = 288
SCALES = (0.45, 0.8, 1.3, 2.3, 4.0)
JUDGE_WEIGHTS = ((0.3, 0.3, 0.4), (0.2, 0.4, 0.4), (0.2, 0.4, 0.4), (0.4, 0.5, 0.1), (0.6, 0.4, 0.0))
"""SSIMULACRA2, butteraugli and the SUR network's teacher at each of ``SCALES``. The first two stand for SSIMULACRA2 90,
86, 82, 74, 62 and butteraugli 0.45, 0.65, 0.85, 1.2, 1.6, between which goals are named; the third for viewers near the
threshold, where the default lies."""

CURVE_SCALES = tuple(float(scale) for scale in np.geomspace(0.28, 6.0, 12))
FIRST_STEP, STEP_DECAY = 1.25, 0.65
LEAST_GAIN = 0.0006
"""Of the log size: less is within what re-encoding the same crops a little differently changes."""


@dataclass(frozen=True, slots=True)
class FitPhoto:
    """A crop, ready to encode; ``curves``: for each judge (score, ln size) with the designs of today, by score."""

    pixels: Rgb8
    prepared: PreparedPhoto
    curves: tuple[Floats, ...]


def judge_three(reference: Rgb8, distorted: Rgb8) -> tuple[float, float, float]:
    """SSIMULACRA2, minus butteraugli's 3-norm, minus the teacher's ln distance."""
    score = Ssimulacra2Reference(reference).score(distorted)
    norm = ButteraugliReference(reference).norm(distorted)
    return score, -norm, -threshold_log_distance(reference, distorted)


def prepare(pixels: Rgb8, jnd: NDArray[np.float32] | None, judge: Judge) -> FitPhoto:
    """A crop and what the designs of today make of it; ``jnd`` (H, W) luma levels, None for its own activity."""
    prepared = PreparedPhoto(pixels, jnd)
    points = np.array([_judged(pixels, prepared, design_at(s), s, judge) for s in CURVE_SCALES])
    judges = range(points.shape[1] - 1)
    return FitPhoto(pixels, prepared, tuple(points[np.argsort(points[:, i])][:, [i, -1]] for i in judges))


def log_size(photo: FitPhoto, design: Design, scale: float, judge: Judge) -> Floats:
    """float64 (judges,): ln(size / size that today's designs need for the same score), by judge."""
    *scores, size = _judged(photo.pixels, photo.prepared, design, scale, judge)
    today = [np.interp(score, curve[:, 0], curve[:, 1]) for score, curve in zip(scores, photo.curves, strict=True)]
    return np.asarray(size - np.array(today))


def fit_design(
    photos: list[FitPhoto], scale: float, weights: tuple[float, ...], *, rounds: int, judge: Judge = judge_three
) -> tuple[Design, float]:
    """The design found at ``scale`` and its mean log size, the judges weighted."""
    best = design_at(scale)
    least = _objective(photos, best, scale, weights, judge)
    directions = np.ones(len(best.numbers()))
    step = FIRST_STEP
    for _ in range(rounds):
        for index in range(len(directions)):
            for _attempt in range(2):
                tried = _moved(best, index, step ** directions[index])
                found = _objective(photos, tried, scale, weights, judge)
                if found < least - LEAST_GAIN:
                    best, least = tried, found
                else:
                    directions[index] *= -1
        step = 1 + (step - 1) * STEP_DECAY
    return best, least


def _judged(pixels: Rgb8, prepared: PreparedPhoto, design: Design, scale: float, judge: Judge) -> tuple[float, ...]:
    data = prepared.encode_with(design.at(scale), Subsampling.GREY if prepared.grey else Subsampling.HALF)
    return *judge(pixels, decode_jpeg(data)), float(np.log(len(data)))


def _objective(photos: list[FitPhoto], design: Design, scale: float, weights: tuple[float, ...], judge: Judge) -> float:
    return float(np.mean([log_size(photo, design, scale, judge) @ np.array(weights) for photo in photos]))


def _moved(design: Design, index: int, factor: float) -> Design:
    """One number times ``factor``; a corner or an exponent, which may be zero or negative, moves by its logarithm."""
    numbers = design.numbers()
    if index in _ADDITIVE:
        numbers[index] += np.log(factor)
    else:
        numbers[index] *= factor
    return Design.of(numbers)


_ADDITIVE = (4, 9, 12, 13)


def _prepare_crop(pixels: Rgb8) -> FitPhoto:
    jnd = predict_jnd_map(pixels).values
    top, left = ((side - min(side, CROP)) // 2 // 16 * 16 for side in pixels.shape[:2])
    part = slice(top, top + CROP), slice(left, left + CROP)
    return prepare(np.ascontiguousarray(pixels[part]), jnd[part], judge_three)


def main() -> None:
    """Print the designs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--scales", type=float, nargs="+", default=SCALES)
    options = parser.parse_args()
    paths = [path for path in photo_paths(options.data, "train") if is_lossless(path)]
    chosen = paths[:: max(1, len(paths) // options.photos)][: options.photos]
    photos = [_prepare_crop(load_photo(path)) for path in chosen]
    for scale in options.scales:
        weights = JUDGE_WEIGHTS[int(np.argmin(np.abs(np.log(np.array(SCALES) / scale))))]
        design, gained = fit_design(photos, scale, weights, rounds=options.rounds)
        print(f"({scale}, {design}),  # {100 * gained:+.1f} %", flush=True)


if __name__ == "__main__":
    main()
