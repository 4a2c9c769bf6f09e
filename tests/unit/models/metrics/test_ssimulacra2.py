"""SSIMULACRA2 against the package of that name, which reads files and computes all anew."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from models.errors import ImageSizesDifferError
from models.metrics import ssimulacra2
from models.metrics.ssimulacra2 import STRIP, Ssimulacra2Reference
from models.threads import shared
from models.types import Rgb8
from tests.assets.photos import photo, through_jpeg

AGREEMENT = 0.1
"""The two differ by less than this; the package itself is within 0.6 of the C++ program."""


def by_package(reference: Rgb8, distorted: Rgb8, folder: Path) -> float:
    for name, pixels in (("a.png", reference), ("b.png", distorted)):
        Image.fromarray(pixels).save(folder / name)
    return float(compute_ssimulacra2(str(folder / "a.png"), str(folder / "b.png")))


@pytest.mark.parametrize("quality", [15, 50, 75, 92])
def test_agrees_with_the_package_on_jpeg(quality: int, tmp_path: Path) -> None:
    distorted = through_jpeg(photo(150, 203), quality)
    assert Ssimulacra2Reference(photo(150, 203)).score(distorted) == pytest.approx(
        by_package(photo(150, 203), distorted, tmp_path), abs=AGREEMENT
    )


@pytest.mark.parametrize("size", [(8, 8), (9, 40), (31, 17), (64, 65), (257, 129)])
def test_agrees_with_the_package_at_odd_sizes(size: tuple[int, int], tmp_path: Path) -> None:
    distorted = through_jpeg(photo(*size), 60)
    assert Ssimulacra2Reference(photo(*size)).score(distorted) == pytest.approx(
        by_package(photo(*size), distorted, tmp_path), abs=AGREEMENT
    )


@pytest.mark.parametrize("change", [lambda p: p // 2, lambda p: 255 - p, lambda p: np.roll(p, 3, axis=1)])
def test_agrees_with_the_package_on_other_changes(change: Callable[[Rgb8], Rgb8], tmp_path: Path) -> None:
    distorted = change(photo(150, 203))
    assert Ssimulacra2Reference(photo(150, 203)).score(distorted) == pytest.approx(
        by_package(photo(150, 203), distorted, tmp_path), abs=AGREEMENT
    )


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (7, 7), (40, 60)])
def test_equal_pixels_score_100(size: tuple[int, int]) -> None:
    assert Ssimulacra2Reference(photo(*size)).score(photo(*size)) == pytest.approx(100, abs=1e-3)


def test_worse_is_lower_and_the_reference_serves_many_times() -> None:
    reference = Ssimulacra2Reference(photo(150, 203))
    scores = [reference.score(through_jpeg(photo(150, 203), quality)) for quality in (95, 80, 60, 30, 10)]
    assert scores == sorted(scores, reverse=True)
    assert reference.score(through_jpeg(photo(150, 203), 60)) == scores[2]


@pytest.mark.parametrize("height", [STRIP - 1, STRIP + 3, 2 * STRIP + 1])
def test_a_large_photo_is_judged_as_a_small_one_on_any_number_of_threads(
    height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large one nothing but linear light is kept, so that it takes 8 bytes a pixel."""
    distorted = through_jpeg(photo(height, 70), 60)
    kept = Ssimulacra2Reference(photo(height, 70)).score(distorted)
    monkeypatch.setattr(ssimulacra2, "KEPT", 0)
    for threads in (1, 3):
        with shared(threads):
            assert Ssimulacra2Reference(photo(height, 70)).score(distorted) == kept


@pytest.mark.parametrize("strip", [16, 64])
def test_strips_hide_nothing(strip: int, monkeypatch: pytest.MonkeyPatch) -> None:
    distorted = through_jpeg(photo(150, 203), 60)
    whole = Ssimulacra2Reference(photo(150, 203)).score(distorted)
    monkeypatch.setattr(ssimulacra2, "STRIP", strip)
    assert Ssimulacra2Reference(photo(150, 203)).score(distorted) == pytest.approx(whole, abs=1e-9)


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ImageSizesDifferError):
        Ssimulacra2Reference(photo(150, 203)).score(photo(10, 10))
