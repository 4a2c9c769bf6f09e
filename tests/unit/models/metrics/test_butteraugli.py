"""Butteraugli against libjxl's program where that is installed, and what holds of it anywhere."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import ImageSizesDifferError
from models.metrics import butteraugli
from models.metrics.butteraugli import ButteraugliReference
from models.types import Rgb8
from tests.assets.photos import photo, through_jpeg

PROGRAM = "butteraugli_main"
AGREEMENT = 5e-4
"""Relative; the program's own logarithm and its sums are a little different."""

needs_program = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"{PROGRAM} is not installed")


def by_program(reference: Rgb8, distorted: Rgb8, folder: Path) -> tuple[float, float]:
    """Maximum and 3-norm."""
    for name, pixels in (("a.png", reference), ("b.png", distorted)):
        Image.fromarray(pixels).save(folder / name)
    run = subprocess.run(
        [PROGRAM, folder / "a.png", folder / "b.png"], capture_output=True, text=True, check=True, timeout=60
    )
    printed = re.fullmatch(r"([\d.]+)\s+3-norm: ([\d.]+)\s*", run.stdout)
    assert printed
    return float(printed[1]), float(printed[2])


def assert_agrees(reference: Rgb8, distorted: Rgb8, folder: Path) -> None:
    maximum, norm = by_program(reference, distorted, folder)
    ours = ButteraugliReference(reference)
    assert ours.norm(distorted) == pytest.approx(norm, rel=AGREEMENT)
    assert ours.distances(distorted).max() == pytest.approx(maximum, rel=AGREEMENT)


@needs_program
@pytest.mark.parametrize("quality", [10, 50, 92])
def test_agrees_with_the_program_on_jpeg(quality: int, tmp_path: Path) -> None:
    assert_agrees(photo(96, 130), through_jpeg(photo(96, 130), quality), tmp_path)


@needs_program
@pytest.mark.parametrize("size", [(8, 8), (9, 40), (14, 15), (15, 14), (16, 15), (31, 17), (64, 65)])
def test_agrees_with_the_program_at_odd_sizes(size: tuple[int, int], tmp_path: Path) -> None:
    assert_agrees(photo(*size), through_jpeg(photo(*size), 40), tmp_path)


@needs_program
@pytest.mark.parametrize("change", [lambda p: p // 2, lambda p: 255 - p, lambda p: np.roll(p, 3, axis=1)])
def test_agrees_with_the_program_on_other_changes(change: Callable[[Rgb8], Rgb8], tmp_path: Path) -> None:
    assert_agrees(photo(96, 130), change(photo(96, 130)), tmp_path)


@pytest.mark.parametrize("kept", [0, butteraugli._KEPT_PIXELS])
@pytest.mark.parametrize("size", [(301, 101), (302, 100), (170, 64), (90, 411), (240, 331)])
def test_parts_change_nothing(size: tuple[int, int], kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    reference, distorted = photo(*size), through_jpeg(photo(*size), 30)
    whole = ButteraugliReference(reference).distances(distorted)
    monkeypatch.setattr(butteraugli, "_STRIP_PIXELS", size[0] * size[1] // 4)
    monkeypatch.setattr(butteraugli, "_KEPT_PIXELS", kept)
    monkeypatch.setattr(butteraugli, "_SIDE", 70)
    np.testing.assert_allclose(ButteraugliReference(reference).distances(distorted), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (7, 7), (40, 60)])
def test_equal_pixels_have_no_distance(size: tuple[int, int]) -> None:
    assert ButteraugliReference(photo(*size)).norm(photo(*size)) == 0


def test_worse_is_higher_and_the_reference_serves_many_times() -> None:
    reference = ButteraugliReference(photo(96, 130))
    norms = [reference.norm(through_jpeg(photo(96, 130), quality)) for quality in (95, 80, 60, 30, 10)]
    assert norms == sorted(norms)
    assert reference.norm(through_jpeg(photo(96, 130), 60)) == norms[2]


def test_a_small_photo_is_judged() -> None:
    white = np.full((3, 5, 3), 255, np.uint8)
    assert ButteraugliReference(white).norm(white - 90) > 1


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ImageSizesDifferError):
        ButteraugliReference(photo(96, 130)).norm(photo(10, 10))
