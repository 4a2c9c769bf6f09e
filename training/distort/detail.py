"""Lost detail: blur, denoising, resampling; and sharpening, which gives too much of it."""

import numpy as np
from PIL import Image
from scipy import ndimage

from models.types import Rgb8
from training.distort.noise import gaussian_noise
from training.distort.pixels import from_ycbcr, round_to_bytes, to_ycbcr
from training.maths.block_dct import block_dct, inverse_block_dct


def gaussian_blur(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Gaussian blur of sigma ``strength`` pixels."""
    return round_to_bytes(ndimage.gaussian_filter(pixels.astype(np.float64), (strength, strength, 0)))


def denoised(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Noise of deviation ``strength``, then removed by thresholding 8x8 DCT coefficients at 2.7 deviations, four shifts
    averaged.
    """
    noisy = pixels + strength * rng.standard_normal(pixels.shape)
    height, width = pixels.shape[:2]
    total = np.zeros((height, width, 3))
    for row, column in ((0, 0), (0, 4), (4, 0), (4, 4)):
        shifted = np.pad(noisy, ((row, 0), (column, 0), (0, 0)), mode="symmetric")
        blocks = block_dct(shifted)
        kept = np.abs(blocks) >= 2.7 * strength
        kept[..., 0, 0] = True
        total += inverse_block_dct(blocks * kept)[row : row + height, column : column + width]
    return round_to_bytes(total / 4)


def noisy_then_compressed(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Gaussian noise of half the strength, then DCT coefficients quantised in steps of 2.5 strengths (a DCT coder)."""
    step = 2.5 * strength
    blocks = block_dct(to_ycbcr(gaussian_noise(pixels, strength / 2, rng)))
    restored = inverse_block_dct(np.rint(blocks / step) * step)
    return from_ycbcr(restored)[: pixels.shape[0], : pixels.shape[1]]


def resampled(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Reduced ``strength`` times and enlarged again, bicubic."""
    image = Image.fromarray(pixels)
    small = (max(1, round(image.width / strength)), max(1, round(image.height / strength)))
    return np.asarray(image.resize(small, Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC))


def resampled_lanczos(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Reduced ``1 + strength`` times over boxes and enlarged again by Lanczos' kernel."""
    image = Image.fromarray(pixels)
    small = (max(1, round(image.width / (1 + strength))), max(1, round(image.height / (1 + strength))))
    return np.asarray(image.resize(small, Image.Resampling.BOX).resize(image.size, Image.Resampling.LANCZOS))


def median_filtered(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Median of 5x5, mixed with the photo: ``strength`` is its share."""
    return round_to_bytes(pixels + strength * (ndimage.median_filter(pixels, (5, 5, 1)).astype(np.float64) - pixels))


def sharpened(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Unsharp masking: ``strength`` times what a blur of sigma 1.5 takes away is added."""
    values = pixels.astype(np.float64)
    return round_to_bytes(values + strength * (values - ndimage.gaussian_filter(values, (1.5, 1.5, 0))))
