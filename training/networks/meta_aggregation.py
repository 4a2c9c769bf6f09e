"""The meta-aggregation network: a global score from small feature maps (Wiedemann 2018, section 5.4, figure 12)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

MAP_SIDE = 64


@dataclass(frozen=True, slots=True)
class DenseWidths:
    """Growth rate and layers per dense block, as in DenseNet (Huang et al. 2017, table 1), and channels of the stem."""

    stem: int
    growth: int
    blocks: tuple[int, ...]


PRESETS = {
    "paper": DenseWidths(64, 32, (6, 12, 32, 32)),  # DenseNet-169
    "lite": DenseWidths(24, 12, (3, 4, 4)),
}


class DenseLayer(nn.Module):
    """Bottleneck 1x1, then 3x3; the result is put beside the input."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, 4 * growth, 1, bias=False),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C + growth, H, W)."""
        return torch.cat([maps, self.layer(maps)], dim=1)


class MetaAggregation(nn.Module):
    """DenseNet with a 1x1 convolution and global max-pooling as head.

    Input: maps (N, 3, 64, 64): Patchnet in [0, 1], FISH, grey in [0, 1]. Output: mos (N,), 0..100, by a sigmoid over
    the highest value of the two-dimensional quality map.
    """

    def __init__(self, preset: str = "lite") -> None:
        super().__init__()
        widths = PRESETS[preset]
        layers: list[nn.Module] = [
            nn.Conv2d(3, widths.stem, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(widths.stem),
            nn.ReLU(),
        ]
        channels = widths.stem
        for index, count in enumerate(widths.blocks):
            for _ in range(count):
                layers.append(DenseLayer(channels, widths.growth))
                channels += widths.growth
            if index < len(widths.blocks) - 1:
                layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels // 2, 1, bias=False)]
                layers.append(nn.AvgPool2d(2))
                channels //= 2
        self.features = nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU())
        self.head = nn.Conv2d(channels, 1, 1)
        self.register_buffer("centre", torch.tensor([0.5, 5.0, 0.5]).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor([0.25, 4.0, 0.25]).view(1, 3, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """Score of each photo."""
        centred = (maps - self.get_buffer("centre")) / self.get_buffer("scale")
        return 100 * torch.sigmoid(self.head(self.features(centred)).amax((2, 3))[:, 0])
