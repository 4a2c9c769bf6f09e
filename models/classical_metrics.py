"""Classical full-reference metrics, in numpy and scipy, reported beside the learned scores."""

import numpy as np
from numpy.typing import NDArray

from models.types import Rgb8

# BT.601 luma, the weights of JPEG's YCbCr.
LUMA = np.array([0.299, 0.587, 0.114])
# Wang et al. 2004: 11x11 window of sigma 1.5, K1 = 0.01, K2 = 0.03 at a range of 255.
SIGMA = 1.5
RADIUS = 5
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2
# Wang, Simoncelli and Bovik 2003, "Multiscale structural similarity", section 3.2.
MS_SSIM_EXPONENTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])

Floats = NDArray[np.float64]


def luma(pixels: Rgb8) -> Floats:
    """BT.601 luma of uint8 (H, W, 3): float64 (H, W) in 0..255."""
    return np.asarray(pixels @ LUMA, dtype=np.float64)


def psnr_db(reference: Rgb8, distorted: Rgb8) -> float:
    """Peak signal-to-noise ratio over R, G and B in dB; infinite for identical images. Higher is better."""
    error = float(np.mean((reference.astype(np.float64) - distorted.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(reference: Rgb8, distorted: Rgb8) -> float:
    """SSIM of luma, Gaussian window, borders reflected (images of any size); 1 for identical images. Higher is
    better.
    """
    similarity, _ = _ssim_maps(luma(reference), luma(distorted))
    return float(similarity.mean())


def ms_ssim(reference: Rgb8, distorted: Rgb8) -> float:
    """Multi-scale SSIM of luma; scales below 2 pixels are left out and the exponents brought back to a sum of one.

    Negative contrast terms count as zero. Higher is better, 1 for identical images.
    """
    first, second = luma(reference), luma(distorted)
    scales = min(len(MS_SSIM_EXPONENTS), int(np.log2(max(1, min(first.shape)))) or 1)
    exponents = MS_SSIM_EXPONENTS[:scales] / MS_SSIM_EXPONENTS[:scales].sum()
    result = 1.0
    for scale, exponent in enumerate(exponents):
        similarity, contrast = _ssim_maps(first, second)
        last = scale == scales - 1
        result *= max(0.0, float((similarity if last else contrast).mean())) ** float(exponent)
        if not last:
            first, second = _halve(first), _halve(second)
    return result


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


def _halve(plane: Floats) -> Floats:
    """Means of 2x2, an odd last row or column left out."""
    rows, columns = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
    even = plane[:rows, :columns]
    return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4)
