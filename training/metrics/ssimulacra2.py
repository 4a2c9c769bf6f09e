"""SSIMULACRA2 as a teacher: batched, differentiable torch arithmetic with the weights of the ``ssimulacra2`` package.

Follows the reference implementation (libjxl, ``tools/ssimulacra2.cc``, v2.1): six scales in XYB, Gaussian blur of sigma
1.5, an SSIM map and two edge maps per channel, 1-norm and 4-norm of each, 108 weights, a cubic and a power.

The package and the reference blur differently at the photo's edges, and for noise that matters: with the package's
symmetric rows at top and bottom, 10 of 512 rows of Kodak 20 hold nearly all of the fourth power of the SSIM error and
cost 9.5 points; the reference pads with zeros, whose large variance hides errors there. ``edges`` says which is meant.
``tests/unit/training/metrics/test_ssimulacra2.py`` holds "package" to the package within 0.05; on 50 pairs of photos
the two differ by 0.15 at most (``python -m tests.benchmarks.teacher_agreement PHOTO_DIR``).
"""

import math
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from ssimulacra2.ssimulacra2 import (
    kC2,
    weights,
)
from torch import Tensor

from models.types import Rgb8
from training.maths.blur import gaussian_weights, separable
from training.maths.colour import linear_light, positive_xyb

SCALES = 6
SIGMA = 1.5
RADIUS = 5  # SciPy's int(truncate * sigma + 0.5) with truncate 3.33
RECURSIVE_TAPS = (0.26462111, 0.21292859, 0.10933537, 0.036011115, 0.0094143678)
"""The reference's kernel at offsets 0..4: three cosines over 5 pixels with the sum and the variance of a Gaussian of
sigma 1.5 (Charalampidis, "Recursive implementation of the Gaussian filter using truncated cosine functions", 2016)."""
BORDER = 32
"""Pixels at each side that "inner" leaves out of the means: the same area at every scale."""

Edges = Literal["package", "reference", "inner"]
"""Blur at the edges as the Python package does it, as libjxl does it, or as libjxl but without the errors of a border,
for crops: whoever asks for "inner" should not count noise in the border either, or all noise will end up there."""


def srgb_to_tensor(pixels: Rgb8) -> Tensor:
    """uint8 (N, H, W, 3) or (H, W, 3) to float32 (N, 3, H, W) in [0, 1]."""
    batch = pixels if pixels.ndim == 4 else pixels[None]
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(batch, -1, 1))).float() / 255


def ssimulacra2(reference: Tensor, distorted: Tensor, *, edges: Edges = "package") -> Tensor:
    """SSIMULACRA2 of each pair: sRGB float32 (N, 3, H, W) in [0, 1], sides >= 8; returns (N,), 100 = identical."""
    linear1, linear2 = linear_light(reference), linear_light(distorted)
    penalty = reference.new_zeros(reference.shape[0])
    table = weight_table(min(SCALES, 1 + int(math.log2(min(reference.shape[-2:]) / 8))))
    for scale, scale_weights in enumerate(table):
        errors = _error_maps(positive_xyb(linear1), positive_xyb(linear2), edges)
        if edges == "inner":
            errors = [inner(error, max(BORDER >> scale, 1)) for error in errors]
        penalty = penalty + _scale_penalty(errors, scale_weights)
        linear1, linear2 = _halve(linear1), _halve(linear2)
    return score_of_penalty(penalty)


def ssimulacra2_of_arrays(reference: Rgb8, distorted: Rgb8, *, edges: Edges = "package") -> np.ndarray:
    """SSIMULACRA2 of uint8 (N, H, W, 3) or (H, W, 3) pairs, as float64 (N,), without gradients."""
    with torch.inference_mode():
        return ssimulacra2(srgb_to_tensor(reference), srgb_to_tensor(distorted), edges=edges).double().numpy()


def error_maps(reference: Tensor, distorted: Tensor) -> list[list[Tensor]]:
    """The metric's maps before pooling: SSIM error, added and lost edges of each scale, (N, 3, H >> s, W >> s)."""
    linear1, linear2 = linear_light(reference), linear_light(distorted)
    maps = []
    for _ in range(SCALES):
        maps.append(_error_maps(positive_xyb(linear1), positive_xyb(linear2)))
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
    for scale, scale_weights in enumerate(weight_table(SCALES)):
        for index, error in enumerate(maps[scale]):
            side = error.shape[2:] if cell is None else (cell >> scale, cell >> scale)
            fourth = F.avg_pool2d(error**4, side)[0].clamp(min=1e-30) ** 0.25
            norms = torch.stack([F.avg_pool2d(error, side)[0], fourth], dim=1)[:, :, :rows, :columns]
            table = torch.as_tensor(scale_weights[:, :, index], dtype=error.dtype)
            penalty = penalty + torch.einsum("cn,cnhw->hw", table, norms)
    return score_of_penalty(penalty)


def weight_table(scales: int) -> list[np.ndarray]:
    """Per scale, weights (3 channels, 2 norms, 3 maps). The package lists them channel, scale, norm, map."""
    flat = weights[: 3 * scales * 6].reshape(3, scales, 2, 3)
    return [flat[:, scale] for scale in range(scales)]


def _halve(image: Tensor) -> Tensor:
    return F.avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)


def _blur(image: Tensor, edges: Edges = "package") -> Tensor:
    if edges == "package":
        image = torch.cat([image[..., :RADIUS, :].flip(-2), image, image[..., -RADIUS:, :].flip(-2)], dim=-2)
        return separable(image, gaussian_weights(SIGMA, RADIUS, image), padding=(0, RADIUS))
    reach = len(RECURSIVE_TAPS) - 1
    return separable(image, image.new_tensor([*RECURSIVE_TAPS[:0:-1], *RECURSIVE_TAPS]), padding=(reach, reach))


def _norms(error: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, 2): mean, and fourth root of the mean fourth power."""
    fourth = (error**4).mean((2, 3)).clamp(min=1e-30) ** 0.25
    return torch.stack([error.mean((2, 3)), fourth], dim=-1)


def _error_maps(image1: Tensor, image2: Tensor, edges: Edges = "package") -> list[Tensor]:
    """SSIM error, added edges and lost edges at each pixel, each (N, 3, H, W), of one scale in positive XYB."""
    blurred = _blur(torch.cat([image1, image2, image1 * image1, image2 * image2, image1 * image2], dim=1), edges)
    mu1, mu2, square1, square2, product = blurred.chunk(5, dim=1)
    structure = (2 * (product - mu1 * mu2) + kC2) / ((square1 - mu1 * mu1) + (square2 - mu2 * mu2) + kC2)
    ssim_error = (1 - (1 - (mu1 - mu2) ** 2) * structure).clamp(min=0)
    edge_ratio = (1 + (image2 - mu2).abs()) / (1 + (image1 - mu1).abs()) - 1
    return [ssim_error, edge_ratio.clamp(min=0), (-edge_ratio).clamp(min=0)]


def inner(plane: Tensor, border: int = BORDER) -> Tensor:
    """(N, C, H, W) without ``border`` rows and columns at each side."""
    return plane[..., border:-border, border:-border]


def _scale_penalty(errors: list[Tensor], scale_weights: np.ndarray) -> Tensor:
    maps = [_norms(error) for error in errors]
    table = torch.as_tensor(scale_weights, dtype=maps[0].dtype, device=maps[0].device)
    return (torch.stack(maps, dim=-1) * table).sum((1, 2, 3))


def score_of_penalty(penalty: Tensor) -> Tensor:
    """Sum of weighted norms (N,) to SSIMULACRA2; 100 for no penalty."""
    p = penalty * 0.9562382616834844
    p = 2.326765642916932 * p - 0.020884521182843837 * p**2 + 6.248496625763138e-05 * p**3
    return torch.where(p > 0, 100 - 10 * p.clamp(min=1e-9) ** 0.6276336467831387, torch.full_like(p, 100.0))


_PENALTIES = np.concatenate([np.linspace(0, 20, 4001), np.geomspace(20.01, 2000, 4000)])
_SCORES = score_of_penalty(torch.from_numpy(_PENALTIES)).numpy()


def penalty_of_score(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of ``score_of_penalty``; the score saturates near -64, and so does what is found for it."""
    return np.asarray(np.interp(-score, -_SCORES, _PENALTIES))
