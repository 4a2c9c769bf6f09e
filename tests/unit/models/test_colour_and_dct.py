"""JFIF colours and the block DCT against their definitions."""

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from models.colour import double, halve, halve_for_triangle, is_grey, luma, rgb_to_ycbcr, ycbcr_to_rgb
from models.jpeg.dct import block_grid, forward_dct, inverse_dct, zigzag
from tests.assets.photos import noise


def test_colours_survive_the_round_trip() -> None:
    assert np.array_equal(ycbcr_to_rgb(rgb_to_ycbcr(noise(31, 17))), noise(31, 17))


def test_colours_agree_with_pillow() -> None:
    pillow = np.asarray(Image.fromarray(noise(40, 40)).convert("YCbCr")).astype(float)
    planes = rgb_to_ycbcr(noise(40, 40)).transpose(1, 2, 0) + np.array([0, 128, 128])
    assert np.abs(pillow - planes).max() < 1.01  # Pillow cuts fractions off


def test_luma_is_the_first_plane() -> None:
    np.testing.assert_allclose(luma(noise(9, 9)), rgb_to_ycbcr(noise(9, 9))[0], atol=1e-4)


def test_grey_is_seen_as_grey() -> None:
    assert is_grey(np.full((3, 3, 3), 9, np.uint8))
    assert not is_grey(noise(3, 3))


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (7, 1), (8, 8), (13, 22)])
def test_a_flat_plane_stays_flat_at_half_resolution(size: tuple[int, int]) -> None:
    plane = np.full(size, 7.0, np.float32)
    half = halve(plane)
    assert half.shape == (-(-size[0] // 2), -(-size[1] // 2))
    np.testing.assert_array_equal(double(half, *size), plane)


def test_preparing_for_the_triangle_comes_closer_to_the_plane_than_the_mean() -> None:
    chroma = rgb_to_ycbcr(noise(64, 64))[1]
    plane = (np.cumsum(chroma, axis=1, dtype=np.float32) / 20).astype(np.float32)
    errors = [np.square(double(half, 64, 64) - plane).mean() for half in (halve(plane), halve_for_triangle(plane))]
    assert errors[1] < errors[0]


def test_zigzag_begins_as_in_the_standard() -> None:
    assert zigzag()[:10].tolist() == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]
    assert sorted(zigzag().tolist()) == list(range(64))


def test_dct_is_the_orthonormal_one_in_zigzag_order() -> None:
    plane = noise(16, 24)[:, :, 0].astype(np.float32)
    coefficients = forward_dct(plane)
    expected = dctn(plane[8:16, 16:24].astype(float), norm="ortho").ravel()[zigzag()]
    np.testing.assert_allclose(coefficients[1, 2], expected, atol=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (9, 7), (30, 65)])
def test_inverse_undoes_forward_for_every_size(size: tuple[int, int]) -> None:
    plane = noise(*size)[:, :, 1].astype(np.float32)
    coefficients = forward_dct(plane)
    assert coefficients.shape == (*block_grid(*size), 64)
    np.testing.assert_allclose(inverse_dct(coefficients, *size), plane, atol=2e-3)


def test_blocks_at_the_edge_repeat_the_last_pixels() -> None:
    plane = noise(5, 5)[:, :, 2].astype(np.float32)
    np.testing.assert_array_equal(forward_dct(plane), forward_dct(np.pad(plane, ((0, 3), (0, 3)), mode="edge")))
