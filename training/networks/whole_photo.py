"""What the whole photo says about a threshold: in a busy photo contrast between places counts more, in a calm one less.

At equal energy, noise in a calm photo stands far above every threshold, where masking saturates; in a busy photo it
stays near them. Tiles cannot know, so four numbers, learned with the tiles' network, finish the map of a photo
(``models.jnd.adapt_to_photo`` is the same in numpy).
"""

import torch
from torch import Tensor, nn

from models.jnd import CONTRAST_LIMITS, TILE, TYPICAL_LOG_THRESHOLD, WholePhotoNumbers

RATE = 10.0
"""Four numbers follow a slow learning rate this many times faster than weights."""


class WholePhoto(nn.Module):
    """Thresholds (N, 1, H, W) of whole photos, as tiles give them, to thresholds; starts as the identity."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets = nn.Parameter(torch.zeros(4))

    def forward(self, jnd: Tensor) -> Tensor:
        """Logarithms stretched about their mean, the mean shifted; both by how far the mean is from a typical one."""
        numbers = torch.unbind(self.offsets * RATE)
        logarithm = jnd.log()
        mean = logarithm.mean((1, 2, 3), keepdim=True)
        above = mean - TYPICAL_LOG_THRESHOLD
        contrast = (1 + numbers[0] + numbers[1] * above).clamp(*CONTRAST_LIMITS)
        return torch.exp(mean + numbers[2] + numbers[3] * above + contrast * (logarithm - mean))

    def numbers(self) -> WholePhotoNumbers:
        """As the manifest holds them."""
        return WholePhotoNumbers(*(round(float(value) * RATE, 4) for value in self.offsets.detach()))


class PhotoNetwork(nn.Module):
    """The network of tiles and the whole photo, fitted together on regions of whole tiles.

    Batch normalisation keeps its running statistics, since a batch is a few photos.
    """

    def __init__(self, tiles: nn.Module) -> None:
        super().__init__()
        self.tiles = tiles
        self.whole = WholePhoto()

    def train(self, mode: bool = True) -> "PhotoNetwork":
        """Training mode for everything but batch normalisation."""
        super().train(mode)
        for module in self.tiles.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        """Thresholds (N, 1, H, W) of regions (N, 3, H, W), each tile predicted alone."""
        jnd: Tensor = self.whole(map_of_region(self.tiles, image))
        return jnd


def map_of_region(network: nn.Module, image: Tensor) -> Tensor:
    """What tiles give, (N, 1, H, W), of regions (N, 3, H, W) of whole tiles."""
    count, _, height, width = image.shape
    rows, columns = height // TILE, width // TILE
    tiles = image.reshape(count, 3, rows, TILE, columns, TILE).permute(0, 2, 4, 1, 3, 5).reshape(-1, 3, TILE, TILE)
    jnd: Tensor = network(tiles.contiguous(memory_format=torch.channels_last))
    return jnd.reshape(count, rows, columns, TILE, TILE).permute(0, 1, 3, 2, 4).reshape(count, 1, height, width)
