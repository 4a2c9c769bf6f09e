"""Compiled loops that turn a map into pixels; apart, so that what draws no map waits for no compiler."""

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.types import Float32Array, Rgb8


@compiled
def store(values: Float32Array, scale: int, stored: NDArray[np.uint16]) -> None:
    """Values (H, W) times ``scale``, rounded and cut to 16 bits."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            stored[i, j] = np.uint16(min(max(np.rint(np.float64(values[i, j]) * scale), 0.0), 65535.0))


@compiled
def shade(
    pixels: Rgb8,
    values: Float32Array,
    heat: Float32Array,
    low: np.float32,
    scale: np.float32,
    share: np.float32,
    drawn: Rgb8,
) -> None:
    """``share`` of each of the pixels' R, G and B, (H, W, 3), in grey, plus the colour of ``heat`` (N, 3) at
    (value - ``low``) * ``scale``."""
    hottest = np.float32(heat.shape[0] - 1)
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            level = int(np.rint(min(max((values[i, j] - low) * scale, np.float32(0)), hottest)))
            grey = np.float32(np.int32(pixels[i, j, 0]) + np.int32(pixels[i, j, 1]) + np.int32(pixels[i, j, 2]))
            for channel in range(3):
                drawn[i, j, channel] = np.uint8(heat[level, channel] + (grey * share + np.float32(0.5)))
