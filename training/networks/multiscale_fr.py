"""The multi-scale full-reference network (multiscale-fr-iqa.md, section II.A, figures 2 and 3)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.residual_score import bounded_quality, to_ycbcr

PATCH = 128
KERNELS = (8, 8, 16, 16, 32)
PYRAMID_BINS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class MultiscaleWidths:
    """Fully connected layers, whether chroma residuals join the luma residual, and whether the score is bounded."""

    hidden: tuple[int, int]
    colour_residual: bool
    bounded: bool


# The published network sees luma only, and so cannot see a change of chroma; ``lite`` adds the residuals of Cb and Cr.
PRESETS = {
    "paper": MultiscaleWidths((2048, 1024), colour_residual=False, bounded=False),
    "lite": MultiscaleWidths((96, 48), colour_residual=True, bounded=True),
}


class Stream(nn.Module):
    """Five 3x3 convolutions of 8-8-16-16-32 kernels, 2x2 max-pool after the first four, batch normalisation, ELU.

    Pooling before normalisation and ELU gives the same maps wherever the normalisation's slope is positive, since ELU
    rises, and touches a quarter of the values.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        stages = []
        for index, width in enumerate(KERNELS):
            pool = nn.MaxPool2d(2) if index < len(KERNELS) - 1 else nn.Identity()
            stages.append(
                nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), pool, nn.BatchNorm2d(width), nn.ELU())
            )
            channels = width
        self.stages = nn.ModuleList(stages)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Output of each stage; the last one is 8x8 for a patch of 128."""
        outputs: list[Tensor] = []
        for stage in self.stages:
            image = stage(image)
            outputs.append(image)
        return outputs


def spatial_pyramid(maps: Tensor) -> Tensor:
    """Four-level max pooling to 1x1, 2x2, 4x4 and 8x8 bins (figure 3): (N, 32, 8, 8) to (N, 32 * 85)."""
    side = maps.shape[-1]
    return torch.cat([F.max_pool2d(maps, side // bins).flatten(1) for bins in PYRAMID_BINS], dim=1)


class MultiscaleFr(nn.Module):
    """Streams of the distorted luma and of the residual, spatial pyramid pooling, feature pyramid, FC 2048-1024-1.

    The feature pyramid adds the stages of the distorted stream, each pooled to 2x2. ``paper`` regresses the score
    directly; ``lite`` bounds it by the residual (``bounded_quality``): 100 exactly for equal patches. Inputs:
    reference, distorted (N, 3, 128, 128), sRGB in [0, 1]. Output: score (N,), higher is better.
    """

    def __init__(self, preset: str = "lite") -> None:
        super().__init__()
        widths = PRESETS[preset]
        self.colour_residual = widths.colour_residual
        self.bounded = widths.bounded
        self.distorted = Stream(1)
        self.residual = Stream(3 if widths.colour_residual else 1)
        pooled = 2 * KERNELS[-1] * sum(bins * bins for bins in PYRAMID_BINS)
        pyramid = 4 * sum(KERNELS[:-1])
        first, second = widths.hidden
        self.regression = nn.Sequential(
            nn.Linear(pooled + pyramid, first),
            nn.ELU(),
            nn.Dropout(0.25 if widths.bounded else 0.0),
            nn.Linear(first, second),
            nn.ELU(),
            nn.Linear(second, 1),
        )

    def forward(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """Score of each pair."""
        difference = to_ycbcr(distorted - reference)
        luma = to_ycbcr(distorted)[:, :1]
        residual = difference.abs() if self.colour_residual else difference[:, :1].abs()
        seen = self.distorted((luma - 0.5) * 4)
        changed = self.residual(_spread(residual))
        levels = [F.adaptive_max_pool2d(stage, 2).flatten(1) for stage in seen[:-1]]
        value = self.regression(torch.cat([spatial_pyramid(seen[-1]), spatial_pyramid(changed[-1]), *levels], dim=1))[
            :, 0
        ]
        return 100 * bounded_quality(value, difference) if self.bounded else torch.as_tensor(value)


def _spread(residual: Tensor) -> Tensor:
    """Small residuals made large enough to learn from: 5 levels become 1, 50 levels 3.6."""
    return torch.log1p(residual * 255 / 3)
