"""Luma that makes up for lost chroma."""

import numpy as np

from models.colour import double, halve_for_triangle, rgb_to_ycbcr, ycbcr_to_rgb
from models.types import Rgb8
from models.varjpeg.lightness import compensated_luma, lightness


def colourful(height: int = 64, width: int = 80, seed: int = 0) -> Rgb8:
    """Saturated stripes over a soft gradient, inside the gamut."""
    random = np.random.default_rng(seed)
    stripes = np.repeat(random.integers(40, 216, (1, width // 5, 3)), 5, axis=1)
    return np.repeat(stripes, height, axis=0).astype(np.uint8)


def test_lightness_of_grey_rises_with_the_level() -> None:
    greys = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 256, 1), 3, axis=2)
    values = lightness(greys)[0]
    assert (np.diff(values) > 0).all()
    np.testing.assert_allclose(values[[0, 255]], [0.0037930733 ** (1 / 3), 1.0037930733 ** (1 / 3)], atol=1e-6)


def test_whole_chroma_leaves_luma_as_it_is() -> None:
    pixels = colourful()
    luma, cb, cr = rgb_to_ycbcr(pixels)
    assert np.abs(compensated_luma(luma, cb, cr, lightness(pixels)) - luma).max() < 0.1


def test_halved_chroma_keeps_its_lightness() -> None:
    pixels = colourful()
    luma, *chroma = rgb_to_ycbcr(pixels)
    cb, cr = (double(halve_for_triangle(plane), *luma.shape) for plane in chroma)
    wanted = lightness(pixels)
    moved = compensated_luma(luma, cb, cr, wanted)
    errors = [np.abs(lightness(ycbcr_to_rgb(np.stack([y, cb, cr]))) - wanted).mean() for y in (luma, moved)]
    assert errors[1] < 0.5 * errors[0]


def test_extreme_chroma_stays_finite() -> None:
    luma = np.array([[0.0, 255.0, 0.0, 255.0]], np.float32)
    chroma = np.array([[-200.0, 200.0, 200.0, -200.0]], np.float32)
    moved = compensated_luma(luma, chroma, chroma, np.full((1, 4), 0.5, np.float32))
    assert np.isfinite(moved).all()
    assert np.abs(moved - luma).max() <= 12
