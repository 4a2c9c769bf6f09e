"""FPSNet: focus, perceptual and semantic maps into a per-pixel visibility threshold.

Xiao, "FPSNet: Focus-Perceptual-Semantic Full Flow Visual Redundancy Predicting for Camera Image", section 2 and figures
3 and 4. Every map of section 2.2 is made inside the graph (``training.networks.fpsnet_maps``); BEiT is replaced by a
small region map that is learned with the rest. The decoder's output is the logarithm of the threshold relative to local
contrast, on a grid of stride 4. The network at its published size is ``training.networks.fpsnet_published``.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.maths.colour import to_luma
from training.networks.fpsnet_layers import (
    FocusEncoder,
    GatedDecoder,
    PlainDecoder,
    RegionMap,
    ResidualEncoder,
    SemanticEncoder,
    SequentialFusion,
)
from training.networks.fpsnet_maps import FeatureMaps, contrast_base

STRIDE = 4
"""Pixels between the values that the decoder predicts; local contrast adds the detail in between."""


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
