"""PSNR, SSIM and MS-SSIM against values known in closed form."""

import numpy as np
import pytest

from models.metrics.classical import ms_ssim, psnr_db, ssim
from tests.assets.photos import textured


def test_psnr_of_a_shift_is_known() -> None:
    flat = np.full((20, 30, 3), 100, np.uint8)
    assert psnr_db(flat, flat + 10) == pytest.approx(20 * np.log10(255 / 10))
    assert psnr_db(flat, flat) == float("inf")


def test_ssim_of_two_flat_images_is_the_luminance_term() -> None:
    first, second = np.full((40, 40, 3), 100, np.uint8), np.full((40, 40, 3), 130, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert ssim(first, second) == pytest.approx((2 * 100 * 130 + c1) / (100**2 + 130**2 + c1))


def test_ms_ssim_of_two_flat_images_is_the_luminance_term_at_the_last_scale() -> None:
    first, second = np.full((64, 64, 3), 100, np.uint8), np.full((64, 64, 3), 130, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert ms_ssim(first, second) == pytest.approx(((2 * 100 * 130 + c1) / (100**2 + 130**2 + c1)) ** 0.1333, rel=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (5, 7), (64, 96)])
def test_identical_images_score_one_at_any_size(shape: tuple[int, int]) -> None:
    image = textured(*shape)
    assert ssim(image, image) == pytest.approx(1)
    assert ms_ssim(image, image) == pytest.approx(1)


def test_more_noise_scores_lower() -> None:
    image = textured(96, 128)
    noise = np.random.default_rng(1).normal(0, 1, image.shape)
    weak, strong = (np.clip(image + level * noise, 0, 255).astype(np.uint8) for level in (5, 25))
    for metric in (psnr_db, ssim, ms_ssim):
        assert metric(image, weak) > metric(image, strong)
