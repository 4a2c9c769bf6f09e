"""The JND map of Wu et al. 2017, the newest published formula: what Limen's map is compared with at its own level.

Wu, Li, Dong, Shi, Lin, Kuo, "Enhanced just noticeable difference model for images with pattern complexity", IEEE
Transactions on Image Processing 26, 2017; equation numbers are the paper's. Edge protection hangs on Canny's
thresholds: here they are relative to the photo's largest gradient, as in the authors' Matlab, not absolute levels.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, convolve, correlate, gaussian_filter, label, maximum_filter, uniform_filter

Floats = NDArray[np.float64]

DARKEST = 32
"""Luma to which black backgrounds are lifted before the threshold is looked up."""
ADAPTATION_SHARE = 0.7
OVERLAP_SHARE = 0.3
"""Part of the smaller of luminance adaptation and visual masking that is not counted again (equation 14)."""
SMOOTH_GRADIENT = 5.0
BIN_DEGREES = 12
EDGE_HEIGHT = 60.0
"""Largest gradient, in luma levels, that edge protection asks of an edge."""
EDGE_SHARE = 0.8
BACKGROUND = np.array([[1, 1, 1, 1, 1], [1, 2, 2, 2, 1], [1, 2, 0, 2, 1], [1, 2, 2, 2, 1], [1, 1, 1, 1, 1]]) / 32
_ACROSS = np.array([[0, 0, 0, 0, 0], [1, 3, 8, 3, 1], [0, 0, 0, 0, 0], [-1, -3, -8, -3, -1], [0, 0, 0, 0, 0]]) / 16
_SLANTED = np.array([[0, 0, 1, 0, 0], [0, 8, 3, 0, 0], [1, 3, 0, -3, -1], [0, 0, -3, -8, 0], [0, 0, -1, 0, 0]]) / 16
EDGE_KERNELS = (_ACROSS, _ACROSS.T, _SLANTED, _SLANTED[:, ::-1])


def wu2017_jnd(luma: Floats) -> Floats:
    """Thresholds (H, W) in luma levels of a luma plane (H, W), 0..255, of at least 8 pixels a side (equation 14)."""
    adaptation = luminance_adaptation(luma)
    contrast = local_contrast(luma)
    pattern = contrast * _complexity_gain(pattern_complexity(luma)) * edge_protection(luma)
    masking = np.maximum(_contrast_masking(contrast), pattern)
    jnd: Floats = adaptation + masking - OVERLAP_SHARE * np.minimum(adaptation, masking)
    return jnd


def luminance_adaptation(luma: Floats) -> Floats:
    """Equation 13: threshold over the mean of 5x5 pixels, from Weber's law in the light, a root in the dark."""
    background = np.floor(correlate(luma, BACKGROUND, mode="constant"))
    background = np.where(background <= 127, np.round(DARKEST + background * (127 - DARKEST) / 127), background)
    dark = 17 * (1 - np.sqrt(np.minimum(background, 127) / 127)) + 3
    return np.asarray(ADAPTATION_SHARE * np.where(background < 127, dark, 3 / 128 * (background - 127) + 3))


def local_contrast(luma: Floats) -> Floats:
    """Equation 7: standard deviation over 5x5 pixels, zero at the border."""
    mean = uniform_filter(luma, 5, mode="constant")
    contrast = np.sqrt(np.maximum(uniform_filter(luma * luma, 5, mode="constant") - mean * mean, 0))
    return np.pad(contrast[2:-2, 2:-2], 2)


def _contrast_masking(contrast: Floats) -> Floats:
    """Equation 11."""
    return np.asarray(0.115 * 16 * contrast**2.4 / (contrast**2 + 26**2))


def _complexity_gain(complexity: Floats) -> Floats:
    """Equation 10."""
    return np.asarray(0.3 * complexity**2.7 / (complexity**2 + 1))


def pattern_complexity(luma: Floats) -> Floats:
    """Equation 6: number of different orientations in 3x3 pixels, smoothed; 1 where the centre is smooth."""
    slope = np.array([[-1, 0, 1]] * 3) / 3
    across, down = correlate(luma, slope, mode="reflect"), correlate(luma, slope.T, mode="reflect")
    rough = np.hypot(across, down) >= SMOOTH_GRADIENT
    degrees = (np.round(np.degrees(np.arctan2(down, across))) + 90) % 180
    bins = np.where(rough, np.round(degrees / BIN_DEGREES), 180 // BIN_DEGREES + 1)
    square = np.ones((3, 3), bool)
    seen = [maximum_filter(bins == value, footprint=square) for value in np.unique(bins)]
    count = np.where(rough, np.sum(seen, axis=0), 1).astype(np.float64)
    count[[0, -1]] = 1
    count[:, [0, -1]] = 1
    offsets = np.exp(-0.5 * np.array([-1.0, 0.0, 1.0]) ** 2)
    kernel = np.outer(offsets, offsets) / offsets.sum() ** 2
    return np.asarray(convolve(count, kernel, mode="nearest"))


def edge_protection(luma: Floats) -> Floats:
    """0 within three pixels of a strong edge, 1 away from it, smoothed in between."""
    height = np.max([np.abs(correlate(luma, kernel, mode="nearest")) for kernel in EDGE_KERNELS], axis=0)
    high = min(EDGE_SHARE, EDGE_HEIGHT / max(float(height.max()), 1e-6))
    rows, columns = np.mgrid[-3:4, -3:4]
    disc = rows**2 + columns**2 <= 9
    clear = 1.0 - binary_dilation(canny(luma, 0.4 * high, high), disc)
    return np.asarray(gaussian_filter(clear, 0.8, radius=2, mode="nearest"))


def canny(luma: Floats, low: float, high: float) -> NDArray[np.bool_]:
    """Canny's edges at sigma sqrt(2); thresholds are shares of the largest gradient (Canny 1986)."""
    sigma = 2**0.5
    down = gaussian_filter(luma, sigma, order=(1, 0), mode="nearest")
    across = gaussian_filter(luma, sigma, order=(0, 1), mode="nearest")
    magnitude = np.hypot(down, across)
    magnitude /= max(float(magnitude.max()), 1e-6)
    crest = _is_crest(magnitude, down, across)
    pieces, _ = label(crest & (magnitude > low), np.ones((3, 3)))
    strong = np.unique(pieces[crest & (magnitude > high)])
    return np.asarray(np.isin(pieces, strong[strong > 0]))


def _is_crest(magnitude: Floats, down: Floats, across: Floats) -> NDArray[np.bool_]:
    """Whether no neighbour along the gradient, in its nearest of four directions, is larger."""
    sector = np.round(np.degrees(np.arctan2(down, across)) / 45).astype(int) % 4
    padded = np.pad(magnitude, 1)
    height, width = magnitude.shape
    crest = np.zeros(magnitude.shape, bool)
    for index, (row, column) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[1 + row : 1 + row + height, 1 + column : 1 + column + width]
        behind = padded[1 - row : 1 - row + height, 1 - column : 1 - column + width]
        crest |= (sector == index) & (magnitude >= ahead) & (magnitude > behind)
    return crest
