"""SUR-FeatNet (Lin et al. 2020, section 5.3, figure 4), preset lite: siamese body, pooled features, regression head.

As published: both images go through one body, features of several of its levels are pooled into one vector per image
(MLSP), and a head with layers of 512, 256 and 128 neurons and dropout 0.25 sees f_r, f_d and their difference. Three
things differ from the paper. The body is small: one strided convolution at each of five scales of a 256 x 256 tile,
apart for luma and two opponent colours and started from the DCT, instead of Inception-V3. Beside the mean square of
each channel the vector holds a *sketch*: the divisively normalised channel times fixed random signs, summed over each
of 8 x 8 areas of the tile. The square of a sketch's difference is an unbiased estimate of the energy of the error in
that area (Johnson-Lindenstrauss), so the head measures how far apart two tiles are, pixel by pixel, though it sees
them only as vectors computed apart; an encoder cannot fool it by keeping averages. And a linear path runs beside the
head's layers.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.sur.opponents import LINEAR, OPPONENT
from training.maths.colour import OPSIN, OPSIN_BIAS

SCALES = 5
FILTERS = 6
GROUPS = 3
AREAS = 8
TILE = 256
FREQUENCIES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (2, 2))
"""Of the 4 x 4 DCT functions that the filters start from."""


LEAST = (math.log(0.1) + math.log(0.005) + math.log(5e-5)) / 3
"""ln distance of two equal tiles: the teacher's floor (``training.labels.threshold_teacher``)."""

PLACES = 4
"""Pixels per degree, beside the default, at which the distance is asked for (``VIEWING_PLACES``)."""

NO_SLOPE = 1e-30
"""Keeps the slope of a root finite where two tiles are equal; far below what float32 leaves of a square."""


class SurFeatures(nn.Module):
    """Body and pooling: sRGB tile (N, 3, 256, 256) in [0, 1] to features (N, F)."""

    opsin: Tensor
    opponent: Tensor

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.register_buffer("opsin", torch.tensor(OPSIN)[:, :, None, None])
        self.register_buffer("opponent", torch.tensor(OPPONENT)[:, :, None, None])
        self.stages = nn.ModuleList(_stage() for _ in range(SCALES))
        self.floors = nn.ParameterList(nn.Parameter(torch.tensor([-3.5, -4.5, -4.0])) for _ in range(SCALES))
        generator = torch.Generator().manual_seed(seed)
        for scale in range(SCALES):
            side = TILE >> (scale + 1)
            signs = torch.randint(0, 2, (1, 1, 1, side, side), generator=generator) * 2.0 - 1
            self.register_buffer(f"signs{scale}", signs)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, 256, 256) to (N, F)."""
        return self.of_opponents(self.opponents(image))

    def opponents(self, image: Tensor) -> Tensor:
        """Lightness and opponent colours (N, 3, 256, 256), as ``models.sur.opponents`` makes them faster."""
        linear = image * (LINEAR[0] + image * (LINEAR[1] + image * LINEAR[2]))
        return F.conv2d((F.conv2d(linear, self.opsin) + OPSIN_BIAS) ** (1 / 3), self.opponent)

    def of_opponents(self, colours: Tensor) -> Tensor:
        """What the graph ``sur_features`` holds: (N, 3, 256, 256) to (N, F)."""
        sketches, statistics = [], []
        for scale, (stage, floor) in enumerate(zip(self.stages, self.floors, strict=True)):
            response: Tensor = stage(colours)
            side = response.shape[-1]
            grouped = response.reshape(-1, GROUPS, FILTERS, side, side)
            square = grouped * grouped
            energy = F.avg_pool2d(square.mean(2), 3, stride=1, padding=1).unsqueeze(2)
            signs: Tensor = getattr(self, f"signs{scale}")
            weights = signs * torch.rsqrt(energy + torch.exp(2 * floor).view(1, GROUPS, 1, 1, 1)) * (side / AREAS)
            signed = (grouped * weights).flatten(1, 2)
            sketches.append(F.avg_pool2d(signed, side // AREAS).flatten(1))
            statistics.append(torch.log(square.mean((3, 4)).flatten(1) + 1e-6))
            statistics.append(torch.log(energy + 1e-5).mean((2, 3, 4)))
            colours = F.avg_pool2d(colours, 2)
        return torch.cat([*sketches, *statistics], dim=1)


class OfOpponents(nn.Module):
    """``SurFeatures`` where serving takes it up."""

    def __init__(self, features: SurFeatures) -> None:
        super().__init__()
        self.features = features

    def forward(self, opponents: Tensor) -> Tensor:
        """(N, 3, 256, 256) to (N, F)."""
        return self.features.of_opponents(opponents)


def _stage() -> nn.Conv2d:
    stage = nn.Conv2d(GROUPS, GROUPS * FILTERS, kernel_size=4, stride=2, padding=1, groups=GROUPS, bias=False)
    waves = [[math.cos((2 * place + 1) * k * math.pi / 8) / 2 for place in range(4)] for k in range(4)]
    basis = torch.tensor([[[a * b for b in waves[v]] for a in waves[u]] for u, v in FREQUENCIES])
    with torch.no_grad():
        stage.weight.copy_(basis.repeat(GROUPS, 1, 1).unsqueeze(1))
    return stage


class Standardise(nn.BatchNorm1d):
    """Batch normalisation by the running statistics in training too: those of a batch of 32 pairs, four versions of
    each photo, waver so much that half of the training loss was theirs."""

    def forward(self, values: Tensor) -> Tensor:
        """Same shape."""
        if self.training:
            super().forward(values.detach())  # moves the statistics
        return F.batch_norm(values, self.running_mean, self.running_var, eps=self.eps)


class SurHead(nn.Module):
    """Features of two tiles, both (N, F), to ln of the teacher's distance (N,) at the default pixels per degree, and by
    how much it differs at others (N, 4); the graph ``sur_head``."""

    sketched = SCALES * GROUPS * FILTERS * AREAS * AREAS
    pooled = SCALES * (GROUPS * FILTERS + GROUPS)

    def __init__(self) -> None:
        super().__init__()
        width = 3 * SCALES * GROUPS * FILTERS + 3 * self.pooled
        self.standardise = Standardise(width, affine=False, momentum=0.02)
        layers: list[nn.Module] = []
        for before, after in ((width, 512), (512, 256), (256, 128)):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(0.25)]
        self.regression = nn.Sequential(*layers, nn.Linear(128, 1))
        self.viewing = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, PLACES))
        self.direct = nn.Linear(width, 1)
        nn.init.zeros_(self.direct.weight)
        nn.init.constant_(self.direct.bias, -1.9)  # mean label

    def forward(self, reference: Tensor, distorted: Tensor) -> tuple[Tensor, Tensor]:
        """Two (N, F) to (N,) and (N, 4)."""
        joined = self.compare(reference, distorted)
        return self.regress(joined).clamp(min=LEAST), self.shift(joined)

    def regress(self, joined: Tensor) -> Tensor:
        """What ``compare`` returns to ln distance (N,)."""
        standard = self.standardise(joined).clamp(-8, 8)
        output: Tensor = self.regression(standard) + self.direct(standard)
        return output.squeeze(1)

    def shift(self, joined: Tensor) -> Tensor:
        """What ``compare`` returns to (N, 4): nearer, at fewer pixels per degree, more is seen; farther, ever less."""
        steps = F.softplus(self.viewing(self.standardise(joined).clamp(-8, 8)))
        return torch.cat([steps[:, :1], -steps[:, 1:].cumsum(1)], dim=1)

    def compare(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """Two (N, F) to what the layers see: ln errors of each channel; statistics as f_r, f_d and f_r - f_d."""
        difference = reference - distorted
        areas = difference[:, : self.sketched].reshape(-1, SCALES * GROUPS * FILTERS, AREAS * AREAS)
        square = areas * areas
        errors = [
            torch.log(areas.abs().mean(2) + 1e-3),
            torch.log(square.mean(2) + 1e-6),
            torch.log((square * square + NO_SLOPE).mean(2).sqrt() + 1e-6),  # export drops a sum with 1e-12
        ]
        statistics = [values[:, self.sketched :] for values in (reference, distorted, difference)]
        return torch.cat([*errors, *statistics], dim=1)


class SurFeatNet(nn.Module):
    """Body and head together, for stage one of the training."""

    def __init__(self) -> None:
        super().__init__()
        self.features = SurFeatures()
        self.head = SurHead()

    def forward(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """References (B, 3, 256, 256) and V versions of each (B, V, 3, 256, 256) to ln distances (B, V)."""
        batch, versions = distorted.shape[:2]
        features: Tensor = self.features(torch.cat([reference, distorted.flatten(0, 1)]))
        repeated = features[:batch].repeat_interleave(versions, dim=0)
        predicted: Tensor = self.head(repeated, features[batch:])[0]
        return predicted.reshape(batch, versions)
