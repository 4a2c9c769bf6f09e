"""FPSNet: focus, perceptual and semantic maps into a per-pixel visibility threshold.

Xiao, "FPSNet: Focus-Perceptual-Semantic Full Flow Visual Redundancy Predicting for Camera Image", section 2 and figures
3 and 4. Every map of section 2.2 is made inside the graph (``training.networks.fpsnet_maps``); BEiT is replaced by a
small region map that is learned with the rest. The decoder says, on a grid of stride 4, by which power a threshold
follows local contrast and by how much its logarithm lies above. The network at its published size is
``training.networks.fpsnet_published``.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.maths.colour import to_luma
from training.networks.fpsnet_layers import (
    FocusEncoder,
    GatedDecoder,
    Mean,
    PlainDecoder,
    RegionMap,
    ResidualEncoder,
    SemanticEncoder,
    SequentialFusion,
    own_mean,
)
from training.networks.fpsnet_maps import BASE_EXPONENT, FeatureMaps, log_contrast

STRIDE = 4
"""Pixels between the values that the decoder predicts; local contrast adds the detail in between."""
BEND = 0.5
"""By how much the power of local contrast may differ from ``BASE_EXPONENT``."""
PIVOT = 2.2
"""Logarithm of a local contrast at which another power changes nothing: nine luma levels."""
POWER = 1.015
"""Of the whole map, chosen on val after fitting: SSIMULACRA2 rises with it, and so do the 3-norm and the largest
amplitude."""


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


def enlarge(values: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, 4 H, 4 W), bilinear: what ``F.interpolate`` gives, as a convolution that runs faster."""
    batch, channels, rows, columns = values.shape
    offsets = (torch.arange(STRIDE, dtype=values.dtype, device=values.device) + 0.5) / STRIDE - 0.5
    weights = torch.stack([(-offsets).clamp(min=0), 1 - offsets.abs(), offsets.clamp(min=0)], dim=1)
    kernel = torch.einsum("ia,jb->ijab", weights, weights).reshape(STRIDE**2, 1, 3, 3)
    padded = F.pad(values.reshape(batch * channels, 1, rows, columns), (1, 1, 1, 1), mode="replicate")
    return F.pixel_shuffle(F.conv2d(padded, kernel), STRIDE).reshape(batch, channels, rows * STRIDE, columns * STRIDE)


class FpsNet(nn.Module):
    """RGB (N, 3, H, W) in [0, 1], sides multiples of 16, to thresholds (N, 1, H, W) in luma levels, above zero."""

    inputs = ("image", "focus", "perceptual", "deviation")
    """What its graphs take: ``models.jnd.feature_maps`` makes the maps of a photo faster than a graph would."""

    def __init__(self, widths: FpsNetWidths = LITE, switches: Switches = FULL) -> None:
        super().__init__()
        channels = widths.channels
        self.switches = switches
        self.maps = FeatureMaps()
        self.regions = RegionMap(widths.regions)
        self.input_encoder = ResidualEncoder(3, channels, side=STRIDE, centred=True)
        self.focus_encoder = FocusEncoder(1, channels, side=STRIDE)
        self.perceptual_encoder = ResidualEncoder(self.maps.perceptual_channels, channels, side=STRIDE // 2)
        self.semantic_encoder = SemanticEncoder(widths.regions if switches.semantic else 3 * STRIDE**2, channels)
        self.bottom_up = SequentialFusion(channels)
        self.top_down = SequentialFusion(channels)
        self.decoder = (GatedDecoder if switches.gated else PlainDecoder)(channels, outputs=2)

    def forward(self, image: Tensor, mean: Mean = own_mean) -> Tensor:
        """Thresholds in 8-bit luma levels."""
        return self.thresholds(image, *self.maps(to_luma(image)), mean=mean)

    def thresholds(
        self, image: Tensor, focus: Tensor, perceptual: Tensor, deviation: Tensor, *, mean: Mean = own_mean
    ) -> Tensor:
        """The same from what ``FeatureMaps`` makes of the image: what the shipped graphs hold."""
        decoded = self.decoded(image, focus, perceptual, mean)
        smooth = enlarge(decoded)
        ratio, bend = smooth[:, :1], BEND * torch.tanh(smooth[:, 1:])
        contrast = log_contrast(deviation)
        return torch.exp(POWER * (BASE_EXPONENT * contrast + bend * (contrast - PIVOT) + ratio))

    def decoded(self, image: Tensor, focus: Tensor, perceptual: Tensor, mean: Mean) -> Tensor:
        """What the decoder says of blocks, (N, 2, H/4, W/4), from the image and what ``FeatureMaps`` makes of it."""
        focus = focus if self.switches.focus else to_luma(image) / 255
        perceptual = perceptual if self.switches.perceptual else F.avg_pool2d(image, 2)
        features = self.input_encoder(image, mean)
        focused = self.focus_encoder(focus)
        perceived = self.perceptual_encoder(perceptual, mean)
        seen = self.regions(image) if self.switches.semantic else F.pixel_unshuffle(image * 2 - 1, STRIDE)
        understood = self.semantic_encoder(seen, mean)
        rising = self.bottom_up(features, [focused, perceived, understood])
        reverse = [understood, perceived, focused]
        falling = self.top_down(features, reverse if self.switches.bidirectional else reverse[::-1])
        decoded: Tensor = self.decoder(rising, falling)
        return decoded
