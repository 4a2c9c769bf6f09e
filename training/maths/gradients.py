"""Gradients, and what GMSD and MDSI make of them."""

import torch
import torch.nn.functional as F
from torch import Tensor

GMS_CONSTANT = 170.0
"""Of GMSD: Prewitt gradients of the halved luma (Xue et al. 2014)."""
MDSI_C1, MDSI_C2, MDSI_C3 = 140.0, 55.0, 550.0
"""Nafchi et al. 2016 (MDSI), section 2."""
MDSI_CHANNELS = ((0.2989, 0.5870, 0.1140), (0.30, 0.04, -0.35), (0.34, -0.6, 0.17))
"""RGB to MDSI's luminance and two opponent channels (the same section)."""


def prewitt(plane: Tensor, *, spacing: float = 1.0) -> Tensor:
    """Prewitt's derivatives down and across of (N, 1, H, W): (N, 2, H - 2, W - 2).

    What two neighbours of a pixel differ by, over ``spacing``: 2 gives units per pixel, 1 is what GMSD and MDSI take.
    """
    rise = torch.tensor([-1 / spacing, 0.0, 1 / spacing], dtype=plane.dtype, device=plane.device)
    mean = torch.full((3,), 1 / 3, dtype=plane.dtype, device=plane.device)
    return F.conv2d(plane, torch.stack([torch.outer(rise, mean), torch.outer(mean, rise)])[:, None])


def similarity(one: Tensor, two: Tensor, constant: float) -> Tensor:
    """(2 a b + c) / (a^2 + b^2 + c), 1 where both are equal: of gradients in GMSD and MDSI, of means in SSIM."""
    return (2 * one * two + constant) / (one * one + two * two + constant)


def mdsi_channels(image: Tensor) -> Tensor:
    """MDSI's luminance and opponent channels (N, 3, H / 2, W / 2), 0..255, of RGB (N, 3, H, W) in [0, 1]."""
    matrix = torch.tensor(MDSI_CHANNELS, dtype=image.dtype, device=image.device)
    return torch.einsum("ij,njhw->nihw", matrix, F.avg_pool2d(image, 2) * 255)
