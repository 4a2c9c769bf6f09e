"""The colour conversions of training, in torch: what a network holds inside its graph and what teachers see.

For a photo's own pixels in numpy there are ``models.colour`` and, in float64, ``training.distort.pixels``.
"""

import torch
from torch import Tensor

YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""BT.601 full range to Y, Cb, Cr, as JFIF prints it (T.871 section 7); the rows of Cb and Cr sum to zero."""

OPSIN = ((0.30, 0.622, 0.078), (0.23, 0.692, 0.078), (0.24342268924547819, 0.20476744424496821, 0.5518098665095536))
"""Linear sRGB to the cone mixtures of XYB (libjxl, ``lib/jxl/cms/opsin_params.h``)."""

OPSIN_BIAS = 0.0037930732552754493
"""Added to each mixture before its cube root (the same file)."""


def to_ycbcr(rgb: Tensor) -> Tensor:
    """(N, 3, H, W) RGB in [0, 1] to Y in [0, 1] and Cb, Cr in [-0.5, 0.5]."""
    return torch.einsum("ij,njhw->nihw", torch.tensor(YCBCR, dtype=rgb.dtype, device=rgb.device), rgb)


def to_luma(image: Tensor) -> Tensor:
    """BT.601 luma (N, 1, H, W), 0..255, of sRGB (N, 3, H, W) in [0, 1]."""
    weights = torch.tensor(YCBCR[0], dtype=image.dtype, device=image.device) * 255
    return (image * weights.view(1, 3, 1, 1)).sum(1, keepdim=True)


def linear_light(srgb: Tensor) -> Tensor:
    """Linear light in [0, 1] of sRGB in [0, 1], of the same shape, with finite gradients. IEC 61966-2-1."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb.clamp(min=0.04) + 0.055) / 1.055) ** 2.4)


def positive_xyb(linear: Tensor) -> Tensor:
    """XYB of linear light (N, 3, H, W), shifted as SSIMULACRA2 does, so that all channels are positive."""
    matrix = torch.tensor(OPSIN, dtype=linear.dtype, device=linear.device)
    mixed = torch.einsum("ij,njhw->nihw", matrix, linear) + OPSIN_BIAS
    roots = mixed.clamp(min=1e-12) ** (1 / 3) - OPSIN_BIAS ** (1 / 3)
    x, y, b = 0.5 * (roots[:, :1] - roots[:, 1:2]), 0.5 * (roots[:, :1] + roots[:, 1:2]), roots[:, 2:]
    return torch.cat([x * 14.0 + 0.42, y + 0.01, (b - y) + 0.55], dim=1)
