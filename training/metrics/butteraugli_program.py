"""Butteraugli as a judge from outside: libjxl's own ``butteraugli_main`` program, one process per pair.

What is learned or optimised uses ``models.metrics.butteraugli`` and ``training.metrics.butteraugli``, which agree with
it within 0.01 % (``python -m tests.benchmarks.teacher_agreement PHOTO_DIR``).
"""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from models.types import Rgb8

PROGRAM = "butteraugli_main"


class ButteraugliMissingError(Exception):
    """The program is not installed."""


@dataclass(frozen=True, slots=True)
class ButteraugliDistance:
    """Lower is better. ``three_norm``: mean of the 3-, 6- and 12-norm of the map, as the program prints it."""

    maximum: float
    three_norm: float


def butteraugli(reference: Rgb8, distorted: Rgb8) -> ButteraugliDistance:
    """Distance at 80 nits of two uint8 (H, W, 3) sRGB images. Raises: ButteraugliMissingError."""
    if shutil.which(PROGRAM) is None:
        raise ButteraugliMissingError(f"{PROGRAM} is not on the PATH; it is part of libjxl's tools (libjxl-devtools)")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "reference.ppm", Path(folder) / "distorted.ppm"]
        for path, pixels in zip(paths, (reference, distorted), strict=True):
            path.write_bytes(b"P6\n%d %d\n255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes())
        answer = subprocess.run([PROGRAM, *map(str, paths)], capture_output=True, text=True, check=True)
    maximum, _, three_norm = answer.stdout.split()[:3]
    return ButteraugliDistance(float(maximum), float(three_norm))
