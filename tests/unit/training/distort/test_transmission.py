"""Photos that arrive damaged: only in places, more with more errors, and the same with the same seed."""

import numpy as np
import pytest

from models.metrics.classical import psnr_db
from tests.assets.datasets import drawn_photo
from training.distort.strength import Apply, at_psnr
from training.distort.transmission import jpeg2000_transmission_errors, jpeg_transmission_errors, sparsely_sampled

KINDS = (jpeg_transmission_errors, jpeg2000_transmission_errors, sparsely_sampled)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return drawn_photo(3, 96, 160)


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_photo_and_worse_with_strength(kind: Apply, photo: np.ndarray) -> None:
    weak, again, strong = (kind(photo, strength, np.random.default_rng(2)) for strength in (1, 1, 60))
    assert weak.shape == photo.shape
    assert weak.dtype == np.uint8
    np.testing.assert_array_equal(weak, again)
    assert psnr_db(photo, strong) < psnr_db(photo, weak)


def test_one_wrong_bit_spoils_one_stretch_of_a_jpeg(photo: np.ndarray) -> None:
    few, more = (jpeg_transmission_errors(photo, hits, np.random.default_rng(4)).astype(int) for hits in (1, 2))
    changed = np.abs(few - more).max((1, 2)) > 0
    assert 0 < changed.sum() <= 18


def test_pixels_that_arrived_stay_as_they_are(photo: np.ndarray) -> None:
    found = sparsely_sampled(photo, 1.0, np.random.default_rng(0))
    assert 0.4 < (found == photo).all(-1).mean() < 0.8
    assert psnr_db(photo, found) > 20


def test_sparse_sampling_meets_a_psnr(photo: np.ndarray) -> None:
    found = at_psnr(photo, sparsely_sampled, 27, seed=1, low=0.02, high=300)
    assert psnr_db(photo, found) == pytest.approx(27, abs=0.5)


@pytest.mark.parametrize("shape", [(1, 1), (9, 5)])
def test_tiny_photos(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert sparsely_sampled(image, 1.0, np.random.default_rng(0)).shape == image.shape
    assert jpeg_transmission_errors(image, 1.0, np.random.default_rng(0)).shape == image.shape
