"""Patchnet: no-reference quality of a 64x64 patch (Wiedemann 2018, section 5.1, figure 7)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 64
STRIDE = 8


@dataclass(frozen=True, slots=True)
class PatchnetWidths:
    """Channels of the seven convolutions; a max-pool follows the second, fourth and sixth."""

    convolutions: tuple[int, int, int, int, int, int, int]
    batch_norm: bool


# The thesis draws the tensors of figure 7 without printing their depths; ``paper`` takes VGG's first widths. It names
# no batch normalisation: ``lite`` adds it, since it shortens the fit and folds into the convolutions.
PRESETS = {
    "paper": PatchnetWidths((32, 32, 64, 64, 128, 128, 256), batch_norm=False),
    "lite": PatchnetWidths((16, 16, 32, 32, 48, 64, 96), batch_norm=True),
}


class Patchnet(nn.Module):
    """Seven 3x3 convolutions, three max-pools, fully connected 1024-16-8-1, ReLU, sigmoid at the end.

    Convolutions are unpadded, so that a patch's value does not depend on how it was cut and ``PatchnetMap`` can run the
    same weights over a whole tile. Input: patch (N, 3, 64, 64), sRGB in [0, 1]. Output: quality (N,) in [0, 1].
    """

    def __init__(self, preset: str = "lite") -> None:
        super().__init__()
        widths = PRESETS[preset]
        layers: list[nn.Module] = []
        channels = 3
        for index, width in enumerate(widths.convolutions):
            layers.append(nn.Conv2d(channels, width, 3, bias=not widths.batch_norm))
            if widths.batch_norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU())
            if index in (1, 3, 5):
                layers.append(nn.MaxPool2d(2))
            channels = width
        self.features = nn.Sequential(*layers)
        # 64 - 4, / 2, - 4, / 2, - 4, / 2, - 2 leaves 2x2.
        self.first = nn.Linear(channels * 4, 1024)
        self.second = nn.Linear(1024, 16)
        self.third = nn.Linear(16, 8)
        self.last = nn.Linear(8, 1)

    def forward(self, patch: Tensor) -> Tensor:
        """Quality of each patch."""
        return torch.sigmoid(self.logit(patch))

    def logit(self, patch: Tensor) -> Tensor:
        """Quality before the sigmoid, (N,): what the loss sees."""
        values = self.extract(patch).flatten(1)
        values = F.relu(self.first(values))
        values = F.relu(self.third(F.relu(self.second(values))))
        score: Tensor = self.last(values)
        return score[:, 0]

    def extract(self, image: Tensor) -> Tensor:
        """Feature maps of an image of any size; 64 pixels become 2, and 8 more pixels one more."""
        features: Tensor = self.features((image - 0.5) * 4)
        return features


class PatchnetMap(nn.Module):
    """Patchnet at every eighth pixel of a tile at once: the fully connected layers run as convolutions.

    Input: tile (N, 3, T, T). Output: quality (N, R, R), R = (T - 64) / 8 + 1, equal to Patchnet on each patch; features
    (N, C, R, R), >= 0: the C outputs of the last convolution, averaged over the 2x2 places that they have in the patch.
    """

    def __init__(self, patchnet: Patchnet) -> None:
        super().__init__()
        self.patchnet = patchnet

    def forward(self, tile: Tensor) -> tuple[Tensor, Tensor]:
        """Quality and features of the patch that starts at each eighth pixel."""
        net = self.patchnet
        features = net.extract(tile)
        weight = net.first.weight.view(net.first.out_features, features.shape[1], 2, 2)
        values = F.relu(F.conv2d(features, weight, net.first.bias))
        for layer in (net.second, net.third):
            values = F.relu(F.conv2d(values, layer.weight[:, :, None, None], layer.bias))
        quality = torch.sigmoid(F.conv2d(values, net.last.weight[:, :, None, None], net.last.bias))[:, 0]
        return quality, F.avg_pool2d(features, 2, stride=1)
