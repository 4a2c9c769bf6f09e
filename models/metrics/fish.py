"""FISH: a fast wavelet-based sharpness index (Vu and Chandler, IEEE Signal Processing Letters 19, 2012).

Three levels of the Cohen-Daubechies-Feauveau 9/7 wavelet of luma; the log-energy of each detail band; a weighted sum
over the levels. Larger is sharper. Noise counts as sharpness: FISH alone is no measure of quality. A photo is looked at
in strips of rows, for memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.compiled import compiled, inlined
from models.errors import InvalidParameterError
from models.metrics.classical import luma
from models.preprocess import as_rgb, pad_to_at_least
from models.threads import in_order
from models.types import Float32Array, RgbImage

Floats = NDArray[np.float64]
Pool = Callable[[Floats], Floats]

# Analysis filters of the CDF 9/7 wavelet, DC gain one for the low-pass (JPEG 2000, ISO/IEC 15444-1, annex F).
LOW_PASS = np.array(
    [
        0.026748757,
        -0.016864118,
        -0.078223266,
        0.266864118,
        0.602949018,
        0.266864118,
        -0.078223266,
        -0.016864118,
        0.026748757,
    ]
) * np.sqrt(2)
HIGH_PASS = np.array(
    [0.091271763, -0.057543526, -0.591271763, 1.115087052, -0.591271763, -0.057543526, 0.091271763]
) / np.sqrt(2)
LEVELS = 3
# Section II: weight of HH against the mean of LH and HL, and weights 2^(3 - n) of the levels n = 1, 2, 3.
ALPHA = 0.8
LEVEL_WEIGHTS = (4.0, 2.0, 1.0)
# Smallest side with one sample left at the third level.
SMALLEST = 8
# Section II.C: the overall index of the block-based form is the root mean square of the highest 1 % of the map.
TOP_SHARE = 0.01
# Rows that a strip makes values of, and those beside it that the filters of three levels reach; multiples of 8, so that
# each level keeps the same samples in every strip.
_ROWS, _CONTEXT = 256, 32


@dataclass(frozen=True, slots=True)
class DetailBands:
    """Squared coefficients of one level, each (h, w) float64."""

    lh: Floats
    hl: Floats
    hh: Floats


def fish_sharpness(image: RgbImage | ArrayLike) -> float:
    """Overall sharpness of the image, >= 0: equation 3, log-energies over the whole bands."""
    pixels = as_rgb(image)
    height = len(pixels)

    def sums(top: int) -> Floats:
        start, last = max(0, top - _CONTEXT), top + _ROWS >= height
        found = []
        for number, level in enumerate(detail_bands(luma(pixels[start : top + _ROWS + _CONTEXT])), start=1):
            first = (top - start) >> number
            own = slice(first, None if last else first + (_ROWS >> number))
            found.append([(float(band[own].sum()), band[own].size) for band in (level.lh, level.hl, level.hh)])
        return np.array(found)

    total = np.array(list(in_order(sums, range(0, height, _ROWS)))).sum(axis=0)
    means = total[:, :, 0] / total[:, :, 1]
    levels = zip(LEVEL_WEIGHTS, means, strict=True)
    return float(sum(weight * float(_log_energy(DetailBands(*level), np.asarray)) for weight, level in levels))


def fish_map(image: RgbImage | ArrayLike, *, window: int = 16, stride: int = 8) -> Float32Array:
    """Sharpness of the window at each ``stride`` (section II.B; 16x16 with half overlap there).

    The window's log-energies are taken over the coefficients that lie under it at each level. Images smaller than the
    window are extended by reflection. Returns: float32 ((H - window) // stride + 1, (W - window) // stride + 1), >= 0.
    Raises: InvalidParameterError if ``window`` is not a multiple of 8 or ``stride`` is below 1.
    """
    if window < 8 or window % 8 or stride < 1:
        raise InvalidParameterError(f"window {window} must be a multiple of 8 and stride {stride} at least 1")
    pixels = pad_to_at_least(as_rgb(image), window, window).astype(np.uint8, copy=False)
    rows, columns = ((side - window) // stride + 1 for side in pixels.shape[:2])
    at_once = max(1, _ROWS // stride)

    def values(first: int) -> Floats:
        those = np.arange(first, min(first + at_once, rows))
        start = max(0, first * stride // 8 * 8 - _CONTEXT)
        end = int(those[-1]) * stride + window + _CONTEXT
        total = np.zeros((len(those), columns))
        for number, (weight, level) in enumerate(
            zip(LEVEL_WEIGHTS, detail_bands(luma(pixels[start:end])), strict=True), start=1
        ):
            size, step = window >> number, stride / (1 << number)
            corners = (those * step).astype(int) - (start >> number), (np.arange(columns) * step).astype(int)
            total += weight * _log_energy(level, partial(_window_means, size=size, corners=corners))
        return total

    return np.concatenate(list(in_order(values, range(0, rows, at_once)))).astype(np.float32)


def fish_index(sharpness: Float32Array) -> float:
    """One number from a map: root mean square of its highest 1 % (section II.C)."""
    values = np.sort(np.asarray(sharpness, dtype=np.float64), axis=None)
    top = values[-max(1, round(TOP_SHARE * values.size)) :]
    return float(np.sqrt(np.mean(top**2)))


def detail_bands(plane: Floats) -> tuple[DetailBands, ...]:
    """Squared LH, HL and HH of three levels of luma (H, W); planes below 8 pixels are extended by reflection."""
    low = np.asarray(pad_to_at_least(plane, SMALLEST, SMALLEST), dtype=np.float64)
    levels = []
    for _ in range(LEVELS):
        wide = _across(low)
        (low, lh), (hl, hh) = (_down(half) for half in wide)
        levels.append(DetailBands(lh**2, hl**2, hh**2))
    return tuple(levels)


def _across(plane: Floats) -> tuple[Floats, Floats]:
    """Low-pass and high-pass of each row, every second sample; the high-pass keeps the odd ones."""
    height, width = plane.shape
    low, high = np.empty((height, (width + 1) // 2)), np.empty((height, max(1, width // 2)))
    _filter_across(plane, LOW_PASS, 0, low)
    _filter_across(plane, HIGH_PASS, min(1, width - 1), high)
    return low, high


def _down(plane: Floats) -> tuple[Floats, Floats]:
    """As ``_across``, of each column."""
    height, width = plane.shape
    low, high = np.empty(((height + 1) // 2, width)), np.empty((max(1, height // 2), width))
    _filter_down(plane, LOW_PASS, 0, low)
    _filter_down(plane, HIGH_PASS, min(1, height - 1), high)
    return low, high


@inlined
def _mirrored(place: int, length: int) -> int:
    """Whole-sample symmetric: the sample at the border is not repeated."""
    while place < 0 or place >= length:
        place = 0 if length == 1 else (-place if place < 0 else 2 * (length - 1) - place)
    return place


@compiled
def _filter_across(plane: Floats, kernel: Floats, first: int, kept: Floats) -> None:
    width, reach = plane.shape[1], len(kernel) // 2
    for i in range(kept.shape[0]):
        for j in range(kept.shape[1]):
            left = 2 * j + first - reach
            total = 0.0
            if left >= 0 and left + len(kernel) <= width:
                for k in range(len(kernel)):
                    total += kernel[k] * plane[i, left + k]
            else:
                for k in range(len(kernel)):
                    total += kernel[k] * plane[i, _mirrored(left + k, width)]
            kept[i, j] = total


@compiled
def _filter_down(plane: Floats, kernel: Floats, first: int, kept: Floats) -> None:
    height, reach = plane.shape[0], len(kernel) // 2
    for i in range(kept.shape[0]):
        kept[i, :] = 0.0
        for k in range(len(kernel)):
            row, weight = _mirrored(2 * i + first - reach + k, height), kernel[k]
            for j in range(kept.shape[1]):
                kept[i, j] += weight * plane[row, j]


def _log_energy(level: DetailBands, pool: Pool) -> Floats:
    """Equations 1 and 2: log10(1 + mean square) of each band, HH weighted by alpha against LH and HL."""
    lh, hl, hh = (np.log10(1 + np.asarray(pool(band))) for band in (level.lh, level.hl, level.hh))
    return np.asarray((1 - ALPHA) * (lh + hl) / 2 + ALPHA * hh)


def _window_means(band: Floats, *, size: int, corners: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Floats:
    """Means of ``size`` squares at all pairs of a row and a column of ``corners``, kept inside the band."""
    sums = np.pad(band, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    tall, wide = min(size, band.shape[0]), min(size, band.shape[1])
    top, left = np.minimum(corners[0], band.shape[0] - tall), np.minimum(corners[1], band.shape[1] - wide)
    upper, lower = sums[top], sums[top + tall]
    total = lower[:, left + wide] - lower[:, left] - upper[:, left + wide] + upper[:, left]
    return np.asarray(np.maximum(total, 0) / (tall * wide))
