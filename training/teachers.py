"""SSIMULACRA2 as a teacher: batched, differentiable torch arithmetic with the weights of the ``ssimulacra2`` package.

Follows the reference implementation (libjxl, ``tools/ssimulacra2.cc``, v2.1): six scales in XYB, Gaussian blur of sigma
1.5, an SSIM map and two edge maps per channel, 1-norm and 4-norm of each, 108 weights, a cubic and a power. The blur is
zero-padded at the sides and symmetric at top and bottom, as the package does it; ``tests/unit/test_teachers.py`` holds
the two together within 0.05.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from ssimulacra2.ssimulacra2 import (
    kB0,
    kC2,
    kOpsinAbsorbanceMatrix,
    weights,
)
from torch import Tensor

from models.types import Rgb8

SCALES = 6
SIGMA = 1.5
RADIUS = 5  # SciPy's int(truncate * sigma + 0.5) with truncate 3.33


def srgb_to_tensor(pixels: Rgb8) -> Tensor:
    """uint8 (N, H, W, 3) or (H, W, 3) to float32 (N, 3, H, W) in [0, 1]."""
    batch = pixels if pixels.ndim == 4 else pixels[None]
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(batch, -1, 1))).float() / 255


def ssimulacra2(reference: Tensor, distorted: Tensor) -> Tensor:
    """SSIMULACRA2 of each pair: sRGB float32 (N, 3, H, W) in [0, 1], sides >= 8; returns (N,), 100 = identical."""
    linear1, linear2 = _linear(reference), _linear(distorted)
    penalty = reference.new_zeros(reference.shape[0])
    table = _weight_table(min(SCALES, 1 + int(math.log2(min(reference.shape[-2:]) / 8))))
    for scale_weights in table:
        penalty = penalty + _scale_penalty(_positive_xyb(linear1), _positive_xyb(linear2), scale_weights)
        linear1, linear2 = _halve(linear1), _halve(linear2)
    return _to_score(penalty)


def ssimulacra2_of_arrays(reference: Rgb8, distorted: Rgb8) -> np.ndarray:
    """SSIMULACRA2 of uint8 (N, H, W, 3) or (H, W, 3) pairs, as float64 (N,), without gradients."""
    with torch.inference_mode():
        return ssimulacra2(srgb_to_tensor(reference), srgb_to_tensor(distorted)).double().numpy()


def error_maps(reference: Tensor, distorted: Tensor) -> list[list[Tensor]]:
    """The metric's maps before pooling: SSIM error, added and lost edges of each scale, (N, 3, H >> s, W >> s)."""
    linear1, linear2 = _linear(reference), _linear(distorted)
    maps = []
    for _ in range(SCALES):
        maps.append(_error_maps(_positive_xyb(linear1), _positive_xyb(linear2)))
        linear1, linear2 = _halve(linear1), _halve(linear2)
    return maps


def score_of_cells(maps: list[list[Tensor]], cell: int | None) -> Tensor:
    """SSIMULACRA2 of each square cell *in its photo*: norms of ``error_maps`` of one pair taken over cells.

    ``cell``: pixels, a multiple of 32; None takes the whole photo. Incomplete cells are left out.
    Returns: (rows, columns).
    """
    height, width = maps[0][0].shape[2:]
    rows, columns = (1, 1) if cell is None else (height // cell, width // cell)
    penalty = torch.zeros(rows, columns)
    for scale, scale_weights in enumerate(_weight_table(SCALES)):
        for index, error in enumerate(maps[scale]):
            side = error.shape[2:] if cell is None else (cell >> scale, cell >> scale)
            fourth = F.avg_pool2d(error**4, side)[0].clamp(min=1e-30) ** 0.25
            norms = torch.stack([F.avg_pool2d(error, side)[0], fourth], dim=1)[:, :, :rows, :columns]
            table = torch.as_tensor(scale_weights[:, :, index], dtype=error.dtype)
            penalty = penalty + torch.einsum("cn,cnhw->hw", table, norms)
    return _to_score(penalty)


def _weight_table(scales: int) -> list[np.ndarray]:
    """Per scale, weights (3 channels, 2 norms, 3 maps). The package lists them channel, scale, norm, map."""
    flat = weights[: 3 * scales * 6].reshape(3, scales, 2, 3)
    return [flat[:, scale] for scale in range(scales)]


def _linear(srgb: Tensor) -> Tensor:
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb.clamp(min=0.04) + 0.055) / 1.055) ** 2.4)


def _positive_xyb(linear: Tensor) -> Tensor:
    matrix = torch.as_tensor(kOpsinAbsorbanceMatrix.reshape(3, 3), dtype=linear.dtype)
    mixed = torch.einsum("ij,njhw->nihw", matrix, linear) + kB0
    roots = mixed.clamp(min=1e-12) ** (1 / 3) - kB0 ** (1 / 3)
    x, y, b = 0.5 * (roots[:, 0] - roots[:, 1]), 0.5 * (roots[:, 0] + roots[:, 1]), roots[:, 2]
    return torch.stack([x * 14.0 + 0.42, y + 0.01, (b - y) + 0.55], dim=1)


def _halve(image: Tensor) -> Tensor:
    return F.avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)


def _blur(image: Tensor) -> Tensor:
    offsets = torch.arange(-RADIUS, RADIUS + 1, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (offsets / SIGMA) ** 2)
    kernel = kernel / kernel.sum()
    channels = image.shape[1]
    tall = torch.cat([image[..., :RADIUS, :].flip(-2), image, image[..., -RADIUS:, :].flip(-2)], dim=-2)
    columns = F.conv2d(tall, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(columns, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), padding=(0, RADIUS), groups=channels)


def _norms(error: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, 2): mean, and fourth root of the mean fourth power."""
    fourth = (error**4).mean((2, 3)).clamp(min=1e-30) ** 0.25
    return torch.stack([error.mean((2, 3)), fourth], dim=-1)


def _error_maps(image1: Tensor, image2: Tensor) -> list[Tensor]:
    """SSIM error, added edges and lost edges at each pixel, each (N, 3, H, W), of one scale in positive XYB."""
    blurred = _blur(torch.cat([image1, image2, image1 * image1, image2 * image2, image1 * image2], dim=1))
    mu1, mu2, square1, square2, product = blurred.chunk(5, dim=1)
    structure = (2 * (product - mu1 * mu2) + kC2) / ((square1 - mu1 * mu1) + (square2 - mu2 * mu2) + kC2)
    ssim_error = (1 - (1 - (mu1 - mu2) ** 2) * structure).clamp(min=0)
    edge_ratio = (1 + (image2 - mu2).abs()) / (1 + (image1 - mu1).abs()) - 1
    return [ssim_error, edge_ratio.clamp(min=0), (-edge_ratio).clamp(min=0)]


def _scale_penalty(image1: Tensor, image2: Tensor, scale_weights: np.ndarray) -> Tensor:
    maps = [_norms(error) for error in _error_maps(image1, image2)]
    table = torch.as_tensor(scale_weights, dtype=image1.dtype)
    return (torch.stack(maps, dim=-1) * table).sum((1, 2, 3))


def _to_score(penalty: Tensor) -> Tensor:
    p = penalty * 0.9562382616834844
    p = 2.326765642916932 * p - 0.020884521182843837 * p**2 + 6.248496625763138e-05 * p**3
    return torch.where(p > 0, 100 - 10 * p.clamp(min=1e-9) ** 0.6276336467831387, torch.full_like(p, 100.0))
