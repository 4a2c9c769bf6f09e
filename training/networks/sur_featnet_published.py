"""SUR-FeatNet as published (Lin et al. 2020, section 5.3, figure 4): stage one on GAP features, stage two on MLSP.

Both stages are siamese: a reference and a distorted image go through one body, their feature vectors and the difference
f_r - f_d go to a head of three layers with 512, 256 and 128 neurons, each followed by dropout 0.25, and one linear
output. Stage one (figure 4a) pools the body's last maps globally and learns the score of a full-reference metric. Stage
two (figure 4b) keeps the body as it is and pools the maps of all its levels (MLSP) for a head that learns the SUR.

Preset ``paper`` has the body of Inception-V3: 2,048 pooled features and 10,048 MLSP features per image, 6,144 and
30,144 at the head. Preset ``lite`` is the same structure with five strided convolutions.
"""

from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.run.torchvision_models import models as torchvision_models

HEAD_WIDTHS = (512, 256, 128)
DROPOUT = 0.25
INCEPTION_LEVELS = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")
"""Inception-V3's modules in order; their outputs are MLSP's levels (Hosu et al. 2019), 10,048 channels together."""

LITE_WIDTHS = (16, 24, 32, 48, 64)


class InceptionBody(nn.Module):
    """Inception-V3 without pooling and classifier: images (N, 3, H, W) in [0, 1], sides >= 75, to maps of 11 levels.

    ``weights``: a state dict of torchvision's ``inception_v3`` trained on ImageNet, as it gives it out; without it the
    body starts at random.
    """

    channels = (256, 288, 288, 768, 768, 768, 768, 768, 1280, 2048, 2048)

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        network = torchvision_models.inception_v3(weights=None, aux_logits=False, init_weights=False)
        if weights is not None:
            known = torch.load(weights, map_location="cpu", weights_only=True)
            body = {key: value for key, value in known.items() if not key.startswith(("AuxLogits.", "fc."))}
            network.load_state_dict(body | {key: network.state_dict()[key] for key in ("fc.weight", "fc.bias")})
        stem = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
        self.stem = nn.Sequential(*(getattr(network, name) for name in (*stem, "maxpool2")))
        self.modules_in_order = nn.ModuleList(getattr(network, f"Mixed_{level}") for level in INCEPTION_LEVELS)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Maps by level; the network expects [-1, 1]."""
        maps = [self.stem(2 * image - 1)]
        for module in self.modules_in_order:
            maps.append(module(maps[-1]))
        return maps[1:]


class LiteBody(nn.Module):
    """Five strided convolutions: images (N, 3, H, W) in [0, 1] to the maps of five levels."""

    channels = LITE_WIDTHS

    def __init__(self) -> None:
        super().__init__()
        pairs = zip((3, *LITE_WIDTHS), LITE_WIDTHS, strict=False)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
            )
            for before, after in pairs
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Maps by level."""
        maps = [2 * image - 1]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]


Body = InceptionBody | LiteBody


def build_body(preset: Literal["lite", "paper"], weights: Path | None = None) -> Body:
    """The body of a preset; ``weights``: ImageNet weights, for ``paper`` only."""
    return InceptionBody(weights) if preset == "paper" else LiteBody()


def gap(maps: list[Tensor]) -> Tensor:
    """Global average of the last level: (N, C)."""
    return maps[-1].mean((2, 3))


def mlsp(maps: list[Tensor]) -> Tensor:
    """Global averages of all levels, concatenated: (N, sum of C)."""
    return torch.cat([level.mean((2, 3)) for level in maps], dim=1)


class MlspFeatures(nn.Module):
    """Images (N, 3, H, W) in [0, 1] to MLSP features of a body; one graph."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body

    def forward(self, image: Tensor) -> Tensor:
        """(N, F)."""
        return mlsp(self.body(image))


class RegressionHead(nn.Module):
    """Feature vectors of a pair, both (N, F), to one number (N,): 512-256-128-1 over f_r, f_d and f_r - f_d."""

    def __init__(self, features: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((3 * features, *HEAD_WIDTHS), HEAD_WIDTHS, strict=False):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(DROPOUT)]
        self.layers = nn.Sequential(*layers, nn.Linear(HEAD_WIDTHS[-1], 1))

    def forward(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """(N,): a score in stage one, a share of viewers in stage two."""
        joined = torch.cat([reference, distorted, reference - distorted], dim=1)
        output: Tensor = self.layers(joined)
        return output.squeeze(1)


class StageOne(nn.Module):
    """Body and head on GAP features, trained together (figure 4a)."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        self.head = RegressionHead(body.channels[-1])

    def forward(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """Images (N, 3, H, W) in [0, 1] to (N,)."""
        features = gap(self.body(torch.cat([reference, distorted])))
        first, second = features.chunk(2)
        output: Tensor = self.head(first, second)
        return output


def stage_two_head(body: Body) -> RegressionHead:
    """Head over the MLSP features of a frozen body (figure 4b)."""
    return RegressionHead(sum(body.channels))


def five_patches(image: Tensor) -> Tensor:
    """Four quadrants and the centre of an image (C, H, W), each half as high and wide: (5, C, H // 2, W // 2).

    Reference: Lin et al. 2020, section 6.2.
    """
    height, width = image.shape[1] // 2, image.shape[2] // 2
    rows, columns = image.shape[1] - height, image.shape[2] - width
    corners = [(0, 0), (0, columns), (rows, 0), (rows, columns), (rows // 2, columns // 2)]
    return torch.stack([image[:, top : top + height, left : left + width] for top, left in corners])


def enlarge(patches: Tensor, least: int = 75) -> Tensor:
    """Patches (N, C, H, W) with no side under ``least``, the smallest that Inception-V3 takes."""
    height, width = patches.shape[2:]
    factor = max(1.0, least / min(height, width))
    if factor == 1:
        return patches
    size = (max(least, round(height * factor)), max(least, round(width * factor)))
    return F.interpolate(patches, size=size, mode="bilinear", align_corners=False)
