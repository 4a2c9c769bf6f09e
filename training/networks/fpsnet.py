"""FPSNet: focus, perceptual and semantic maps into a per-pixel visibility threshold.

Xiao, "FPSNet: Focus-Perceptual-Semantic Full Flow Visual Redundancy Predicting for Camera Image", section 2 and figures
3 and 4. Every map of section 2.2 is made inside the graph. What ``lite`` replaces: the defocus map of Shi 2015 by a
re-blur ratio, Wu 2017's pattern complexity by a smooth count of orientations, BEiT by a small region map that is
learned with the rest. The decoder's output is the logarithm of the threshold relative to local contrast, on a grid of
stride 4. The network at its published size is ``training.networks.fpsnet_published``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 4
"""Pixels between the values that the decoder predicts; local contrast adds the detail in between."""
BASE_EXPONENT = 0.75
"""Thresholds start from local standard deviation to this power: of the exponents tried on val (0.5, 0.75, 1) the one
with the lowest butteraugli norm at equal energy."""
CONTRAST_FLOOR = 5.3
"""Luma levels; keeps the starting threshold of flat regions above zero."""
DEVIATION_FLOOR = 0.5
"""Luma levels; far above what float32 rounds off, so that two runtimes agree in flat regions."""
ORIENTATIONS = 8


@dataclass(frozen=True, slots=True)
class FpsNetWidths:
    """Channels at strides 4, 8 and 16, and the number of regions in the semantic map."""

    channels: tuple[int, int, int]
    regions: int


LITE = FpsNetWidths(channels=(24, 40, 64), regions=8)


@dataclass(frozen=True, slots=True)
class Switches:
    """What the ablations of section 3.4 turn off.

    A map that is off is replaced by the image at the same encoder. ``bidirectional`` off: both streams take the maps in
    the same order. ``gated`` off: an ordinary convolution stands where the gate was.
    """

    focus: bool = True
    perceptual: bool = True
    semantic: bool = True
    bidirectional: bool = True
    gated: bool = True


FULL = Switches()
TABLE_2 = {
    "none": Switches(focus=False, perceptual=False, semantic=False),
    "focus": Switches(perceptual=False, semantic=False),
    "perceptual": Switches(focus=False, semantic=False),
    "semantic": Switches(focus=False, perceptual=False),
    "all": FULL,
}
TABLE_3 = {
    "none": Switches(bidirectional=False, gated=False),
    "bidirectional": Switches(gated=False),
    "gated": Switches(bidirectional=False),
    "both": FULL,
}
"""Rows of the paper's tables 2 and 3 by what is switched on."""


class FpsNet(nn.Module):
    """RGB (N, 3, 256, 256) in [0, 1] to visibility thresholds (N, 1, 256, 256) in luma levels, above zero."""

    def __init__(self, widths: FpsNetWidths = LITE, switches: Switches = FULL) -> None:
        super().__init__()
        channels = widths.channels
        self.switches = switches
        self.maps = FeatureMaps()
        self.regions = RegionMap(widths.regions)
        self.input_encoder = ResidualEncoder(3 * STRIDE**2, channels)
        self.focus_encoder = FocusEncoder(STRIDE**2, channels)
        self.perceptual_encoder = ResidualEncoder(self.maps.perceptual_channels * 4, channels)
        self.semantic_encoder = SemanticEncoder(widths.regions if switches.semantic else 3 * STRIDE**2, channels)
        self.bottom_up = SequentialFusion(channels)
        self.top_down = SequentialFusion(channels)
        self.decoder = GatedDecoder(channels) if switches.gated else PlainDecoder(channels)

    def forward(self, image: Tensor) -> Tensor:
        """Thresholds in 8-bit luma levels."""
        focus, perceptual, deviation = self.maps(to_luma(image))
        ratio = self.log_ratio(image, focus, perceptual)
        smooth = F.interpolate(ratio, scale_factor=STRIDE, mode="bilinear", align_corners=False)
        return contrast_base(deviation) * torch.exp(smooth)

    def log_ratio(self, image: Tensor, focus: Tensor, perceptual: Tensor) -> Tensor:
        """ln(threshold / base) (N, 1, 64, 64), from the image and the maps that ``FeatureMaps`` makes of it."""
        blocks = F.pixel_unshuffle(image * 2 - 1, STRIDE)
        focus = focus if self.switches.focus else to_luma(image) / 255
        perceptual = perceptual if self.switches.perceptual else F.avg_pool2d(image, 2)
        features = self.input_encoder(blocks)
        focused = self.focus_encoder(F.pixel_unshuffle(focus, STRIDE))
        perceived = self.perceptual_encoder(F.pixel_unshuffle(perceptual, 2))
        understood = self.semantic_encoder(self.regions(image) if self.switches.semantic else blocks)
        rising = self.bottom_up(features, [focused, perceived, understood])
        reverse = [understood, perceived, focused]
        falling = self.top_down(features, reverse if self.switches.bidirectional else reverse[::-1])
        ratio: Tensor = self.decoder(rising, falling)
        return ratio


def to_luma(image: Tensor) -> Tensor:
    """BT.601 luma (N, 1, H, W), 0..255, of sRGB in [0, 1]."""
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=image.dtype, device=image.device) * 255
    return (image * weights.view(1, 3, 1, 1)).sum(1, keepdim=True)


def contrast_base(deviation: Tensor) -> Tensor:
    """Starting threshold in luma levels from local standard deviation in luma levels."""
    return (deviation**2 + CONTRAST_FLOOR**2) ** (BASE_EXPONENT / 2)


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Each channel of (N, C, H, W) blurred, edges replicated; the kernel reaches 3 sigma."""
    weights = _gaussian(sigma, image)
    kernel = weights.repeat(image.shape[1], 1, 1, 1)
    padded = F.pad(image, (len(weights) // 2,) * 4, mode="replicate")
    columns = F.conv2d(padded, kernel.transpose(2, 3), groups=image.shape[1])
    return F.conv2d(columns, kernel, groups=image.shape[1])


def _gaussian(sigma: float, like: Tensor) -> Tensor:
    """Weights (2 radius + 1,) that reach 3 sigma and sum to one."""
    radius = math.ceil(3 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=like.dtype, device=like.device)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    return weights / weights.sum()


def local_deviation(luma: Tensor, sigma: float = 1.5) -> Tensor:
    """Gaussian-weighted standard deviation (N, 1, H, W), in luma levels, at least ``DEVIATION_FLOOR``.

    The variance within rows, averaged, plus that of the rows' means, each from squared distances to the mean: a
    difference of squares would lose up to 0.006 levels in float32, which the network makes two parts in 10,000 of.
    """
    weights = _gaussian(sigma, luma)
    size = len(weights)
    to_mean = (torch.eye(size, dtype=luma.dtype, device=luma.device) - weights)[:, None]
    pooled, along, down = weights.view(1, size, 1, 1), weights.view(1, 1, 1, size), weights.view(1, 1, size, 1)
    padded = F.pad(luma, (size // 2,) * 4, mode="replicate")
    within_rows = F.conv2d(F.conv2d(padded, to_mean[:, :, None]).square(), pooled)
    of_rows = F.conv2d(F.conv2d(F.conv2d(padded, along), to_mean[..., None]).square(), pooled)
    return torch.sqrt(F.conv2d(within_rows, down) + of_rows + DEVIATION_FLOOR**2)


class FeatureMaps(nn.Module):
    """Section 2.2 without learning: luma (N, 1, H, W), 0..255, to focus, perceptual maps and local deviation."""

    perceptual_channels = 3

    def forward(self, luma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Focus (N, 1, H, W); perceptual (N, 3, H/2, W/2): contrast, complexity, their product; deviation."""
        rows, columns = _gradients(luma)
        deviation = local_deviation(luma)
        contrast = F.avg_pool2d(torch.log2(1 + deviation) / 4, 2)
        complexity = pattern_complexity(rows, columns)
        focus = focus_map(luma, rows, columns)
        return focus, torch.cat([contrast, complexity, contrast * complexity], dim=1), deviation


def _gradients(luma: Tensor) -> tuple[Tensor, Tensor]:
    """Prewitt derivatives along rows and along columns, in luma levels per pixel, edges replicated."""
    padded = F.pad(luma, (1, 1, 1, 1), mode="replicate")
    rise = torch.tensor([-0.5, 0.0, 0.5], dtype=luma.dtype, device=luma.device)
    mean = torch.full((3,), 1 / 3, dtype=luma.dtype, device=luma.device)
    kernels = torch.stack([torch.outer(rise, mean), torch.outer(mean, rise)])[:, None]
    return F.conv2d(padded, kernels).chunk(2, dim=1)  # type: ignore[return-value]


def pattern_complexity(rows: Tensor, columns: Tensor) -> Tensor:
    """Effective number of gradient orientations in 5x5 pixels, over ``ORIENTATIONS``: (N, 1, H/2, W/2).

    Low along an edge, high in a texture. Wu et al. 2017 count the non-empty bins of an orientation histogram; this is
    its smooth counterpart, the inverse Simpson index of the energy per orientation.
    """
    angles = torch.arange(ORIENTATIONS, dtype=rows.dtype, device=rows.device) * (math.pi / ORIENTATIONS)
    along = columns * torch.cos(angles).view(1, -1, 1, 1) + rows * torch.sin(angles).view(1, -1, 1, 1)
    magnitude = rows * rows + columns * columns + 1.0
    square = along * along
    energy = F.avg_pool2d(square * (square / magnitude) + 0.02, 5, stride=2, padding=2, count_include_pad=False)
    share = energy / energy.sum(1, keepdim=True)
    return 1 / (ORIENTATIONS * (share * share).sum(1, keepdim=True))


def focus_map(luma: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Share of gradient that one more blur destroys, (N, 1, H, W) in [0, 1]: high in focus, low where blurred."""
    blurred_rows, blurred_columns = _gradients(gaussian_blur(luma, 1.5))
    sharp = rows * rows + columns * columns
    blurred = blurred_rows * blurred_rows + blurred_columns * blurred_columns
    sharp, blurred = gaussian_blur(torch.cat([sharp, blurred], dim=1), 3.0).chunk(2, dim=1)
    return 1 - torch.sqrt((blurred + 0.5) / (sharp + 0.5)).clamp(max=1)


class RegionMap(nn.Module):
    """The semantic map of ``lite``: soft membership of each 4x4 block in a few learned regions, (N, K, H/4, W/4)."""

    def __init__(self, regions: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _conv(3, 24, 3),
            _conv(24, 32, 3, stride=2),
            _conv(32, 32, 3, stride=2),
            _conv(32, 32, 3, dilation=2),
            nn.Conv2d(32, regions, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Memberships that add up to one at each position."""
        scores = self.layers(F.avg_pool2d(image, 4) * 2 - 1)
        return F.interpolate(scores.softmax(1), scale_factor=4, mode="bilinear", align_corners=False)


def _conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class SpatialAttention(nn.Module):
    """Figure 4, left: positions weighted by mean and maximum over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, features: Tensor) -> Tensor:
        """Same shape."""
        summary = torch.cat([features.mean(1, keepdim=True), features.amax(1, keepdim=True)], dim=1)
        return features * torch.sigmoid(self.weigh(summary))


class FocusEncoder(nn.Module):
    """FFE: VGG-style pairs of 3x3 convolutions and max-pooling, each level through spatial attention."""

    def __init__(self, inputs: int, channels: Sequence[int]) -> None:
        super().__init__()
        widths = [inputs, *channels]
        self.levels = nn.ModuleList(
            nn.Sequential(_conv(before, after, 3), _conv(after, after, 3))
            for before, after in zip(widths, channels, strict=False)
        )
        self.attention = nn.ModuleList(SpatialAttention() for _ in channels)

    def forward(self, focus: Tensor) -> list[Tensor]:
        """Features at strides 4, 8 and 16."""
        features, outputs = focus, []
        for index, (level, attention) in enumerate(zip(self.levels, self.attention, strict=True)):
            features = level(features if index == 0 else F.max_pool2d(features, 2))
            outputs.append(attention(features))
        return outputs


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside the identity, projected where shapes differ."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.first = _conv(inputs, outputs, 3, stride=stride)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, outputs, H / stride, W / stride)."""
        return F.relu(self.second(self.first(features)) + self.shortcut(features))


class ResidualEncoder(nn.Module):
    """PFE and input encoder: ResNet stages; the last one's global mean joins every local one (Su et al. 2020)."""

    def __init__(self, inputs: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.stem = _conv(inputs, channels[0], 3)
        widths = [channels[0], *channels]
        self.stages = nn.ModuleList(
            ResidualBlock(before, after, stride=1 if index == 0 else 2)
            for index, (before, after) in enumerate(zip(widths, channels, strict=False))
        )
        self.spread = nn.ModuleList(nn.Conv2d(channels[-1], width, 1) for width in channels)

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Features at strides 4, 8 and 16."""
        features, local = self.stem(inputs), []
        for stage in self.stages:
            features = stage(features)
            local.append(features)
        overall = features.mean((2, 3), keepdim=True)
        return [F.relu(part + spread(overall)) for part, spread in zip(local, self.spread, strict=True)]


class InceptionBlock(nn.Module):
    """Four branches of different reach, concatenated."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        width = outputs // 4
        self.point = _conv(inputs, width, 1)
        self.near = nn.Sequential(_conv(inputs, width, 1), _conv(width, width, 3))
        self.far = nn.Sequential(_conv(inputs, width, 1), _conv(width, width, 3), _conv(width, width, 3))
        self.pooled = nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), _conv(inputs, width, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Same height and width."""
        return torch.cat([branch(features) for branch in (self.point, self.near, self.far, self.pooled)], dim=1)


class AtrousPyramid(nn.Module):
    """ASPP: dilations 1, 2, 4 and the global mean, joined by a 1x1 convolution (Chen et al. 2017)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = channels // 4
        self.branches = nn.ModuleList(_conv(channels, width, 3, dilation=dilation) for dilation in (1, 2, 4))
        self.overall = nn.Conv2d(channels, width, 1)
        self.join = _conv(4 * width, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Same shape."""
        parts = [branch(features) for branch in self.branches]
        overall = F.relu(self.overall(features.mean((2, 3), keepdim=True))).expand_as(parts[0])
        joined: Tensor = self.join(torch.cat([*parts, overall], dim=1))
        return joined


class SemanticEncoder(nn.Module):
    """SFE: Inception blocks over the region map, the last level through ASPP."""

    def __init__(self, inputs: int, channels: Sequence[int]) -> None:
        super().__init__()
        widths = [inputs, *channels]
        self.levels = nn.ModuleList(
            InceptionBlock(before, after) for before, after in zip(widths, channels, strict=False)
        )
        self.pyramid = AtrousPyramid(channels[-1])

    def forward(self, regions: Tensor) -> list[Tensor]:
        """Features at strides 4, 8 and 16."""
        features, outputs = regions, []
        for index, level in enumerate(self.levels):
            features = level(features if index == 0 else F.max_pool2d(features, 2))
            outputs.append(features)
        return [*outputs[:-1], self.pyramid(outputs[-1])]


class SequentialFusion(nn.Module):
    """One direction of the bidirectional encoder: maps join the input's features in turn, by 1x1 convolutions."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(nn.ModuleList(_conv(2 * width, width, 1) for width in channels) for _ in range(3))

    def forward(self, features: list[Tensor], sources: list[list[Tensor]]) -> list[Tensor]:
        """``sources``: the three maps' features in the order in which they join."""
        for step, source in zip(self.steps, sources, strict=True):
            assert isinstance(step, nn.ModuleList)
            features = [
                join(torch.cat(pair, dim=1))
                for join, pair in zip(step, zip(features, source, strict=True), strict=True)
            ]
        return features


class GatedDecoder(nn.Module):
    """At each level top-down features gate the bottom-up ones; coarse levels are passed on to finer ones."""

    def __init__(self, channels: Sequence[int], outputs: int = 1) -> None:
        super().__init__()
        self.gates = nn.ModuleList(nn.Conv2d(width, width, 1) for width in channels)
        self.mix = nn.ModuleList(_conv(2 * width, width, 3) for width in channels)
        self.lift = nn.ModuleList(
            _conv(coarse, fine, 1) for coarse, fine in zip(channels[1:], channels[:-1], strict=True)
        )
        self.head = nn.Conv2d(channels[0], outputs, 1)
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    def forward(self, bottom_up: list[Tensor], top_down: list[Tensor]) -> Tensor:
        """(N, outputs, H/4, W/4)."""
        state: Tensor | None = None
        for level in reversed(range(len(bottom_up))):
            chosen = self.choose(level, bottom_up[level], top_down[level])
            mixed: Tensor = self.mix[level](torch.cat([chosen, top_down[level]], dim=1))
            if state is not None:
                lifted = self.lift[level](state)
                mixed = mixed + F.interpolate(lifted, scale_factor=2, mode="bilinear", align_corners=False)
            state = mixed
        ratio: Tensor = self.head(state)
        return ratio

    def choose(self, level: int, bottom_up: Tensor, top_down: Tensor) -> Tensor:
        """What is let through of one level's bottom-up features."""
        return torch.sigmoid(self.gates[level](top_down)) * bottom_up


class PlainDecoder(GatedDecoder):
    """Table 3 without the gate: an ordinary convolution of the bottom-up features, with as many parameters."""

    def choose(self, level: int, bottom_up: Tensor, top_down: Tensor) -> Tensor:
        """Bottom-up features through a convolution that knows nothing of the top-down ones."""
        return F.relu(self.gates[level](bottom_up))
