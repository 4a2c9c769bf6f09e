"""How good a JND map is: what noise shaped by it costs in visibility, at equal energy and at the map's own level.

One random sign per pixel, the same on R, G and B; the factor on the map is solved so that the mean squared error of the
clipped, rounded image meets a given value (FPSNet, section 3.2 and equation 2, where it is 100).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from models.jnd import predict_jnd_map
from models.metrics.classical import luma
from models.types import Rgb8
from training.experiments.jnd.wu2017 import wu2017_jnd
from training.experiments.jnd.yang2005 import yang2005_jnd
from training.maths.ssim import ssim_and_ms_ssim
from training.metrics.butteraugli_program import butteraugli
from training.metrics.ssimulacra2 import ssimulacra2_of_arrays

Floats = NDArray[np.float64]
JndMapOf = Callable[[Rgb8], Floats]

ENERGIES = (100.0, 25.0)
"""Squared luma levels: the paper's, and one nearer to the threshold of visibility."""


def rounded_luma(image: Rgb8) -> Floats:
    """BT.601 luma rounded to whole levels, (H, W)."""
    return np.asarray(np.rint(luma(image)))


def local_deviation_map(exponent: float) -> JndMapOf:
    """The plain baseline: (variance of luma under sigma 1.5, plus 5.3^2) to half the exponent; 0 is uniform noise."""

    def of_image(image: Rgb8) -> Floats:
        plane = rounded_luma(image)
        mean = gaussian_filter(plane, 1.5)
        variance = np.maximum(gaussian_filter(plane * plane, 1.5) - mean * mean, 0)
        return np.asarray((variance + 5.3**2) ** (exponent / 2))

    return of_image


def wu2017_map(image: Rgb8) -> Floats:
    """The newest published formula."""
    return wu2017_jnd(rounded_luma(image))


def yang2005_map(image: Rgb8) -> Floats:
    """The oldest formula of FPSNet's table 1."""
    return yang2005_jnd(rounded_luma(image))


def fpsnet_map(image: Rgb8) -> Floats:
    """The shipped graph's map."""
    return predict_jnd_map(image).values.astype(np.float64)


def random_signs(image: Rgb8, seed: int) -> Floats:
    """-1 or 1 for each pixel, (H, W)."""
    return np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), image.shape[:2])


def add_noise(image: Rgb8, amplitude: NDArray[np.floating], sign: NDArray[np.floating]) -> Rgb8:
    """uint8 image plus ``amplitude * sign`` (H, W), the same in R, G and B, rounded and clipped."""
    noise = np.asarray(amplitude * sign, np.float32)[..., None]
    noisy: Rgb8 = np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
    return noisy


def solve_gamma(image: Rgb8, jnd: Floats, sign: Floats, mse: float) -> float:
    """Factor on ``jnd`` at which the rounded, clipped noise has the asked mean squared error, within 0.01 %.

    The error grows nearly with the square of the factor, so a few corrections by the root of the ratio settle it.
    """
    gamma = float(np.sqrt(mse / np.mean(jnd**2)))
    for _ in range(20):
        ratio = mse / _mse(image, jnd, sign, gamma)
        if abs(ratio - 1) < 1e-4:
            break
        gamma *= ratio**0.5
    return gamma


def _mse(image: Rgb8, jnd: Floats, sign: Floats, gamma: float) -> float:
    difference = add_noise(image, gamma * jnd, sign).astype(np.float64) - image
    return float(np.mean(difference**2))


def measure_noise(image: Rgb8, jnd: Floats, *, mse: float, seed: int = 0) -> dict[str, float]:
    """All figures of one photo and one map at equal energy.

    ``ssimulacra2`` treats the photo's edges as libjxl does, ``ssimulacra2_package`` as the Python package.
    """
    sign = random_signs(image, seed)
    gamma = solve_gamma(image, jnd, sign, mse)
    distorted = add_noise(image, gamma * jnd, sign)
    ssim, ms_ssim = ssim_and_ms_ssim(rounded_luma(image), rounded_luma(distorted))
    distance = butteraugli(image, distorted)
    p10, p99 = np.percentile(gamma * jnd, [10, 99])
    return {
        "ssim": ssim,
        "ms_ssim": ms_ssim,
        "ssimulacra2": float(ssimulacra2_of_arrays(image, distorted, edges="reference")[0]),
        "ssimulacra2_package": float(ssimulacra2_of_arrays(image, distorted)[0]),
        "butteraugli_3norm": distance.three_norm,
        "butteraugli_max": distance.maximum,
        "amplitude_p10": float(p10),
        "amplitude_p99": float(p99),
        "amplitude_max": float(gamma * jnd.max()),
    }


def visibility_at_own_level(image: Rgb8, jnd: Floats, seed: int = 0) -> float:
    """Butteraugli 3-norm of noise at gamma = 1: 1 where the map's unit is what it claims."""
    return butteraugli(image, add_noise(image, jnd, random_signs(image, seed))).three_norm
