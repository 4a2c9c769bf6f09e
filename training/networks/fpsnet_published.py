"""FPSNet at its published size (preset ``paper``): VGG-16, ResNet-50 and Inception encoders on 256x256 pixels.

Xiao, "FPSNet: Focus-Perceptual-Semantic Full Flow Visual Redundancy Predicting for Camera Image", section 2.3 and
figures 3 and 4. They name the families of encoders, not their depths; taken here are the depths of the works they cite:
VGG-16 (Noh et al. 2015), ResNet-50 with local and global stages (Su et al. 2020), Inception-v3's blocks with an atrous
pyramid (Szegedy et al. 2017, Chen et al. 2017). Levels lie at strides 4, 8, 16 and 32; the map is predicted for every
pixel, in luma levels. The perceptual map is Wu et al. 2017 (``training.networks.wu2017_map``); the semantic map is
BEiT's (``training.networks.semantic_maps``) where a person has its weights, else the learned regions of ``lite``; the
focus map is that of ``lite``, since Shi et al. 2015 need a dictionary that they learned.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from training.maths.colour import to_luma
from training.networks.fpsnet import FULL, STRIDE, Switches
from training.networks.fpsnet_layers import (
    AtrousPyramid,
    GatedDecoder,
    Mean,
    PlainDecoder,
    RegionMap,
    SequentialFusion,
    SpatialAttention,
    own_mean,
)
from training.networks.fpsnet_maps import focus_map, gradients
from training.networks.semantic_maps import BeitRegions
from training.networks.wu2017_map import wu2017_map
from training.run.torchvision_models import models

WIDTHS = (64, 128, 256, 512)
"""Channels at which the encoders meet, at strides 4, 8, 16 and 32: those of ResNet's stages before expansion."""
VGG_STAGES = ((0, 16, 256), (16, 23, 512), (23, 30, 512), (30, 31, 512))
"""Slices of torchvision's VGG-16 that end at strides 4, 8, 16 and 32, and their channels."""
RESNET_CHANNELS = (256, 512, 1024, 2048)
INCEPTION_CHANNELS = (256, 288, 768, 2048)
REGIONS = 16
PERCEPTUAL_SCALE = 32.0
"""Luma levels that the perceptual encoder sees as one."""
DEVIATION = 0.02
"""Standard deviation of the truncated normal that section 3.1 initialises with; not given there, ViT's usual one."""


class PublishedFpsNet(nn.Module):
    """RGB (N, 3, H, W) in [0, 1], sides multiples of 32, to thresholds (N, 1, H, W) in luma levels, above zero.

    ``semantic_map``: image to (N, ``semantic_map.channels``, H, W); by default regions that are learned with the rest.
    """

    inputs = ("image",)
    """What its graphs take: they make the maps themselves."""

    def __init__(self, switches: Switches = FULL, semantic_map: "LearnedRegions | BeitRegions | None" = None) -> None:
        super().__init__()
        self.switches = switches
        self.semantic_map = semantic_map or LearnedRegions(REGIONS)
        self.input_encoder = ResNetEncoder(3)
        self.focus_encoder = VggEncoder(1)
        self.perceptual_encoder = ResNetEncoder(3)
        self.semantic_encoder = InceptionEncoder(self.semantic_map.channels if switches.semantic else 3)
        self.bottom_up = SequentialFusion(WIDTHS)
        self.top_down = SequentialFusion(WIDTHS)
        decoder = GatedDecoder if switches.gated else PlainDecoder
        self.decoder = decoder(WIDTHS, outputs=STRIDE**2)
        for part in (self.input_encoder, self.focus_encoder, self.perceptual_encoder, self.semantic_encoder):
            part.apply(_truncated_normal)

    def forward(self, image: Tensor, mean: Mean = own_mean) -> Tensor:
        """Thresholds in 8-bit luma levels."""
        luma = to_luma(image)
        focus = focus_map(luma, *gradients(luma))
        perceptual = (wu2017_map(luma) / PERCEPTUAL_SCALE).expand(-1, 3, -1, -1)
        centred = image * 2 - 1
        features = self.input_encoder(centred, mean)
        focused = self.focus_encoder(focus if self.switches.focus else luma / 255)
        perceived = self.perceptual_encoder(perceptual if self.switches.perceptual else centred, mean)
        understood = self.semantic_encoder(self.semantic_map(image) if self.switches.semantic else centred, mean)
        rising = self.bottom_up(features, [focused, perceived, understood])
        reverse = [understood, perceived, focused]
        falling = self.top_down(features, reverse if self.switches.bidirectional else reverse[::-1])
        return 8 * F.softplus(F.pixel_shuffle(self.decoder(rising, falling), STRIDE))


class LearnedRegions(nn.Module):
    """The semantic map that needs no one's weights: the learned regions of ``lite`` at full size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.regions = RegionMap(channels)

    def forward(self, image: Tensor) -> Tensor:
        """Memberships (N, channels, H, W) that add up to one."""
        return F.interpolate(self.regions(image), scale_factor=STRIDE, mode="bilinear", align_corners=False)


class Projections(nn.Module):
    """1x1 convolutions from an encoder's channels to ``WIDTHS``."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(nn.Conv2d(before, after, 1) for before, after in zip(channels, WIDTHS, strict=True))

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """The same levels at the common widths."""
        return [F.relu(step(level)) for step, level in zip(self.steps, levels, strict=True)]


class VggEncoder(nn.Module):
    """FFE (figure 4, left): VGG-16's stages, each through spatial attention."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        layers = list(models.vgg16(weights=None).features)
        layers[0] = nn.Conv2d(inputs, 64, 3, padding=1)
        self.stages = nn.ModuleList(nn.Sequential(*layers[start:end]) for start, end, _ in VGG_STAGES)
        self.attention = nn.ModuleList(SpatialAttention() for _ in VGG_STAGES)
        self.project = Projections([channels for *_, channels in VGG_STAGES])

    def forward(self, focus: Tensor) -> list[Tensor]:
        """Features at strides 4, 8, 16 and 32."""
        levels, features = [], focus
        for stage, attention in zip(self.stages, self.attention, strict=True):
            features = stage(features)
            levels.append(attention(features))
        projected: list[Tensor] = self.project(levels)
        return projected


class ResNetEncoder(nn.Module):
    """PFE (figure 4, middle) and input encoder: ResNet-50's stages; the last one's global mean joins every level."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        network = models.resnet50(weights=None)
        first = nn.Conv2d(inputs, 64, 7, stride=2, padding=3, bias=False)
        self.stem = nn.Sequential(first, network.bn1, network.relu, network.maxpool)
        self.stages = nn.ModuleList([network.layer1, network.layer2, network.layer3, network.layer4])
        self.project = Projections(RESNET_CHANNELS)
        self.spread = nn.ModuleList(nn.Conv2d(RESNET_CHANNELS[-1], width, 1) for width in WIDTHS)

    def forward(self, inputs: Tensor, mean: Mean = own_mean) -> list[Tensor]:
        """Features at strides 4, 8, 16 and 32."""
        levels, features = [], self.stem(inputs)
        for stage in self.stages:
            features = stage(features)
            levels.append(features)
        overall = mean(features)
        local = zip(self.project(levels), self.spread, strict=True)
        return [F.relu(level + spread(overall)) for level, spread in local]


class InceptionEncoder(nn.Module):
    """SFE (figure 4, right): Inception-v3's blocks of 5x5, 7x7 and expanded filters, the last level through ASPP."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        convolution = models.inception.BasicConv2d
        self.stem = nn.Sequential(
            convolution(inputs, 32, kernel_size=3, stride=2, padding=1),
            convolution(32, 64, kernel_size=3, padding=1),
            convolution(64, 192, kernel_size=3, stride=2, padding=1),
        )
        self.stages = nn.ModuleList(
            [
                models.inception.InceptionA(192, pool_features=32),
                models.inception.InceptionA(256, pool_features=64),
                models.inception.InceptionC(288, channels_7x7=128),
                models.inception.InceptionE(768),
            ]
        )
        self.project = Projections(INCEPTION_CHANNELS)
        self.pyramid = AtrousPyramid(WIDTHS[-1])

    def forward(self, regions: Tensor, mean: Mean = own_mean) -> list[Tensor]:
        """Features at strides 4, 8, 16 and 32."""
        levels, features = [], self.stem(regions)
        for index, stage in enumerate(self.stages):
            features = stage(features if index == 0 else F.max_pool2d(features, 2))
            levels.append(features)
        *finer, coarsest = self.project(levels)
        return [*finer, self.pyramid(coarsest, mean)]


def _truncated_normal(module: nn.Module) -> None:
    """Section 3.1, of the encoders; the decoder's head starts at zero, so that training starts from an even map."""
    if isinstance(module, nn.Conv2d):
        nn.init.trunc_normal_(module.weight, std=DEVIATION)
