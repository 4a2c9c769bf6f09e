"""Butteraugli by libjxl's ``butteraugli_main``, where that program is installed: no Python package computes it."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from numpy.typing import ArrayLike
from PIL import Image

from models.errors import ImageSizesDifferError, MetricUnavailableError
from models.preprocess import as_rgb, pad_to_at_least
from models.types import Rgb8, RgbImage

PROGRAM = "butteraugli_main"
_NORM = re.compile(r"3-norm: ([\d.]+)")
_SMALLEST = 8
"""The program takes no shorter side; smaller photos are mirrored up to it."""


def is_available() -> bool:
    """Whether the program is on the PATH."""
    return shutil.which(PROGRAM) is not None


class ButteraugliReference:
    """A photo as reference: sRGB, anything ``as_rgb`` takes. Raises: MetricUnavailableError without the program."""

    def __init__(self, image: RgbImage | ArrayLike) -> None:
        if not is_available():
            raise MetricUnavailableError(f"butteraugli needs the program {PROGRAM} of libjxl's development tools")
        self._pixels = as_rgb(image)

    def norm(self, distorted: RgbImage | ArrayLike) -> float:
        """3-norm of the distance map at 80 nits: 0 for equal pixels, higher is worse.

        Raises: ImageSizesDifferError; MetricUnavailableError if the program fails.
        """
        pixels = as_rgb(distorted)
        if pixels.shape != self._pixels.shape:
            raise ImageSizesDifferError(
                f"the reference is {self._pixels.shape[:2]} pixels, the other {pixels.shape[:2]}"
            )
        with tempfile.TemporaryDirectory() as folder:
            files = [
                _write(pixels, Path(folder) / name) for name, pixels in (("a.png", self._pixels), ("b.png", pixels))
            ]
            run = subprocess.run([PROGRAM, *files], capture_output=True, text=True, check=False)
        found = _NORM.search(run.stdout)
        if found is None:
            raise MetricUnavailableError(f"{PROGRAM} ended with status {run.returncode} and no 3-norm")
        return float(found[1])


def _write(pixels: Rgb8, path: Path) -> str:
    Image.fromarray(pad_to_at_least(pixels, _SMALLEST, _SMALLEST)).save(path, compress_level=1)
    return str(path)
