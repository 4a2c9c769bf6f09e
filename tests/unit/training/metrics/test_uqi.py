"""The universal quality index, by its definition on one window and on flat ones."""

import numpy as np
import pytest

from models.types import Rgb8
from training.metrics.uqi import uqi


def grey(values: np.ndarray) -> Rgb8:
    return np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)


def test_one_window_is_the_definition() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (2, 8, 8)).astype(float)
    covariance = np.mean(x * y) - x.mean() * y.mean()
    expected = 4 * covariance * x.mean() * y.mean() / ((x.var() + y.var()) * (x.mean() ** 2 + y.mean() ** 2))
    assert uqi(grey(x), grey(y)) == pytest.approx(expected)


def test_windows_slide_by_one_pixel() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (2, 10, 9)).astype(float)
    parts = [uqi(grey(x[r : r + 8, c : c + 8]), grey(y[r : r + 8, c : c + 8])) for r in range(3) for c in range(2)]
    assert uqi(grey(x), grey(y)) == pytest.approx(np.mean(parts))


def test_equal_images_are_1_and_flat_ones_differ_by_their_means() -> None:
    photo = grey(np.random.default_rng(2).integers(0, 256, (20, 20)))
    assert uqi(photo, photo) == pytest.approx(1)
    assert uqi(grey(np.zeros((9, 9))), grey(np.zeros((9, 9)))) == 1
    assert uqi(grey(np.full((9, 9), 100)), grey(np.full((9, 9), 50))) == pytest.approx(2 * 100 * 50 / (100**2 + 50**2))
