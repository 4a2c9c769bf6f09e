"""The classical metrics that learned scores are measured against.

FSIM, GMSD, MDSI and VIF (pixel domain) are those of ``piq``, with its published defaults; SSIMULACRA2 is that of
``training.metrics.ssimulacra2``, butteraugli libjxl's program, PSNR, SSIM and MS-SSIM those of
``models.metrics.classical``.
"""

from collections.abc import Callable

import torch

from models.metrics.classical import ms_ssim, psnr_db, ssim
from models.types import Rgb8
from training.metrics.butteraugli_program import butteraugli
from training.metrics.ssimulacra2 import srgb_to_tensor, ssimulacra2_of_arrays
from training.metrics.uqi import uqi
from training.run import torchvision_models  # noqa: F401  piq imports torchvision, which needs this first

import piq  # isort: skip

Metric = Callable[[Rgb8, Rgb8], float]


def of_piq(metric: Callable[..., torch.Tensor]) -> Metric:
    """A metric of ``piq`` on two images uint8 (H, W, 3)."""

    def measure(reference: Rgb8, distorted: Rgb8) -> float:
        return float(metric(srgb_to_tensor(reference), srgb_to_tensor(distorted), data_range=1.0))

    return measure


def _negative(metric: Metric) -> Metric:
    return lambda reference, distorted: -metric(reference, distorted)


CLASSICAL: dict[str, Metric] = {
    "psnr": psnr_db,
    "ssim": ssim,
    "ms_ssim": ms_ssim,
    "fsim": of_piq(piq.fsim),
    "gmsd": _negative(of_piq(piq.gmsd)),
    "mdsi": _negative(of_piq(piq.mdsi)),
    "vif": of_piq(piq.vif_p),
    "ssimulacra2": lambda reference, distorted: float(ssimulacra2_of_arrays(reference, distorted)[0]),
    "butteraugli": lambda reference, distorted: -butteraugli(reference, distorted).three_norm,
}
"""Metric by name, each turned so that higher is better. FSIM is its colour version, FSIMc."""

CLASSICAL_OF_DATABASES: dict[str, Metric] = {
    "psnr": lambda reference, distorted: min(100.0, psnr_db(reference, distorted)),
    "ssim": ssim,
    "ms_ssim": ms_ssim,
    "iw_ssim": of_piq(piq.information_weighted_ssim),
    "fsim": CLASSICAL["fsim"],
    "vif": CLASSICAL["vif"],
}
"""Rivals of table I of the full-reference paper, on images of at least 161 pixels a side. SPSIM and the learned ones,
which are their authors' programs, are left out."""

CLASSICAL_OF_PATCHES: dict[str, Metric] = {
    "psnr": lambda reference, distorted: min(100.0, psnr_db(reference, distorted)),
    "ssim": ssim,
    "ms_ssim": ms_ssim,
    "fsim": CLASSICAL["fsim"],
    "srsim": of_piq(piq.srsim),
    "uqi": uqi,
    "vsi": of_piq(piq.vsi),
}
"""What patches of 64 or 128 pixels are compared by; identical ones have no PSNR and count as 100 dB."""
