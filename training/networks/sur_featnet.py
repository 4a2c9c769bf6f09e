"""SUR-FeatNet (Lin et al. 2020, section 5.3, figure 4), preset lite: siamese body, pooled features, regression head.

As published: both images go through one body, features of several of its levels are pooled into one vector per image
(MLSP), and a head with layers of 512, 256 and 128 neurons and dropout 0.25 sees f_r, f_d and their difference. Two
things differ from the paper. The body is a small network of five strided convolutions on 256 x 256 tiles instead of
Inception-V3. And beside the mean and deviation of each channel, which the paper pools, the vector holds a *sketch*:
the divisively normalised channel times fixed random signs, summed over 8 x 8 areas of the tile. The square of a
sketch's difference is an unbiased estimate of the energy of the error in that area (Johnson-Lindenstrauss), so the
head measures how far apart the two tiles are, pixel by pixel, though it sees them only as vectors computed apart; an
encoder cannot fool it by keeping averages.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = (12, 24, 32, 48, 48)
AREAS = 8
TILE = 256
OPPONENT = ((0.299, 0.587, 0.114), (-0.5, 1.0, -0.5), (-0.5, -0.5, 1.0))
"""Rows: luma (BT.601), green-magenta, yellow-blue."""


class SurFeatures(nn.Module):
    """Body and pooling: sRGB tile (N, 3, 256, 256) in [0, 1] to features (N, F); the graph ``sur_features``."""

    opponent: Tensor

    def __init__(self, channels: tuple[int, ...] = CHANNELS, seed: int = 0) -> None:
        super().__init__()
        self.register_buffer("opponent", torch.tensor(OPPONENT)[:, :, None, None] * 4)
        widths = (3, *channels)
        self.stages = nn.ModuleList(
            nn.Conv2d(before, after, kernel_size=4 if level == 0 else 3, stride=2, padding=1)
            for level, (before, after) in enumerate(zip(widths, channels, strict=False))
        )
        self.floors = nn.ParameterList(nn.Parameter(torch.tensor(-1.5)) for _ in channels)
        generator = torch.Generator().manual_seed(seed)
        for level in range(len(channels)):
            side = TILE >> (level + 1)
            signs = torch.randint(0, 2, (1, 1, side, side), generator=generator) * 2.0 - 1
            self.register_buffer(f"signs{level}", signs)

    @staticmethod
    def sizes(channels: tuple[int, ...] = CHANNELS) -> list[int]:
        """Lengths of the parts of the vector: a sketch for each level, then all pooled statistics."""
        return [*(count * AREAS * AREAS for count in channels), 2 * sum(channels)]

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, 256, 256) to (N, F)."""
        sketches, statistics = [], []
        hidden = F.conv2d(image - 0.5, self.opponent)
        for level, (stage, floor) in enumerate(zip(self.stages, self.floors, strict=True)):
            response = stage(hidden)
            square = response * response
            energy = F.avg_pool2d(square.mean(1, keepdim=True), 3, stride=1, padding=1)
            signs: Tensor = getattr(self, f"signs{level}")
            window = response.shape[-1] // AREAS
            weights = signs * torch.rsqrt(energy + torch.exp(2 * floor)) * window
            sketches.append(F.avg_pool2d(response * weights, window).flatten(1))
            hidden = F.leaky_relu(response, 0.2)
            statistics += [hidden.mean((2, 3)), torch.log(square.mean((2, 3)) + 1e-6)]
        return torch.cat([*sketches, *statistics], dim=1)


class SurHead(nn.Module):
    """Features of two tiles, both (N, F), to ln of the teacher's distance (N,); the graph ``sur_head``."""

    def __init__(self, channels: tuple[int, ...] = CHANNELS) -> None:
        super().__init__()
        self.channels = channels
        self.sizes = SurFeatures.sizes(channels)
        width = 2 * sum(channels) + 3 * self.sizes[-1]
        self.standardise = nn.BatchNorm1d(width, affine=False, momentum=0.02)
        layers: list[nn.Module] = []
        for before, after in ((width, 512), (512, 256), (256, 128)):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(0.25)]
        self.regression = nn.Sequential(*layers, nn.Linear(128, 1))

    def forward(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """Two (N, F) to (N,)."""
        return self.regress(self.compare(reference, distorted))

    def regress(self, joined: Tensor) -> Tensor:
        """What ``compare`` returns to (N,)."""
        output: Tensor = self.regression(self.standardise(joined))
        return output.squeeze(1)

    def compare(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """Two (N, F) to what the layers see: ln errors of each channel; statistics as f_r, f_d and f_r - f_d."""
        difference = reference - distorted
        errors = []
        for count, part in zip(self.channels, torch.split(difference, self.sizes, dim=1), strict=False):
            areas = part.reshape(-1, count, AREAS * AREAS)
            errors += [torch.log(areas.abs().mean(2) + 1e-3), torch.log((areas * areas).mean(2) + 1e-6)]
        pooled = self.sizes[-1]
        statistics = [reference[:, -pooled:], distorted[:, -pooled:], difference[:, -pooled:]]
        return torch.cat([*errors, *statistics], dim=1)


class SurFeatNet(nn.Module):
    """Body and head together, for training: stage one and two of the paper at once, since the teacher is cheap."""

    def __init__(self, channels: tuple[int, ...] = CHANNELS) -> None:
        super().__init__()
        self.features = SurFeatures(channels)
        self.head = SurHead(channels)

    def forward(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """References (B, 3, 256, 256) and V versions of each (B, V, 3, 256, 256) to ln distances (B, V)."""
        batch, versions = distorted.shape[:2]
        features: Tensor = self.features(torch.cat([reference, distorted.flatten(0, 1)]))
        repeated = features[:batch].repeat_interleave(versions, dim=0)
        predicted: Tensor = self.head(repeated, features[batch:])
        return predicted.reshape(batch, versions)
