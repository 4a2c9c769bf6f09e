"""Colour and tone."""

import numpy as np
from PIL import Image
from scipy import ndimage

from models.types import Rgb8
from training.distort.pixels import from_ycbcr, round_to_bytes, to_ycbcr


def contrast_lowered(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Each channel drawn towards its mean: gain ``1 / (1 + strength)``."""
    mean = pixels.mean((0, 1))
    return round_to_bytes(mean + (pixels - mean) / (1 + strength))


def contrast_raised(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Each channel stretched about its mean: gain ``1 + strength``."""
    mean = pixels.mean((0, 1))
    return round_to_bytes(mean + (pixels - mean) * (1 + strength))


def saturation_lowered(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Chroma times ``1 - strength``; above 1 the hues turn round."""
    return from_ycbcr(to_ycbcr(pixels) * np.array([1.0, 1.0 - strength, 1.0 - strength]))


def mean_shifted(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """All samples moved up or down (by the seed) by ``strength`` levels."""
    return round_to_bytes(pixels.astype(np.float64) + strength * (1.0 if rng.random() < 0.5 else -1.0))


def quantised(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Uniform quantisation of each channel in steps of ``strength`` levels: banding."""
    return round_to_bytes(np.asarray(np.rint(pixels / strength) * strength, dtype=np.float64))


def dithered(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Palette of ``256 / strength`` colours with Floyd-Steinberg dither."""
    palette = Image.fromarray(pixels).quantize(int(np.clip(round(256 / strength), 2, 256)))
    return np.asarray(Image.fromarray(pixels).quantize(palette=palette).convert("RGB"))


def chromatic_aberration(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Red and blue moved ``strength`` pixels apart and slightly blurred."""
    values = pixels.astype(np.float64)
    offsets = ((0, strength / 2), (2, -strength / 2))
    for channel, offset in offsets:
        moved = ndimage.shift(values[..., channel], (offset, offset), order=1, mode="nearest")
        values[..., channel] = ndimage.gaussian_filter(moved, strength / 4)
    return round_to_bytes(values)


def gamma_raised(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Every sample to the power ``1 + strength``: darker middle tones."""
    return round_to_bytes(255 * (pixels / 255) ** (1 + strength))


def hue_turned(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """The plane of Cb and Cr turned by ``strength`` degrees."""
    cosine, sine = np.cos(np.radians(strength)), np.sin(np.radians(strength))
    return from_ycbcr(to_ycbcr(pixels) @ np.array([[1, 0, 0], [0, cosine, sine], [0, -sine, cosine]]))


def warmed(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Another white balance: red times ``1 + strength``, blue divided by it."""
    return round_to_bytes(pixels * np.array([1 + strength, 1.0, 1 / (1 + strength)]))


def vignetted(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Darker towards the corners, where light falls to ``1 / (1 + strength)``."""
    rows, columns = (np.linspace(-1, 1, side) for side in pixels.shape[:2])
    distance = (rows[:, None] ** 2 + columns[None, :] ** 2) / 2
    return round_to_bytes(pixels / (1 + strength * distance)[..., None])
