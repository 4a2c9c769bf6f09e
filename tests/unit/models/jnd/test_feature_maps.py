"""The maps that FPSNet takes of a photo; ``tests/unit/training/networks`` compares them with those of training."""

import numpy as np
import pytest

from models.jnd.feature_maps import DEVIATION_FLOOR, STRIP, feature_maps, gaussian_half
from models.threads import shared
from models.types import Rgb8
from tests.assets.photos import half_textured, noise


def test_shapes_and_ranges() -> None:
    maps = feature_maps(noise(STRIP + 6, 40))
    assert maps.focus.shape == maps.deviation.shape == (STRIP + 6, 40)
    assert maps.perceptual.shape == (3, STRIP // 2 + 3, 20)
    assert all(values.dtype == np.float32 for values in maps)
    assert maps.focus.min() >= 0
    assert maps.focus.max() <= 1
    assert 0 < maps.perceptual[1].min() <= maps.perceptual[1].max() <= 1


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_flat_pixels_have_nothing_in_focus_and_the_least_deviation(level: int) -> None:
    maps = feature_maps(np.full((70, 34, 3), level, np.uint8))
    np.testing.assert_allclose(maps.focus, 0, atol=1e-6)
    np.testing.assert_allclose(maps.deviation, DEVIATION_FLOOR, rtol=1e-6)
    np.testing.assert_allclose(maps.perceptual[1], 1, rtol=1e-5)


def test_deviation_of_noise_is_that_of_its_levels() -> None:
    grey = np.random.default_rng(0).normal(128, 12, (256, 256)).round().clip(0, 255).astype(np.uint8)
    deviation = feature_maps(np.repeat(grey[..., None], 3, axis=2)).deviation
    assert np.sqrt(np.mean(deviation**2)) == pytest.approx(12, rel=0.1)


def test_an_edge_is_simple_and_in_focus_and_a_texture_is_not_simple() -> None:
    edge = np.zeros((64, 64, 3), np.uint8)
    edge[:, 32:] = 200
    of_edge, of_texture = feature_maps(edge), feature_maps(half_textured(64, 128, 4, level=120, deviation=20))
    assert of_edge.perceptual[1, 16, 16] < 0.55 < np.median(of_texture.perceptual[1, :, 36:])
    assert of_edge.focus[32, 32] > 0.3


def test_mirrored_photo_has_mirrored_maps() -> None:
    pixels = noise(STRIP + 10, 50)
    maps, mirrored = feature_maps(pixels), feature_maps(pixels[:, ::-1])
    np.testing.assert_allclose(mirrored.focus[:, ::-1], maps.focus, atol=1e-5)
    np.testing.assert_allclose(mirrored.deviation[:, ::-1], maps.deviation, rtol=1e-5)


@pytest.mark.parametrize("pixels", [noise(2 * STRIP + 2, 66), noise(2, 2), noise(2, 400), noise(300, 4)])
def test_any_number_of_threads_gives_the_same(pixels: Rgb8) -> None:
    with shared(1):
        alone = feature_maps(pixels)
    with shared(3):
        together = feature_maps(pixels)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_graphs_take_maps_in_four_dimensions() -> None:
    maps = feature_maps(noise(64, 96))
    assert {name: values.shape for name, values in maps.as_inputs().items()} == {
        "focus": (1, 1, 64, 96),
        "perceptual": (1, 3, 32, 48),
        "deviation": (1, 1, 64, 96),
    }


def test_weights_of_a_gaussian_add_up_to_one_over_both_halves() -> None:
    weights = gaussian_half(1.5)
    assert 2 * weights.sum() - weights[0] == pytest.approx(1)
    assert len(weights) == 6
