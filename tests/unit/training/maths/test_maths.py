"""Training's own primitives beside those of models and of SciPy: one meaning, whatever library computes it."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from models import colour
from models.jpeg.dct import forward_dct, zigzag
from models.metrics.classical import luma
from tests.assets.datasets import drawn_photo
from training.distort import pixels
from training.maths.block_dct import block_dct, inverse_block_dct
from training.maths.blur import gaussian_blur, separable
from training.maths.colour import linear_light, to_luma, to_ycbcr
from training.maths.gradients import prewitt, similarity
from training.metrics.ssimulacra2 import srgb_to_tensor

PHOTO = drawn_photo(3, 46, 61)
IMAGE = srgb_to_tensor(PHOTO)


def test_ycbcr_is_that_of_models() -> None:
    """Six digits of the matrix, as JFIF prints it, against exact ratios: 1e-4 of a level."""
    expected = colour.rgb_to_ycbcr(PHOTO)
    np.testing.assert_allclose(to_ycbcr(IMAGE)[0].numpy() * 255, expected, atol=2e-4)
    np.testing.assert_allclose(pixels.to_ycbcr(PHOTO), np.moveaxis(expected, 0, -1), atol=2e-4)
    np.testing.assert_allclose(to_luma(IMAGE)[0, 0].numpy(), luma(PHOTO), atol=1e-4)
    np.testing.assert_array_equal(pixels.from_ycbcr(pixels.to_ycbcr(PHOTO)), PHOTO)


def test_linear_light_is_that_of_models() -> None:
    values = np.arange(256, dtype=np.uint8)
    found = linear_light(torch.from_numpy(values).float() / 255)
    np.testing.assert_allclose(found.numpy(), colour.linear_light(values[None])[0], atol=1e-6)


def test_blurs_are_those_of_scipy() -> None:
    for sigma in (1.5, 3.0):
        expected = ndimage.gaussian_filter(IMAGE[0].double().numpy(), (0, sigma, sigma), mode="nearest", truncate=3.0)
        np.testing.assert_allclose(gaussian_blur(IMAGE, sigma)[0].numpy(), expected, atol=1e-3)


def test_a_separable_kernel_is_the_same_in_either_order() -> None:
    """The features of the label mixture were once blurred along the rows first."""
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    other = separable(IMAGE.transpose(2, 3), kernel).transpose(2, 3)
    torch.testing.assert_close(separable(IMAGE, kernel), other, rtol=1e-6, atol=1e-6)


def test_the_block_dct_is_that_of_models_and_comes_back() -> None:
    planes = pixels.to_ycbcr(PHOTO)
    coefficients = block_dct(planes)
    flat = coefficients[:, :, 0].reshape(*coefficients.shape[:2], 64)[..., zigzag()]
    np.testing.assert_allclose(flat, forward_dct(planes[..., 0].astype(np.float32)), atol=2e-3)
    np.testing.assert_allclose(inverse_block_dct(coefficients)[:46, :61], planes, atol=1e-9)


@pytest.mark.parametrize("spacing", [1.0, 2.0])
def test_prewitt_gives_the_slope_of_a_ramp(spacing: float) -> None:
    rows, columns = torch.meshgrid(torch.arange(8.0), torch.arange(9.0), indexing="ij")
    down, across = prewitt((3 * rows - 5 * columns)[None, None], spacing=spacing).unbind(1)
    torch.testing.assert_close(down, torch.full((1, 6, 7), 6 / spacing))
    torch.testing.assert_close(across, torch.full((1, 6, 7), -10 / spacing))
    assert torch.equal(similarity(down, down, 1.0), torch.ones_like(down))
