"""The universal image quality index (Wang and Bovik 2002), as in the authors' ``img_qi``."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from models.metrics.classical import luma
from models.types import Rgb8

WINDOW = 8
"""Rows and columns of the square that slides by one pixel."""


def uqi(reference: Rgb8, distorted: Rgb8) -> float:
    """Mean index of two images (H, W, 3) of at least 8 pixels a side, on luma: -1 to 1, which equal images have.

    Where both squares are flat their means alone count, as the authors do.
    """
    first, second = (np.asarray(np.rint(luma(side)), np.float64) for side in (reference, distorted))
    mean_1, mean_2 = _means(first), _means(second)
    # of products less products of means: rounding leaves less than 1e-6 where a square is flat
    covariance = _means(first * second) - mean_1 * mean_2
    variances = _means(first * first) - mean_1**2 + _means(second * second) - mean_2**2
    squares = mean_1**2 + mean_2**2
    flat = variances < 1e-6
    contrast = np.where(flat, 1.0, 2 * covariance / np.where(flat, 1.0, variances))
    light = np.where(squares == 0, 1.0, 2 * mean_1 * mean_2 / np.where(squares == 0, 1.0, squares))
    return float(np.mean(contrast * light))


def _means(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of every square that lies wholly within, (H - 7, W - 7)."""
    height, width = (side - WINDOW + 1 for side in plane.shape)
    start = WINDOW // 2
    means: NDArray[np.float64] = uniform_filter(plane, WINDOW)[start : start + height, start : start + width]
    return means
