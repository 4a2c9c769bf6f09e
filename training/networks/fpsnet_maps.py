"""FPSNet's maps without learning (section 2.2), in torch for training: focus, contrast and pattern complexity of luma.

A re-blur ratio stands for the defocus map of Shi 2015, a smooth count of orientations for Wu 2017's pattern complexity.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.jnd.feature_maps import DEVIATION_FLOOR, FOCUS_FLOOR, GRADIENT_FLOOR, ORIENTATION_FLOOR, ORIENTATIONS
from training.maths.blur import gaussian_blur, gaussian_weights
from training.maths.gradients import prewitt

BASE_EXPONENT = 0.75
"""Thresholds start from local contrast to this power: of the exponents tried on val (0.5, 0.75, 1) the one
with the lowest butteraugli norm at equal energy."""
CONTRAST_FLOOR = 5.3
"""Luma levels; keeps the starting threshold of flat regions above zero."""


def log_contrast(deviation: Tensor) -> Tensor:
    """Logarithm of local contrast in luma levels, from local standard deviation in luma levels."""
    return torch.log(deviation * deviation + CONTRAST_FLOOR**2) / 2


def local_deviation(luma: Tensor, sigma: float = 1.5) -> Tensor:
    """Gaussian-weighted standard deviation (N, 1, H, W), in luma levels, at least ``DEVIATION_FLOOR``.

    The variance within rows, averaged, plus that of the rows' means, each from squared distances to the mean: a
    difference of squares would lose up to 0.006 levels in float32, which the network makes two parts in 10,000 of.
    """
    weights = gaussian_weights(sigma, math.ceil(3 * sigma), luma)
    size = len(weights)
    to_mean = (torch.eye(size, dtype=luma.dtype, device=luma.device) - weights)[:, None]
    pooled, along, down = weights.view(1, size, 1, 1), weights.view(1, 1, 1, size), weights.view(1, 1, size, 1)
    padded = F.pad(luma, (size // 2,) * 4, mode="replicate")
    across = F.conv2d(padded, to_mean[:, :, None])
    between = F.conv2d(F.conv2d(padded, along), to_mean[..., None])
    within_rows, of_rows = (F.conv2d(distances * distances, pooled) for distances in (across, between))
    return torch.sqrt(F.conv2d(within_rows, down) + of_rows + DEVIATION_FLOOR**2)


class FeatureMaps(nn.Module):
    """Section 2.2 without learning: luma (N, 1, H, W), 0..255, to focus, perceptual maps and local deviation."""

    perceptual_channels = 3

    def forward(self, luma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Focus (N, 1, H, W); perceptual (N, 3, H/2, W/2): contrast, complexity, their product; deviation."""
        rows, columns = gradients(luma)
        deviation = local_deviation(luma)
        contrast = F.avg_pool2d(torch.log2(1 + deviation) / 4, 2)
        complexity = pattern_complexity(rows, columns)
        focus = focus_map(luma, rows, columns)
        return focus, torch.cat([contrast, complexity, contrast * complexity], dim=1), deviation


def pattern_complexity(rows: Tensor, columns: Tensor) -> Tensor:
    """Effective number of gradient orientations in 5x5 pixels, over ``ORIENTATIONS``: (N, 1, H/2, W/2).

    Low along an edge, high in a texture. Wu et al. 2017 count the non-empty bins of an orientation histogram; this is
    its smooth counterpart, the inverse Simpson index of the energy per orientation: the fourth power of the derivative
    that way over the squared gradient. Its mean follows from those of five products, whatever the orientations.
    """
    angles = torch.arange(ORIENTATIONS, dtype=rows.dtype, device=rows.device) * (math.pi / ORIENTATIONS)
    cosine, sine = torch.cos(angles), torch.sin(angles)
    binomial = [math.comb(4, power) * cosine ** (4 - power) * sine**power for power in range(5)]
    expansion = torch.stack(binomial, 1).view(ORIENTATIONS, 5, 1, 1)
    across, mixed, down = columns * columns, rows * columns, rows * rows
    share = 1 / (across + down + GRADIENT_FLOOR)
    across_share, down_share = across * share, down * share
    products = [
        across * across_share,
        mixed * across_share,
        mixed * mixed * share,
        mixed * down_share,
        down * down_share,
    ]
    means = F.avg_pool2d(torch.cat(products, dim=1), 5, stride=2, padding=2, count_include_pad=False)
    energy = F.conv2d(means, expansion) + ORIENTATION_FLOOR
    total = energy.sum(1, keepdim=True)
    return total * total / (ORIENTATIONS * (energy * energy).sum(1, keepdim=True))


def focus_map(luma: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Share of gradient that one more blur destroys, (N, 1, H, W) in [0, 1]: high in focus, low where blurred."""
    blurred_rows, blurred_columns = gradients(gaussian_blur(luma, 1.5))
    sharp = rows * rows + columns * columns
    blurred = blurred_rows * blurred_rows + blurred_columns * blurred_columns
    sharp, blurred = gaussian_blur(torch.cat([sharp, blurred], dim=1), 3.0).chunk(2, dim=1)
    return 1 - torch.sqrt((blurred + FOCUS_FLOOR) / (sharp + FOCUS_FLOOR)).clamp(max=1)


def gradients(luma: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives down and across (N, 1, H, W), in luma levels per pixel, edges replicated."""
    down, across = prewitt(F.pad(luma, (1, 1, 1, 1), mode="replicate"), spacing=2).chunk(2, dim=1)
    return down, across
