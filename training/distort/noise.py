"""Noise: strength is a standard deviation in 8-bit levels where not said otherwise."""

import numpy as np
from scipy import ndimage

from models.types import Rgb8
from training.distort.pixels import from_ycbcr, round_to_bytes, to_ycbcr
from training.maths.block_dct import block_dct, inverse_block_dct


def gaussian_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """White Gaussian noise, independent on R, G and B."""
    return round_to_bytes(pixels + strength * rng.standard_normal(pixels.shape))


def chroma_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """White noise three times as strong in Cb and Cr as in Y."""
    noise = rng.standard_normal(pixels.shape) * np.array([1 / 3, 1.0, 1.0])
    return from_ycbcr(to_ycbcr(pixels) + strength * noise)


def correlated_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Spatially correlated noise: white noise blurred with sigma 1 and brought back to unit variance."""
    noise = ndimage.gaussian_filter(rng.standard_normal(pixels.shape), (1.0, 1.0, 0.0), mode="wrap")
    return round_to_bytes(pixels + strength * noise / max(noise.std(), 1e-9))


def masked_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Noise hidden in texture: its deviation is ``strength`` times the local deviation of luma (sigma 2)."""
    luma = to_ycbcr(pixels)[..., 0]
    mean = ndimage.gaussian_filter(luma, 2.0)
    deviation = np.sqrt(np.maximum(ndimage.gaussian_filter(luma**2, 2.0) - mean**2, 0.0))
    return round_to_bytes(pixels + strength * deviation[..., None] * rng.standard_normal(pixels.shape))


def high_frequency_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Noise with only the high frequencies left: white minus its blur of sigma 1, unit variance."""
    white = rng.standard_normal(pixels.shape)
    noise = white - ndimage.gaussian_filter(white, (1.0, 1.0, 0.0), mode="wrap")
    return round_to_bytes(pixels + strength * noise / max(noise.std(), 1e-9))


def impulse_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Salt and pepper on each colour sample, with probability ``strength``."""
    hit, salt = rng.random(pixels.shape) < strength, rng.random(pixels.shape) < 0.5
    return np.where(hit, np.where(salt, 255, 0), pixels).astype(np.uint8)


def multiplicative_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Each sample times 1 + noise of deviation ``strength``."""
    return round_to_bytes(pixels * (1 + strength * rng.standard_normal(pixels.shape)))


def shot_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Poisson noise of a sensor: at 128 its deviation is ``strength`` levels."""
    share = strength**2 / 128
    return round_to_bytes(np.asarray(rng.poisson(pixels / share) * share, dtype=np.float64))


def comfort_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Substitutes noise for fine detail: 8x8 DCT coefficients below ``strength`` get a random sign."""
    blocks = block_dct(to_ycbcr(pixels))
    signs = np.where(rng.random(blocks.shape) < 0.5, -1.0, 1.0)
    small = np.abs(blocks) < strength
    small[..., 0, 0] = False
    return from_ycbcr(inverse_block_dct(np.where(small, blocks * signs, blocks)))[: pixels.shape[0], : pixels.shape[1]]
