"""Classical full-reference metrics, in numpy and scipy, reported beside the learned scores."""

import numpy as np
from numpy.typing import NDArray

from models.bt601 import LUMA_WEIGHTS
from models.threads import in_order
from models.types import Rgb8

LUMA = np.array(LUMA_WEIGHTS)
# Wang et al. 2004: 11x11 window of sigma 1.5, K1 = 0.01, K2 = 0.03 at a range of 255.
SIGMA = 1.5
RADIUS = 5
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2
_STRIP = 96
_ROWS_OF_LUMA = 16
# Wang, Simoncelli and Bovik 2003, "Multiscale structural similarity", section 3.2.
MS_SSIM_EXPONENTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])

Floats = NDArray[np.float64]


def luma(pixels: Rgb8) -> Floats:
    """BT.601 luma of uint8 (H, W, 3): float64 (H, W) in 0..255."""
    values = np.empty(pixels.shape[:2])
    for top in range(0, len(pixels), _ROWS_OF_LUMA):  # a product makes all its pixels float64 first
        np.matmul(pixels[top : top + _ROWS_OF_LUMA], LUMA, out=values[top : top + _ROWS_OF_LUMA])
    return values


def psnr_db(reference: Rgb8, distorted: Rgb8) -> float:
    """Peak signal-to-noise ratio over R, G and B in dB; infinite for identical images. Higher is better."""

    def squares(rows: slice) -> int:
        return int(np.square(reference[rows].astype(np.int32) - distorted[rows]).sum(dtype=np.int64))

    error = sum(in_order(squares, _strips(len(reference)))) / reference.size
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(reference: Rgb8, distorted: Rgb8) -> float:
    """SSIM of luma, Gaussian window, borders reflected (images of any size); 1 for identical images. Higher is
    better.
    """
    return ssim_and_ms_ssim(reference, distorted)[0]


def ms_ssim(reference: Rgb8, distorted: Rgb8) -> float:
    """Multi-scale SSIM of luma; scales below 2 pixels are left out and the exponents brought back to a sum of one.

    Negative contrast terms count as zero. Higher is better, 1 for identical images.
    """
    return ssim_and_ms_ssim(reference, distorted)[1]


def ssim_and_ms_ssim(reference: Rgb8, distorted: Rgb8) -> tuple[float, float]:
    """Both, of which the first is made on the way to the second."""
    first: Rgb8 | Floats = reference
    second: Rgb8 | Floats = distorted
    scales = min(len(MS_SSIM_EXPONENTS), int(np.log2(max(1, min(first.shape[:2])))) or 1)
    exponents = MS_SSIM_EXPONENTS[:scales] / MS_SSIM_EXPONENTS[:scales].sum()
    single, result = 1.0, 1.0
    for scale, exponent in enumerate(exponents):
        if scale > 0:
            first, second = _halve(first), _halve(second)
        similarity, contrast = _ssim_means(first, second)
        single = similarity if scale == 0 else single
        result *= max(0.0, similarity if scale == scales - 1 else contrast) ** float(exponent)
    return single, result


def _ssim_means(first: Rgb8 | Floats, second: Rgb8 | Floats) -> tuple[float, float]:
    """Means of SSIM and of its contrast-structure factor over all pixels; strip by strip, to keep memory low."""
    height, width = first.shape[:2]

    def sums(rows: slice) -> tuple[float, float]:
        wider = slice(max(0, rows.start - RADIUS), min(height, rows.stop + RADIUS))
        own = slice(rows.start - wider.start, rows.stop - wider.start)
        maps = _ssim_maps(_plane(first[wider]), _plane(second[wider]))
        similarity, contrast = (float(values[own].sum()) for values in maps)
        return similarity, contrast

    similarity, contrast = np.array(list(in_order(sums, _strips(height)))).sum(axis=0) / (height * width)
    return float(similarity), float(contrast)


def _strips(height: int) -> list[slice]:
    """Of an even number of rows each, but for the last."""
    return [slice(top, min(top + _STRIP, height)) for top in range(0, height, _STRIP)]


def _plane(part: Rgb8 | Floats) -> Floats:
    """Luma of a photo's rows, rows of a plane as they are."""
    return luma(np.asarray(part, np.uint8)) if part.ndim == 3 else part.astype(np.float64, copy=False)


def _ssim_maps(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """SSIM and its contrast-structure factor at each pixel."""
    mean1, mean2 = _window(first), _window(second)
    variance1 = _window(first * first) - mean1 * mean1
    variance2 = _window(second * second) - mean2 * mean2
    covariance = _window(first * second) - mean1 * mean2
    contrast = (2 * covariance + C2) / (variance1 + variance2 + C2)
    return contrast * (2 * mean1 * mean2 + C1) / (mean1 * mean1 + mean2 * mean2 + C1), contrast


def _window(plane: Floats) -> Floats:
    from scipy import ndimage  # half a second, which few verbs need

    return np.asarray(ndimage.gaussian_filter(plane, SIGMA, radius=RADIUS))


def _halve(image: Rgb8 | Floats) -> Floats:
    """Means of 2x2 of a photo's luma or of a plane, an odd last row or column left out."""
    return np.concatenate([_halved(_plane(image[rows])) for rows in _strips(len(image))])


def _halved(plane: Floats) -> Floats:
    rows, columns = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
    even = plane[:rows, :columns]
    return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4)
