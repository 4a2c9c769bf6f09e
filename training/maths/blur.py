"""Separable blurs of planes (N, C, H, W) as two convolutions."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def gaussian_weights(sigma: float, radius: int, like: Tensor) -> Tensor:
    """Weights (2 radius + 1,) that sum to one, of the type and on the device of ``like``."""
    offsets = torch.arange(-radius, radius + 1, dtype=like.dtype, device=like.device)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    return weights / weights.sum()


def separable(planes: Tensor, kernel: Tensor, *, padding: tuple[int, int] = (0, 0)) -> Tensor:
    """Each channel convolved with ``kernel`` (K,) down the columns, then along the rows.

    ``padding``: rows and columns of zeros at each side. Returns: (N, C, H + 2 rows - K + 1, W + 2 columns - K + 1).
    """
    channels, (rows, columns) = planes.shape[1], padding
    down, along = (kernel.view(1, 1, *shape).expand(channels, 1, *shape) for shape in ((-1, 1), (1, -1)))
    blurred = F.conv2d(planes, down, groups=channels, padding=(rows, 0))
    return F.conv2d(blurred, along, groups=channels, padding=(0, columns))


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Each channel of (N, C, H, W) blurred, edges replicated; the kernel reaches 3 sigma."""
    radius = math.ceil(3 * sigma)
    padded = F.pad(image, (radius,) * 4, mode="replicate")
    return separable(padded, gaussian_weights(sigma, radius, image))
