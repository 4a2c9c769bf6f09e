"""The meta-aggregation network: a global score from small feature maps (Wiedemann 2018, section 5.4, figure 12)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Patchnet, FISH and grey; what follows them are Patchnet's features.
OWN_MAPS = 3


@dataclass(frozen=True, slots=True)
class DenseWidths:
    """Growth rate and layers per dense block, as in DenseNet (Huang et al. 2017, table 1), channels and
    kernel of the stem, and whether it pools.

    ``features``: how many maps are seen beside the three; ``moments``: width of the layer that also sees each map's
    mean and deviation, 0 for none.
    """

    stem: int
    kernel: int
    growth: int
    blocks: tuple[int, ...]
    features: int
    moments: int
    pools: bool = False


PRESETS = {
    "paper": DenseWidths(64, 7, 32, (6, 12, 32, 32), features=0, moments=0, pools=True),  # DenseNet-169
    "lite": DenseWidths(32, 3, 16, (3, 3), features=96, moments=48),
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

    Input: maps (N, 3 + features, S, S): Patchnet in [0, 1], FISH, grey in [0, 1], in ``lite`` also Patchnet's features,
    >= 0. Output: mos (N,), 0..100, by a sigmoid over the highest value of the two-dimensional quality map. ``lite``
    adds to that value the logit of the plain Patchnet mean, from which the fit starts, and what two layers make of the
    mean and deviation of every map: the label is a judgement of the whole photo, and its highest value alone is deaf
    to how much of it is damaged.
    """

    def __init__(self, preset: str = "lite") -> None:
        super().__init__()
        widths = PRESETS[preset]
        maps = OWN_MAPS + widths.features
        self.input_norm = nn.BatchNorm2d(maps)
        layers: list[nn.Module] = [
            nn.Conv2d(maps, widths.stem, widths.kernel, stride=2, padding=widths.kernel // 2, bias=False),
            nn.BatchNorm2d(widths.stem),
            nn.ReLU(),
        ]
        if widths.pools:
            layers.append(nn.MaxPool2d(3, stride=2, padding=1))
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
        self.moments = _moments_layers(maps, widths.moments) if widths.moments else None
        if self.moments is not None:
            nn.init.zeros_(self.head.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Score of each photo."""
        centred = self.input_norm(maps)
        value = self.head(self.features(centred)).amax((2, 3))[:, 0]
        if self.moments is not None:
            value = value + torch.logit(maps[:, 0].mean((1, 2)), eps=1e-3)
            mean = centred.mean((2, 3))
            deviation = ((centred - mean[..., None, None]).square().mean((2, 3)) + 1e-6).sqrt()
            value = value + self.moments(torch.cat([mean, deviation], dim=1))[:, 0]
        return 100 * torch.sigmoid(value)


def _moments_layers(maps: int, width: int) -> nn.Sequential:
    """The last layer starts at zero, so that it corrects the plain mean and nothing else."""
    last = nn.Linear(width, 1)
    nn.init.zeros_(last.weight)
    return nn.Sequential(nn.BatchNorm1d(2 * maps), nn.Linear(2 * maps, width), nn.ReLU(), nn.Dropout(0.5), last)
