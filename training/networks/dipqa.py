"""DIPQA: full-reference quality of a patch by a siamese network (dipqa.md, sections 3.2.1 and 3.2.2, figure 3.3)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.maths.colour import to_ycbcr
from training.networks.residual_score import bounded_quality


@dataclass(frozen=True, slots=True)
class DipqaWidths:
    """Channels of the stages of two convolutions, width of the hidden layer, and whether the output is bounded.

    ``normalised``: batch normalisation after each convolution.
    """

    stages: tuple[int, ...]
    hidden: int
    bounded: bool
    normalised: bool = True

    @property
    def is_vgg13(self) -> bool:
        """Whether weights of VGG13-bn fit into the stages."""
        return self.stages == (64, 128, 256, 512)


PRESETS = {
    "paper": DipqaWidths((64, 128, 256, 512), hidden=512, bounded=False),
    "lite": DipqaWidths((8, 16, 32, 32), hidden=128, bounded=True),
}
DIQAM = DipqaWidths((32, 64, 128, 256, 512), hidden=512, bounded=False, normalised=False)
"""The extractor of Bosse et al. 2018, ten convolutions without normalisation, in the place of VGG13's: table 4.2."""

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of R, G and B in [0, 1], as torchvision's weights expect them."""


class Dipqa(nn.Module):
    """VGG13-bn without its last stage on both patches, fusion (f_r, f_d, f_r - f_d), FC-512, FC-1, dropout 0.5.

    ``paper`` puts out the linear regression of the thesis. Its "about 17.3 million" parameters are those for S = 64
    (17,273,153); for S = 128 the first fully connected layer sees four times as much, 55,021,889 in all. ``lite`` reads
    the same regression as the visibility of the residual (``bounded_quality``), so that equal patches score exactly 5.
    ``tuned=False`` keeps the convolutions and their statistics as they are (table 4.2, "VGG extractor").
    Inputs: reference, distorted (N, 3, S, S), sRGB in [0, 1], S = 64 or 128. Output: dmos (N,), 1 (bad) to 5
    (excellent), the five grades of section 3.1.3.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, patch: int = 64, preset: str = "lite", *, widths: DipqaWidths | None = None, tuned: bool = True
    ) -> None:
        super().__init__()
        widths = widths or PRESETS[preset]
        layers: list[nn.Module] = []
        channels = 3
        for width in widths.stages:
            for _ in range(2):
                layers.append(nn.Conv2d(channels, width, 3, padding=1))
                layers += [nn.BatchNorm2d(width), nn.ReLU()] if widths.normalised else [nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers).requires_grad_(tuned)
        self.tuned = tuned
        mean, deviation = (IMAGENET_MEAN, IMAGENET_DEVIATION) if widths.is_vgg13 else ((0.5,), (0.25,))
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None], persistent=False)
        fused = 3 * channels * (patch // 2 ** len(widths.stages)) ** 2
        self.regression = nn.Sequential(
            nn.Linear(fused, widths.hidden), nn.ReLU(), nn.Dropout(0.5), nn.Linear(widths.hidden, 1)
        )
        self.bounded = widths.bounded

    def train(self, mode: bool = True) -> "Dipqa":
        """As any network; convolutions that are kept stay in evaluation."""
        super().train(mode)
        if not self.tuned:
            self.features.eval()
        return self

    def forward(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """DMOS of each pair."""
        first = self.features((reference - self.mean) / self.deviation).flatten(1)
        second = self.features((distorted - self.mean) / self.deviation).flatten(1)
        value = self.regression(torch.cat([first, second, first - second], dim=1))[:, 0]
        if not self.bounded:
            return torch.as_tensor(value)
        return 1 + 4 * bounded_quality(value, to_ycbcr(distorted - reference))
