"""Local errors: areas that were replaced or moved."""

import numpy as np

from models.types import Rgb8
from training.distort.pixels import round_to_bytes
from training.distort.strength import Apply


def pattern_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Non-eccentricity pattern noise: ``strength`` patches of 15x15 replaced by neighbours a few pixels away."""
    result, size = pixels.copy(), 15
    height, width = pixels.shape[:2]
    if min(height, width) < size + 2:
        return result
    for _ in range(max(1, round(strength))):
        row, column = int(rng.integers(0, height - size)), int(rng.integers(0, width - size))
        offset = rng.integers(-10, 11, 2)
        source_row = int(np.clip(row + offset[0], 0, height - size))
        source_column = int(np.clip(column + offset[1], 0, width - size))
        source = pixels[source_row : source_row + size, source_column : source_column + size]
        result[row : row + size, column : column + size] = source
    return result


def block_errors(count: int) -> Apply:
    """A kind that moves the mean of ``count`` blocks of 32x32 by ``strength`` levels, each channel up or down."""

    def apply(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
        result, size = pixels.astype(np.float64), 32
        for _ in range(count):
            row = int(rng.integers(0, max(1, pixels.shape[0] - size)))
            column = int(rng.integers(0, max(1, pixels.shape[1] - size)))
            block = result[row : row + size, column : column + size]
            block += strength * np.where(block.mean((0, 1)) > 127.5, -1.0, 1.0)
        return round_to_bytes(result)

    return apply
