"""FPSNet's encoders, fusion and decoder (section 2.3, figures 3 and 4) at the size of ``lite``."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Mean = Callable[[Tensor], Tensor]
"""Features (N, C, H, W) to their mean over the photo (N, C, 1, 1): ``own_mean``, or one that knows more than a part."""


def own_mean(features: Tensor) -> Tensor:
    """Of features of a photo that is seen whole."""
    return F.adaptive_avg_pool2d(features, 1)


class BlockConv(nn.Conv2d):
    """A convolution of blocks of ``side`` x ``side`` pixels, as ``pixel_unshuffle`` would give them, from the pixels.

    Weights are those of the blocks, (outputs, inputs * side^2, K, K); only where they lie in memory is different.
    ``centred``: of pixels in [0, 1] as if they were 2 x - 1, with zeros around.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, side: int, centred: bool = False) -> None:
        super().__init__(inputs * side**2, outputs, kernel, padding=kernel // 2, bias=False)
        self.side, self.centred = side, centred

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / side, W / side)."""
        side, blocks = self.side, self.weight
        outputs, channels, rows, columns = blocks.shape
        spread = blocks.view(outputs, channels // side**2, side, side, rows, columns).permute(0, 1, 4, 2, 5, 3)
        kernel = spread.reshape(outputs, channels // side**2, rows * side, columns * side)
        around = side * (rows // 2)
        if not self.centred:
            return F.conv2d(pixels, kernel, stride=side, padding=around)
        grey_around = F.pad(pixels, (around,) * 4, value=0.5)
        return F.conv2d(grey_around, 2 * kernel, -kernel.sum((1, 2, 3)), stride=side)


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
    return _normalised(
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, dilation=dilation, bias=False)
    )


def _normalised(convolution: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True))


class Join(nn.Sequential):
    """A normalised convolution of two features side by side, (N, C, H, W) each: one convolution of each, and the sum.

    The weights are those of one convolution of both, concatenated, and so are the values; nothing is copied for them.
    """

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__(*_conv(2 * width, width, kernel))
        self.width, self.padding = width, kernel // 2

    def forward(self, one: Tensor, other: Tensor) -> Tensor:  # type: ignore[override]
        """(N, width, H, W)."""
        convolution, normalised, _ = self
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(normalised, nn.BatchNorm2d)
        weight, shift = convolution.weight, None
        if not self.training:
            assert normalised.running_mean is not None
            assert normalised.running_var is not None
            scale = normalised.weight * torch.rsqrt(normalised.running_var + normalised.eps)
            weight, shift = weight * scale[:, None, None, None], normalised.bias - normalised.running_mean * scale
        joined = F.conv2d(one, weight[:, : self.width], shift, padding=self.padding) + F.conv2d(
            other, weight[:, self.width :], padding=self.padding
        )
        return F.relu(normalised(joined) if self.training else joined)


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
    """FFE: VGG-style pairs of 3x3 convolutions and max-pooling, each level through spatial attention.

    The first level sees blocks of ``side`` x ``side`` pixels.
    """

    def __init__(self, inputs: int, channels: Sequence[int], *, side: int) -> None:
        super().__init__()
        firsts = [
            _normalised(BlockConv(inputs, channels[0], 3, side=side)),
            *(_conv(before, after, 3) for before, after in pairwise(channels)),
        ]
        self.levels = nn.ModuleList(
            nn.Sequential(first, _conv(width, width, 3)) for first, width in zip(firsts, channels, strict=True)
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
    """PFE and input encoder: ResNet stages; the last one's global mean joins every local one (Su et al. 2020).

    The stem sees blocks of ``side`` x ``side`` pixels, ``centred`` or as they are.
    """

    def __init__(self, inputs: int, channels: Sequence[int], *, side: int, centred: bool = False) -> None:
        super().__init__()
        self.stem = _normalised(BlockConv(inputs, channels[0], 3, side=side, centred=centred))
        widths = [channels[0], *channels]
        self.stages = nn.ModuleList(
            ResidualBlock(before, after, stride=1 if index == 0 else 2)
            for index, (before, after) in enumerate(zip(widths, channels, strict=False))
        )
        self.spread = nn.ModuleList(nn.Conv2d(channels[-1], width, 1) for width in channels)

    def forward(self, pixels: Tensor, mean: Mean = own_mean) -> list[Tensor]:
        """Features at strides 1, 2 and 4 of the stem's."""
        features, local = self.stem(pixels), []
        for stage in self.stages:
            features = stage(features)
            local.append(features)
        overall = mean(features)
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

    def forward(self, features: Tensor, mean: Mean = own_mean) -> Tensor:
        """Same shape."""
        parts = [branch(features) for branch in self.branches]
        overall = F.relu(self.overall(mean(features))).expand_as(parts[0])
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

    def forward(self, regions: Tensor, mean: Mean = own_mean) -> list[Tensor]:
        """Features at strides 4, 8 and 16."""
        features, outputs = regions, []
        for index, level in enumerate(self.levels):
            features = level(features if index == 0 else F.max_pool2d(features, 2))
            outputs.append(features)
        return [*outputs[:-1], self.pyramid(outputs[-1], mean)]


class SequentialFusion(nn.Module):
    """One direction of the bidirectional encoder: maps join the input's features in turn, by 1x1 convolutions."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(nn.ModuleList(Join(width, 1) for width in channels) for _ in range(3))

    def forward(self, features: list[Tensor], sources: list[list[Tensor]]) -> list[Tensor]:
        """``sources``: the three maps' features in the order in which they join."""
        for step, source in zip(self.steps, sources, strict=True):
            assert isinstance(step, nn.ModuleList)
            features = [join(*pair) for join, *pair in zip(step, features, source, strict=True)]
        return features


class GatedDecoder(nn.Module):
    """At each level top-down features gate the bottom-up ones; coarse levels are passed on to finer ones."""

    def __init__(self, channels: Sequence[int], outputs: int = 1) -> None:
        super().__init__()
        self.gates = nn.ModuleList(nn.Conv2d(width, width, 1) for width in channels)
        self.mix = nn.ModuleList(Join(width, 3) for width in channels)
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
            mixed: Tensor = self.mix[level](chosen, top_down[level])
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
