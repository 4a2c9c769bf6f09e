"""Butteraugli as a teacher: libjxl's own ``butteraugli_main`` program, one process per pair.

The program writes its distance map only as a heat map, whose colours are a fixed path through the RGB cube; walking
that path backwards gives the distances again (``tests/unit/test_jnd_labels.py`` holds the maximum to the printed one).
"""

import itertools
import math
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.types import Rgb8

Floats = NDArray[np.float64]

PROGRAM = "butteraugli_main"
# libjxl, lib/extras/metrics and lib/jxl/butteraugli: colours of ScoreToRgb, before the square root.
HEAT_COLOURS = np.array(
    [
        (0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 1, 0), (1, 0, 0),
        (1, 0, 1), (0.5, 0.5, 1), (1, 0.5, 0.5), (1, 1, 0.5), (1, 1, 1),
    ]
)  # fmt: skip
COLOUR_COUNT = 12
# Where ScoreToRgb bends: a "good" score at 0.3 of the path, a "bad" one at 0.45.
GOOD_SHARE, BAD_SHARE, TAIL_SHARE, TAIL_LENGTH = 0.3, 0.45, 0.5, 12.0


class ButteraugliMissingError(Exception):
    """The program is not installed."""


@dataclass(frozen=True, slots=True)
class ButteraugliDistance:
    """Lower is better. ``three_norm``: mean of the 3-, 6- and 12-norm of the map, as the program prints it."""

    maximum: float
    three_norm: float


def butteraugli(reference: Rgb8, distorted: Rgb8) -> ButteraugliDistance:
    """Distance at 80 nits of two uint8 (H, W, 3) sRGB images. Raises: ButteraugliMissingError."""
    with tempfile.TemporaryDirectory() as folder:
        return _run(Path(folder), reference, distorted)


def butteraugli_map(reference: Rgb8, distorted: Rgb8) -> Floats:
    """Distance of each pixel, (H, W), >= 0. Raises: ButteraugliMissingError."""
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder), reference, distorted, "--distmap", f"{folder}/map.pfm")
        height, width = reference.shape[:2]
        content = Path(folder, "map.pfm").read_bytes()[-height * width * 12 :]
    rows_from_below = np.frombuffer(content, "<f4").reshape(height, width, 3)
    return heat_to_distance(rows_from_below[::-1])


def _run(folder: Path, reference: Rgb8, distorted: Rgb8, *options: str) -> ButteraugliDistance:
    if shutil.which(PROGRAM) is None:
        raise ButteraugliMissingError(f"{PROGRAM} is not on the PATH; it is part of libjxl's tools (libjxl-devtools)")
    paths = [folder / "reference.ppm", folder / "distorted.ppm"]
    for path, pixels in zip(paths, (reference, distorted), strict=True):
        path.write_bytes(b"P6\n%d %d\n255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes())
    answer = subprocess.run([PROGRAM, *map(str, paths), *options], capture_output=True, text=True, check=True)
    maximum, _, three_norm = answer.stdout.split()[:3]
    return ButteraugliDistance(float(maximum), float(three_norm))


def heat_to_distance(heat: NDArray[np.float32]) -> Floats:
    """Distances (H, W) of heat map colours (H, W, 3): the nearest point on the path of ``HEAT_COLOURS``."""
    colours = heat.astype(np.float64) ** 2
    nearest = np.full(heat.shape[:2], np.inf)
    place = np.zeros(heat.shape[:2])
    for index, (start, end) in enumerate(itertools.pairwise(HEAT_COLOURS)):
        step = end - start
        along = np.clip((colours - start) @ step / (step @ step), 0, 1)
        error = ((colours - start - along[..., None] * step) ** 2).sum(-1)
        closer = error < nearest - 1e-9
        nearest, place = np.where(closer, error, nearest), np.where(closer, index + along, place)
    return _unbend(place / (COLOUR_COUNT - 1))


def _unbend(share: Floats) -> Floats:
    good, bad = _score_of_class(1.5), _score_of_class(0.5)
    below = share / GOOD_SHARE * good
    between = good + (share - GOOD_SHARE) / (BAD_SHARE - GOOD_SHARE) * (bad - good)
    above = bad + (share - BAD_SHARE) / TAIL_SHARE * bad * TAIL_LENGTH
    return np.where(share < GOOD_SHARE, below, np.where(share < BAD_SHARE, between, above))


def _score_of_class(value: float) -> float:
    """libjxl's ButteraugliFuzzyInverse, solved for the score: the class falls as the score rises."""
    width, scale = 4.8, 0.7777
    if value > scale:  # class above that of score 1
        return 1 + math.log(2 / (1 + (value - scale) / (2 - scale)) - 1) / width
    return 1 + math.log(2 * scale / value - 1) / width
