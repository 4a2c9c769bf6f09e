"""The teachers' side of the JND map: what a label promises, and the protocol that maps are measured by."""

import numpy as np
import pytest

from tests.assets.photos import half_textured

pytest.importorskip("torch", reason="the training extra is not installed")

from models.metrics.butteraugli import ButteraugliReference
from training.experiments.jnd.config import LabelSettings
from training.experiments.jnd.labels import add_noise, threshold_field
from training.experiments.jnd.protocol import local_deviation_map, random_signs, solve_gamma
from training.maths.ssim import ssim_and_ms_ssim


def test_label_is_just_invisible_and_larger_in_texture() -> None:
    image = half_textured(128, 128)
    settings = LabelSettings(
        iterations=6,
        learning_rate=0.1,
        butteraugli_weight=50,
        floor_weight=40,
        floor=0.3,
        mse=64,
        measure_every=3,
    )
    log_ratio, jnd = threshold_field(image, settings, seed=3)
    assert log_ratio.shape == (32, 32)
    assert jnd.shape == (128, 128)
    assert np.median(jnd[:, 80:]) > 2 * np.median(jnd[:, :48])
    assert ButteraugliReference(image).norm(add_noise(image, jnd, random_signs(image, 9))) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("mse", [100, 25])
def test_gamma_meets_the_energy_after_clipping_and_rounding(mse: int) -> None:
    image = half_textured(128, 128)
    image[:20] = 255
    jnd = local_deviation_map(1.0)(image)
    sign = random_signs(image, 0)
    gamma = solve_gamma(image, jnd, sign, mse)
    difference = add_noise(image, gamma * jnd, sign).astype(float) - image
    assert np.mean(difference**2) == pytest.approx(mse, rel=0.01)


def test_identical_planes_are_perfectly_similar() -> None:
    plane = np.random.default_rng(0).uniform(0, 255, (192, 200))
    assert ssim_and_ms_ssim(plane, plane) == pytest.approx((1, 1))
