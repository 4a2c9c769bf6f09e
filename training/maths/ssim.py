"""SSIM over the valid area, in numpy and in torch: no value of the mean rests on pixels that are not there.

``models.metrics.classical`` reflects the border instead, so that images of any size have a figure; constants and window
are the same.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import convolve1d
from torch import Tensor

from models.metrics.classical import C1, C2, MS_SSIM_EXPONENTS, RADIUS, SIGMA
from training.maths.blur import separable

Floats = NDArray[np.float64]

WINDOW = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
WINDOW /= WINDOW.sum()
"""Wang et al. 2004: 11 weights of a Gaussian of sigma 1.5."""


def ssim_and_ms_ssim(first: Floats, second: Floats) -> tuple[float, float]:
    """SSIM over the valid area and five-scale MS-SSIM of two luma planes whose sides are at least 176."""
    ssim, ms_ssim = 0.0, 1.0
    for scale, exponent in enumerate(MS_SSIM_EXPONENTS):
        similarity, contrast = _ssim_terms(first, second)
        ssim = similarity if scale == 0 else ssim
        last = scale == len(MS_SSIM_EXPONENTS) - 1
        ms_ssim *= max(similarity if last else contrast, 0.0) ** exponent
        first, second = _halve(first), _halve(second)
    return ssim, float(ms_ssim)


def _ssim_terms(first: Floats, second: Floats) -> tuple[float, float]:
    mean1, mean2 = _window(first), _window(second)
    variance1, variance2 = _window(first**2) - mean1**2, _window(second**2) - mean2**2
    covariance = _window(first * second) - mean1 * mean2
    contrast = (2 * covariance + C2) / (variance1 + variance2 + C2)
    light = (2 * mean1 * mean2 + C1) / (mean1**2 + mean2**2 + C1)
    return float((light * contrast).mean()), float(contrast.mean())


def _window(plane: Floats) -> Floats:
    inside = slice(RADIUS, -RADIUS)
    return np.asarray(convolve1d(convolve1d(plane, WINDOW, axis=0), WINDOW, axis=1)[inside, inside])


def _halve(plane: Floats) -> Floats:
    height, width = plane.shape[0] // 2, plane.shape[1] // 2
    halved: Floats = plane[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3))
    return halved


def luma_ssim(first: Tensor, second: Tensor) -> Tensor:
    """SSIM (N,) of luma planes (N, 1, H, W), 0..255, over the valid area (Wang et al. 2004)."""
    planes = torch.cat([first, second, first * first, second * second, first * second], dim=1)
    kernel = torch.as_tensor(WINDOW, dtype=planes.dtype, device=planes.device)
    mean1, mean2, square1, square2, product = separable(planes, kernel).chunk(5, dim=1)
    light = (2 * mean1 * mean2 + C1) / (mean1**2 + mean2**2 + C1)
    contrast = (2 * (product - mean1 * mean2) + C2) / (square1 - mean1**2 + square2 - mean2**2 + C2)
    return (light * contrast).mean((1, 2, 3))
