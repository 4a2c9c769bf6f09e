"""FISH: a fast wavelet-based sharpness index (Vu and Chandler, IEEE Signal Processing Letters 19, 2012). Plain numpy.

Three levels of the Cohen-Daubechies-Feauveau 9/7 wavelet of luma; the log-energy of each detail band; a weighted sum
over the levels. Larger is sharper. Noise counts as sharpness: FISH alone is no measure of quality.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameterError
from models.metrics.classical import luma
from models.preprocess import as_rgb, pad_to_at_least
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


@dataclass(frozen=True, slots=True)
class DetailBands:
    """Squared coefficients of one level, each (h, w) float64."""

    lh: Floats
    hl: Floats
    hh: Floats


def fish_sharpness(image: RgbImage | ArrayLike) -> float:
    """Overall sharpness of the image, >= 0: equation 3, log-energies over the whole bands."""
    bands = detail_bands(luma(as_rgb(image)))
    return float(
        sum(weight * float(_log_energy(level, _mean)) for weight, level in zip(LEVEL_WEIGHTS, bands, strict=True))
    )


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
    total = np.zeros((rows, columns))
    for number, (weight, level) in enumerate(zip(LEVEL_WEIGHTS, detail_bands(luma(pixels)), strict=True), start=1):
        size, step = window >> number, stride / (1 << number)

        def windows(band: Floats, size: int = size, step: float = step) -> Floats:
            return _window_means(band, size, step, rows, columns)

        total += weight * _log_energy(level, windows)
    return total.astype(np.float32)


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
        wide = _filter(low, LOW_PASS, 1), _filter(low, HIGH_PASS, 1)
        lh, hl, hh = _filter(wide[0], HIGH_PASS, 0), _filter(wide[1], LOW_PASS, 0), _filter(wide[1], HIGH_PASS, 0)
        levels.append(DetailBands(lh**2, hl**2, hh**2))
        low = _filter(wide[0], LOW_PASS, 0)
    return tuple(levels)


def _filter(plane: Floats, kernel: Floats, axis: int) -> Floats:
    """Filter and keep every second sample; whole-sample symmetric borders. The high-pass keeps the odd ones."""
    from scipy import ndimage  # half a second, which few verbs need

    filtered = ndimage.correlate1d(plane, kernel, axis=axis, mode="mirror")
    first = 1 if kernel.size == HIGH_PASS.size and plane.shape[axis] > 1 else 0
    return np.asarray(filtered[first::2] if axis == 0 else filtered[:, first::2])


def _log_energy(level: DetailBands, pool: Pool) -> Floats:
    """Equations 1 and 2: log10(1 + mean square) of each band, HH weighted by alpha against LH and HL."""
    lh, hl, hh = (np.log10(1 + np.asarray(pool(band))) for band in (level.lh, level.hl, level.hh))
    return np.asarray((1 - ALPHA) * (lh + hl) / 2 + ALPHA * hh)


def _mean(band: Floats) -> Floats:
    return np.asarray(band.mean())


def _window_means(band: Floats, size: int, step: float, rows: int, columns: int) -> Floats:
    """Means of ``size`` squares whose corners lie ``step`` apart, corners rounded down and kept inside the band."""
    sums = np.pad(band, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    tall, wide = min(size, band.shape[0]), min(size, band.shape[1])
    top = np.minimum((np.arange(rows) * step).astype(int), band.shape[0] - tall)
    left = np.minimum((np.arange(columns) * step).astype(int), band.shape[1] - wide)
    upper, lower = sums[top], sums[top + tall]
    total = lower[:, left + wide] - lower[:, left] - upper[:, left + wide] + upper[:, left]
    return np.asarray(np.maximum(total, 0) / (tall * wide))
