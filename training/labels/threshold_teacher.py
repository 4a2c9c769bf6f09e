"""The teacher of SUR near the threshold: three judges of which each sees something that the others miss.

A pair's distance is the geometric mean of SSIMULACRA2's penalty, of the quality that ColorVideoVDP finds lost
(10 - JOD, Mantiuk et al. 2024, on a display of so many pixels per degree) and of 1 - IW-SSIM (Wang and Li 2011). On the
300 pairs of JPEG AIC-3 no one of them, and no pair of them, predicts people as well both for JPEG and for six codecs
(``python -m training.experiments.sur.aic3``); equal weights leave nothing to fit.
"""

import functools
import math

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from models.sur.observers import DEFAULT_PIXELS_PER_DEGREE
from models.types import Rgb8
from training.metrics.ssimulacra2 import penalty_of_score, ssimulacra2_of_arrays
from training.run import torchvision_models  # noqa: F401  piq and pycvvdp import torchvision, which needs this

import piq  # isort: skip
import pycvvdp  # isort: skip

PENALTY_FLOOR, JOD_FLOOR, IW_SSIM_FLOOR = 0.1, 0.005, 5e-5
"""Added before the logarithm: about what each judge says of the best JPEGs, where its figures mean nothing."""

LEAST = (math.log(PENALTY_FLOOR) + math.log(JOD_FLOOR) + math.log(IW_SSIM_FLOOR)) / 3
"""ln distance of two equal images."""

_FAINT = 0.7
"""Levels of that noise, less than a photo's own."""

_DISPLAY = "standard_fhd"
"""ColorVideoVDP's 24-inch monitor, 200 cd/m^2 in an office: the display that AIC-3's table of scores fits."""


def threshold_log_distance(reference: Rgb8, distorted: Rgb8) -> float:
    """ln distance of a pair, uint8 (H, W, 3), sides at least 176, at the default pixels per degree."""
    score = float(ssimulacra2_of_arrays(reference, distorted)[0])
    return float(log_distance_of_scores(score, jod(reference, distorted), iw_ssim(reference, distorted)))


def log_distance_of_scores(ssimulacra2: ArrayLike, jod: ArrayLike, iw_ssim: ArrayLike) -> NDArray[np.float64]:
    """The teacher's ln distance from the scores of its three judges, arrays of one shape."""
    distances = (
        PENALTY_FLOOR + penalty_of_score(np.asarray(ssimulacra2, np.float64)),
        JOD_FLOOR + np.maximum(10 - np.asarray(jod, np.float64), 0),
        IW_SSIM_FLOOR + np.maximum(1 - np.asarray(iw_ssim, np.float64), 0),
    )
    return np.asarray(sum(np.log(distance) for distance in distances) / len(distances))


def log_lost_quality(reference: Rgb8, distorted: Rgb8, pixels_per_degree: float) -> float:
    """ln(10 - JOD) by ColorVideoVDP alone, from so far away that a degree holds so many pixels."""
    return math.log(JOD_FLOOR + max(0.0, 10 - jod(reference, distorted, pixels_per_degree)))


def jod(reference: Rgb8, distorted: Rgb8, pixels_per_degree: float = DEFAULT_PIXELS_PER_DEGREE) -> float:
    """ColorVideoVDP's just-objectionable-differences, 10 for equal images, of a pair uint8 (H, W, 3)."""
    with torch.inference_mode():
        quality, _ = _color_video_vdp(pixels_per_degree).predict(distorted, reference, dim_order="HWC")
    return float(quality)


def iw_ssim(reference: Rgb8, distorted: Rgb8) -> float:
    """Information content weighted SSIM, 1 for equal images, of a pair uint8 (H, W, 3), sides at least 161.

    Of flat drawings the covariance that the weights need has no inverse: such a pair gets the same faint noise in both.
    """
    if np.array_equal(reference, distorted):
        return 1.0
    pair = [np.moveaxis(image, -1, 0)[None].astype(np.float32) for image in (reference, distorted)]
    try:
        found = _iw_ssim(pair)
    except RuntimeError:
        found = math.nan
    if not math.isfinite(found):
        noise = np.random.default_rng(0).uniform(-_FAINT, _FAINT, pair[0].shape).astype(np.float32)
        found = _iw_ssim([(image + noise).clip(0, 255) for image in pair])
    return found


def _iw_ssim(pair: list[NDArray[np.float32]]) -> float:
    with torch.inference_mode():
        first, second = (torch.from_numpy(image) for image in pair)
        return float(piq.information_weighted_ssim(first, second, data_range=255.0))


@functools.cache
def _color_video_vdp(pixels_per_degree: float) -> pycvvdp.cvvdp:
    geometry = pycvvdp.vvdp_display_geometry((1920, 1080), ppd=pixels_per_degree)
    return pycvvdp.cvvdp(display_name=_DISPLAY, display_geometry=geometry, quiet=True, device=torch.device("cpu"))
