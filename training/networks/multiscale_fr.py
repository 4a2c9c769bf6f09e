"""The multi-scale full-reference network (multiscale-fr-iqa.md, section II.A, figures 2 and 3) and its ablations."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.maths.colour import to_ycbcr
from training.networks.pair_statistics import PairStatistics, ssimulacra2_of_statistics
from training.networks.teacher_line import leaning_to_ssimulacra2, score_of_ssimulacra2

PATCH = 128
KERNELS = (8, 8, 16, 16, 32)
PYRAMID_BINS = (1, 2, 4, 8)
# A chroma error counts this much of a luma error of the same size in the size of the residual.
CHROMA_SHARE = 0.5
# Residual (fraction of the full range) at which a network output of zero halves the score: 15 levels, about 25 dB.
HALF_SCORE_RESIDUAL = 15 / 255
# The penalty grows with this power of the residual: people's MOS in TID2013 fall by 1/5 of the scale from 33 to 27 dB.
EXPONENT = 0.8


@dataclass(frozen=True, slots=True)
class MultiscaleShape:
    """Which parts a network has.

    ``top_down``: the feature pyramid is that of Lin et al. 2017, as published; without it the stages are pooled as they
    are. ``summary``: width of one more FC layer between the streams and the rest, none if 0. ``bounded``: the score is
    100 exactly for equal patches, at any weights; takes SSIMULACRA2 from the statistics.
    """

    hidden: tuple[int, int]
    distorted_stream: bool = True
    residual_stream: bool = True
    spatial_pyramid: bool = True
    feature_pyramid: bool = True
    top_down: bool = True
    summary: int = 0
    statistics: bool = False
    bounded: bool = False


PRESETS = {
    "paper": MultiscaleShape((2048, 1024)),
    # Not in the paper: the published network sees luma only and has thousands of opinions to learn from. ``lite`` joins
    # what the classical metrics measure (``PairStatistics``, chroma too) to a summary of the streams before the smaller
    # FC layers, and leans to SSIMULACRA2 near the original (``teacher_line``).
    "lite": MultiscaleShape((192, 96), top_down=False, summary=48, statistics=True, bounded=True),
}
ABLATIONS = {
    "distorted image": MultiscaleShape(
        (2048, 1024), residual_stream=False, spatial_pyramid=False, feature_pyramid=False
    ),
    "residual map": MultiscaleShape((2048, 1024), distorted_stream=False, spatial_pyramid=False, feature_pyramid=False),
    "direct concat": MultiscaleShape((2048, 1024), spatial_pyramid=False, feature_pyramid=False),
    "without spatial pyramid": MultiscaleShape((2048, 1024), spatial_pyramid=False),
    "without feature pyramid": MultiscaleShape((2048, 1024), feature_pyramid=False),
    "proposed": PRESETS["paper"],
}
"""Table II's columns by name; the two in the middle take its last step apart. A stream without pyramid is flattened."""


class Stream(nn.Module):
    """Five 3x3 convolutions of 8-8-16-16-32 kernels, 2x2 max-pool after the first four, batch normalisation, ELU.

    Pooling before normalisation and ELU gives the same maps wherever the normalisation's slope is positive, since ELU
    rises, and touches a quarter of the values.
    """

    def __init__(self) -> None:
        super().__init__()
        stages, channels = [], 1
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


class FeaturePyramid(nn.Module):
    """Top-down pathway and lateral connections over the stages of a stream (Lin et al. 2017, the paper's [29]).

    A 1x1 convolution brings each stage to ``KERNELS[-1]`` channels, the next deeper map is added at twice its size
    (nearest neighbour), and a 3x3 convolution smooths the sum. The paper gives neither the width nor how the maps enter
    the fully connected layers: here each is pooled to 2x2.
    """

    bins = 2

    def __init__(self) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(width, KERNELS[-1], 1) for width in KERNELS)
        self.smooth = nn.ModuleList(nn.Conv2d(KERNELS[-1], KERNELS[-1], 3, padding=1) for _ in KERNELS[:-1])

    def forward(self, stages: list[Tensor]) -> list[Tensor]:
        """Outputs of the five stages to vectors (N, 4 * 32) of the first four levels."""
        above = self.lateral[-1](stages[-1])
        vectors = []
        for index in reversed(range(len(stages) - 1)):
            above = self.lateral[index](stages[index]) + F.interpolate(above, size=stages[index].shape[2:])
            vectors.append(F.adaptive_max_pool2d(self.smooth[index](above), self.bins).flatten(1))
        return vectors[::-1]


class Streams(nn.Module):
    """The convolutional half: streams of the distorted luma and of the residual, their pyramids, concatenated.

    The feature pyramid adds the first four levels of the distorted stream, each pooled to 2x2.
    """

    def __init__(self, shape: MultiscaleShape) -> None:
        super().__init__()
        self.shape = shape
        self.distorted = Stream() if shape.distorted_stream else None
        self.residual = Stream() if shape.residual_stream else None
        streams = shape.distorted_stream + shape.residual_stream
        bins = sum(count * count for count in PYRAMID_BINS) if shape.spatial_pyramid else PYRAMID_BINS[-1] ** 2
        self.pyramid = FeaturePyramid() if shape.feature_pyramid and shape.top_down else None
        levels = len(KERNELS[:-1]) * KERNELS[-1] if shape.top_down else sum(KERNELS[:-1])
        self.count = streams * KERNELS[-1] * bins + (4 * levels if shape.feature_pyramid else 0)

    def forward(self, luma: Tensor, residual: Tensor) -> Tensor:
        """Distorted luma and absolute residual, each (N, 1, 128, 128) in [0, 1], to (N, ``count``)."""
        parts: list[Tensor] = []
        if self.distorted is not None:
            seen = self.distorted((luma - 0.5) * 4)
            parts.append(self._pooled(seen[-1]))
            if self.pyramid is not None:
                parts += self.pyramid(seen)
            elif self.shape.feature_pyramid:
                parts += [F.adaptive_max_pool2d(stage, 2).flatten(1) for stage in seen[:-1]]
        if self.residual is not None:
            parts.append(self._pooled(self.residual(_spread(residual))[-1]))
        return torch.cat(parts, dim=1)

    def _pooled(self, maps: Tensor) -> Tensor:
        return spatial_pyramid(maps) if self.shape.spatial_pyramid else maps.flatten(1)


class MultiscaleFr(nn.Module):
    """Streams, statistics where the shape has them, and the FC layers that turn both into a score.

    ``paper`` regresses the score directly; ``lite`` turns v, the FC output mixed with what SSIMULACRA2 stands for, and
    the size of the residual into 100 / (1 + exp(v) * size), which is 100 exactly for equal patches. Inputs: reference,
    distorted (N, 3, 128, 128), sRGB in [0, 1]. Output: score (N,), higher is better.
    """

    def __init__(self, preset: str = "lite", *, shape: MultiscaleShape | None = None) -> None:
        super().__init__()
        self.shape = shape or PRESETS[preset]
        self.streams = Streams(self.shape)
        self.summary = Summary(self.streams.count, self.shape.summary) if self.shape.summary else nn.Identity()
        self.statistics = PairStatistics() if self.shape.statistics else None
        inputs = (self.shape.summary or self.streams.count) + (PairStatistics.count if self.shape.statistics else 0)
        self.head = Head(inputs, self.shape)

    def forward(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """Score of each pair."""
        return torch.as_tensor(self.head(self.features(reference, distorted), residual_size(reference, distorted)))

    def features(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """What the FC layers see: (N, F), the streams first, then the statistics."""
        parts = [self.seen(reference, distorted)]
        if self.statistics is not None:
            parts.append(self.statistics(reference, distorted))
        return torch.cat(parts, dim=1)

    def seen(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """What the streams see: (N, S), or their summary."""
        luma = to_ycbcr(distorted)[:, :1]
        residual = (luma - to_ycbcr(reference)[:, :1]).abs()
        return torch.as_tensor(self.summary(self.streams(luma, residual)))


class Summary(nn.Sequential):
    """One FC layer and ELU over what the streams give."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(nn.Dropout(0.1), nn.Linear(inputs, width), nn.ELU())


class Head(nn.Module):
    """The FC layers. ``mean`` and ``deviation`` bring every input to one scale; they come from the training pairs."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, inputs: int, shape: MultiscaleShape) -> None:
        super().__init__()
        self.bounded = shape.bounded
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("deviation", torch.ones(inputs))
        first, second = shape.hidden
        dropout = 0.25 if shape.bounded else 0.0
        self.layers = nn.Sequential(
            nn.Linear(inputs, first),
            nn.ELU(),
            nn.Dropout(dropout),
            nn.Linear(first, second),
            nn.ELU(),
            nn.Linear(second, 1),
        )

    def forward(self, features: Tensor, size: Tensor) -> Tensor:
        """Features (N, F) and residual sizes (N,) to scores (N,)."""
        scaled = ((features - self.mean) / self.deviation).clamp(-8, 8)
        value = self.layers(scaled)[:, 0]
        if not self.bounded:
            return torch.as_tensor(value)
        ssimulacra2 = ssimulacra2_of_statistics(features[:, -PairStatistics.count :])
        taught = _value_of_score(score_of_ssimulacra2(ssimulacra2), size)
        return 100 / (1 + torch.exp(leaning_to_ssimulacra2(value.clamp(-8, 8), taught, ssimulacra2)) * size)

    def scale_to(self, features: Tensor) -> None:
        """Set ``mean`` and ``deviation`` to those of (N, F)."""
        self.mean.copy_(features.mean(0))
        self.deviation.copy_(features.std(0) + 1e-2)


def _value_of_score(score: Tensor, size: Tensor) -> Tensor:
    """The value at which a residual of ``size`` gets ``score``; both are kept off the ends."""
    return torch.log((100 / score.clamp(max=99.99) - 1) / size.clamp(min=1e-6)).clamp(-8, 8)


def residual_size(reference: Tensor, distorted: Tensor) -> Tensor:
    """(N,), zero if and only if two patches are equal: a power of the rms error in units of 15 levels."""
    difference = to_ycbcr(distorted - reference)
    share = torch.tensor([1.0, CHROMA_SHARE, CHROMA_SHARE], dtype=difference.dtype, device=difference.device)
    energy = (difference.square().mean((2, 3)) * share).sum(1)
    return torch.as_tensor((energy / HALF_SCORE_RESIDUAL**2) ** (EXPONENT / 2))


def _spread(residual: Tensor) -> Tensor:
    """Small residuals made large enough to learn from: 5 levels become 1, 50 levels 3.6."""
    return torch.log1p(residual * 255 / 3)
