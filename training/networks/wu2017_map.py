"""FPSNet's perceptual map as published (section 2.2): the JND of Wu et al. 2017, from luma inside the graph.

The formula is that of ``training.experiments.jnd.wu2017`` without its edge protection, whose edges that grow along
chains of pixels (Canny) no graph can follow; equation numbers are those of Wu, Li, Dong, Shi, Lin and Kuo, IEEE
Transactions on Image Processing 26, 2017.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

ORIENTATION_BINS = 15
"""Of 12 degrees each over half a turn; the one above holds 180 degrees, and one more is for what is smooth."""
SMOOTH_GRADIENT = 5.0
_BACKGROUND = ((1, 1, 1, 1, 1), (1, 2, 2, 2, 1), (1, 2, 0, 2, 1), (1, 2, 2, 2, 1), (1, 1, 1, 1, 1))


def wu2017_map(luma: Tensor) -> Tensor:
    """Thresholds (N, 1, H, W) in luma levels of luma (N, 1, H, W), 0..255 (equation 14)."""
    adaptation, contrast = luminance_adaptation(luma), local_contrast(luma)
    complexity = pattern_complexity(luma)
    pattern = contrast * (0.3 * complexity**2.7 / (complexity**2 + 1))
    masking = torch.maximum(0.115 * 16 * contrast**2.4 / (contrast**2 + 26**2), pattern)
    return adaptation + masking - 0.3 * torch.minimum(adaptation, masking)


def luminance_adaptation(luma: Tensor) -> Tensor:
    """Equation 13, in luma levels: Weber's law in the light, a root in the dark."""
    weights = torch.tensor(_BACKGROUND, dtype=luma.dtype, device=luma.device)[None, None] / 32
    background = torch.floor(F.conv2d(luma, weights, padding=2))
    background = torch.where(background <= 127, torch.round(32 + background * (95 / 127)), background)
    dark = 17 * (1 - torch.sqrt(background.clamp(max=127) / 127)) + 3
    return 0.7 * torch.where(background < 127, dark, 3 / 128 * (background - 127) + 3)


def local_contrast(luma: Tensor) -> Tensor:
    """Equation 7: standard deviation over 5x5 pixels, zero at the border, in luma levels."""
    centred = luma - 128  # so that less is lost where squares are subtracted
    mean = F.avg_pool2d(centred, 5, stride=1)
    variance = F.avg_pool2d(centred * centred, 5, stride=1) - mean * mean
    return F.pad(torch.sqrt(variance.clamp(min=0)), (2, 2, 2, 2))


def pattern_complexity(luma: Tensor) -> Tensor:
    """Equation 6: number of different orientations in 3x3 pixels, smoothed; 1 where the centre is smooth."""
    slope = torch.tensor([[-1.0, 0.0, 1.0]] * 3, dtype=luma.dtype, device=luma.device) / 3
    slopes = torch.stack([slope, slope.T])[:, None]
    across, down = F.conv2d(F.pad(luma, (1, 1, 1, 1), mode="replicate"), slopes).chunk(2, dim=1)
    rough = across * across + down * down >= SMOOTH_GRADIENT**2
    degrees = torch.remainder(torch.round(torch.rad2deg(torch.atan2(down, across))) + 90, 180)
    bins = torch.where(rough, torch.round(degrees / 12), torch.full_like(degrees, ORIENTATION_BINS + 1))
    values = torch.arange(ORIENTATION_BINS + 2, dtype=luma.dtype, device=luma.device).view(1, -1, 1, 1)
    seen = F.max_pool2d((bins == values).to(luma.dtype), 3, stride=1, padding=1).sum(1, keepdim=True)
    count = torch.where(rough, seen, torch.ones_like(seen))
    count = F.pad(count[..., 1:-1, 1:-1], (1, 1, 1, 1), value=1.0)
    offsets = torch.exp(-0.5 * torch.tensor([1.0, 0.0, 1.0], dtype=luma.dtype, device=luma.device))
    kernel = (offsets[:, None] * offsets[None] / offsets.sum() ** 2)[None, None]
    return F.conv2d(F.pad(count, (1, 1, 1, 1), mode="replicate"), kernel)
