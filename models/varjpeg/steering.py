"""Visibility thresholds of a photo's blocks from its JND map at reduced scale: what steers the encoder costs less.

The encoder needs one number for each 8x8 block. ``python -m tests.benchmarks.steering_scale DIR`` measures what a
reduced scale changes.
"""

import math

import numpy as np
from PIL import Image

from models.colour import luma
from models.jnd import predict_jnd_map
from models.jpeg.dct import BLOCK
from models.preprocess import as_rgb
from models.types import Float32Array, Progress, Rgb8, RgbImage
from models.varjpeg.visibility import activity_of

_FULL_BELOW = 65_536
_HALF_BELOW = 6_000_000
"""Pixels of a photo below which its map is made at full, and at half, resolution; else at a quarter."""

_LOG_SHIFT = {1: 0.0, 2: 0.13, 4: 0.28}
"""How much higher the mean logarithm of a photo's thresholds comes out at a scale: medians of 49 photos of
photos/train."""

_OWN_ACTIVITY = 0.25
"""At a quarter a calm block among busy ones is not seen, and butteraugli's maximum rises by 3 % in the mean over eight
Kodak photos; so thresholds there follow, by that power, the block's own activity, whose mean logarithm over a photo is
the map's: the maximum falls by 1 % at equal size, the 3-norm by what it had risen."""


def coarse_thresholds(
    image: RgbImage, progress: Progress | None = None, *, reduction: int | None = None
) -> Float32Array:
    """float32 (rows, columns): mean threshold of each 8x8 block in luma levels, as ``PreparedPhoto`` takes it.

    ``reduction``: 1, 2 or 4, None for what suits the size. Raises: ModelArtefactError.
    """
    pixels = as_rgb(image)
    factor = reduction or reduction_for(image.width * image.height)
    whole = _in_whole_blocks(pixels)
    reduced = whole if factor == 1 else np.asarray(Image.fromarray(whole).reduce(factor))
    values = predict_jnd_map(reduced, progress=progress).values
    side = BLOCK // factor
    blocks = values.reshape(values.shape[0] // side, side, values.shape[1] // side, side).mean(axis=(1, 3))
    blocks = np.asarray(blocks * np.float32(math.exp(-_LOG_SHIFT[factor])), np.float32)
    return blocks if factor < 4 else _beside_activity(blocks, whole)


def _beside_activity(blocks: Float32Array, pixels: Rgb8) -> Float32Array:
    own = activity_of(luma(pixels))
    return np.asarray(blocks ** (1 - _OWN_ACTIVITY) * own**_OWN_ACTIVITY, np.float32)


def reduction_for(pixels: int) -> int:
    """By what a photo of so many pixels is divided in both directions."""
    if pixels < _FULL_BELOW:
        return 1
    return 2 if pixels < _HALF_BELOW else 4


def _in_whole_blocks(pixels: Rgb8) -> Rgb8:
    """With its last row and column repeated to whole blocks."""
    missing = [(0, -side % BLOCK) for side in pixels.shape[:2]]
    return np.pad(pixels, (*missing, (0, 0)), mode="edge") if any(after for _, after in missing) else pixels
