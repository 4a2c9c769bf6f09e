"""What the classical metrics measure, as one row of numbers per pair of patches, computed inside the graph.

The five parts: SSIMULACRA2's error maps in XYB (libjxl ``tools/ssimulacra2.cc``), tone and colour with their signs,
octave bands of the error, gradient similarity (GMSD: Xue et al. 2014; MDSI: Nafchi et al. 2016), and where in the patch
the error lies. Together they tell kinds of distortion apart as well as their strength, which no single metric does.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.maths.colour import linear_light, positive_xyb, to_ycbcr
from training.maths.gradients import (
    GMS_CONSTANT,
    MDSI_C1,
    MDSI_C2,
    MDSI_C3,
    mdsi_channels,
    prewitt,
    similarity,
)
from training.metrics import ssimulacra2

PATCH = 128
# SSIMULACRA2's scales that leave 8 pixels or more of a patch of 128.
XYB_SCALES = 5
BANDS = 4
# Of SSIMULACRA2.
SSIM_CONSTANT = 0.0009
GAUSSIAN_SIGMA, GAUSSIAN_RADIUS = 1.5, 5
BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
# Traces below which an SSIM or edge error is taken for none, in its mean and in its 4-norm.
MEAN_TRACE, FOURTH_TRACE = 1e-4, 1e-3
# Levels below which an error is taken for none, and detail that hides nothing, in 8-bit levels.
TRACE, MASKING_FLOOR = 0.1, 3.0


class Blur(nn.Module):
    """A separable blur of square maps as two matrix products; the kernel is cut and renormalised at the borders."""

    def __init__(self, kernel: tuple[float, ...]) -> None:
        super().__init__()
        radius = len(kernel) // 2
        for level in range(BANDS + 1):
            side = PATCH >> level
            offsets = torch.arange(side)[None, :] - torch.arange(side)[:, None] + radius
            inside = (offsets >= 0) & (offsets < len(kernel))
            matrix = torch.where(inside, torch.tensor(kernel)[offsets.clamp(0, len(kernel) - 1)], torch.zeros(()))
            self.register_buffer(f"matrix_{side}", matrix / matrix.sum(1, keepdim=True), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, S, S) blurred; S is 128 divided by a power of two."""
        matrix = getattr(self, f"matrix_{maps.shape[-1]}")
        return torch.as_tensor(matrix @ maps @ matrix.T)


class PairStatistics(nn.Module):
    """Statistics of each pair of patches, most of them logarithms; what has a direction keeps its sign.

    Inputs: reference, distorted (N, 3, 128, 128), sRGB in [0, 1]. Output: (N, ``count``), finite for any pixels.
    """

    count: int = 195

    def __init__(self) -> None:
        super().__init__()
        offsets = range(-GAUSSIAN_RADIUS, GAUSSIAN_RADIUS + 1)
        self.gaussian = Blur(tuple(math.exp(-0.5 * (offset / GAUSSIAN_SIGMA) ** 2) for offset in offsets))
        self.binomial = Blur(BINOMIAL)

    def forward(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """One row per pair."""
        first, second = to_ycbcr(reference) * 255, to_ycbcr(distorted) * 255
        parts = [
            *self._xyb_terms(reference, distorted),
            *_tone(first, second),
            *_colour_agreement(reference * 255, distorted * 255),
            *self._bands(first, second),
            *_gradients(reference, distorted),
            *self._locality(first, second),
            *_grid(first[:, 0], second[:, 0]),
        ]
        return torch.cat(parts, dim=1)

    def _xyb_terms(self, reference: Tensor, distorted: Tensor) -> list[Tensor]:
        """SSIM error, added and lost edges of X, Y and B at five scales: logarithms of the 1-norm and the 4-norm."""
        linear1, linear2 = linear_light(reference), linear_light(distorted)
        terms = []
        for scale in range(XYB_SCALES):
            if scale:
                linear1, linear2 = F.avg_pool2d(linear1, 2), F.avg_pool2d(linear2, 2)
            maps = self._xyb_errors(positive_xyb(linear1), positive_xyb(linear2))
            squared = maps * maps
            fourth = (squared * squared).mean((2, 3)).clamp(min=1e-20) ** 0.25
            terms += [torch.log(maps.mean((2, 3)) + MEAN_TRACE), torch.log(fourth + FOURTH_TRACE)]
        return terms

    def _xyb_errors(self, one: Tensor, two: Tensor) -> Tensor:
        """(N, 9, S, S): SSIM error, added edges, lost edges, each of X, Y, B."""
        mean1, mean2, energy, product = self.gaussian(torch.cat([one, two, one * one + two * two, one * two], 1)).chunk(
            4, dim=1
        )
        structure = (2 * (product - mean1 * mean2) + SSIM_CONSTANT) / (
            energy - mean1 * mean1 - mean2 * mean2 + SSIM_CONSTANT
        )
        ssim_error = (1 - (1 - (mean1 - mean2) ** 2) * structure).clamp(min=0)
        edges = (1 + (two - mean2).abs()) / (1 + (one - mean1).abs()) - 1
        return torch.cat([ssim_error, edges.clamp(min=0), (-edges).clamp(min=0)], dim=1)

    def _bands(self, first: Tensor, second: Tensor) -> list[Tensor]:
        """Per octave and channel: error, detail of the reference, gain of detail, their correlation, visible error."""
        terms = []
        for _ in range(BANDS):
            smooth1, smooth2 = self.binomial(first), self.binomial(second)
            detail1, detail2 = first - smooth1, second - smooth2
            error = detail2 - detail1
            power1, power2, power_error = (_power(values) for values in (detail1, detail2, error))
            activity = self.binomial(self.binomial(detail1[:, :1] ** 2)).clamp(min=0).sqrt()
            masked = (error[:, :1].abs() / (activity + MASKING_FLOOR)).mean((2, 3))
            terms += [
                0.5 * torch.log(power_error + TRACE**2),
                0.5 * torch.log(power1 + 1)[:, :1],
                0.5 * torch.log((power2 + 1) / (power1 + 1)),
                (error * detail1).mean((2, 3)) / ((power_error * power1).clamp(min=0).sqrt() + TRACE),
                torch.log(masked + 0.01),
            ]
            first, second = F.avg_pool2d(smooth1, 2), F.avg_pool2d(smooth2, 2)
        return [*terms, 0.5 * torch.log(_power(second - first) + TRACE**2)]

    def _locality(self, first: Tensor, second: Tensor) -> list[Tensor]:
        """Whether the error is spread or lies in few places, and whether it follows texture or brightness."""
        error = second - first
        cells = F.avg_pool2d(error**2, 8)
        blocks = F.avg_pool2d(cells, 4)
        luma = first[:, :1]
        activity = (luma - self.binomial(self.binomial(luma))).abs()
        size = torch.log(cells[:, :1] + 1)
        magnitude = error.abs().mean((2, 3))
        return [
            torch.log((magnitude + 0.05) / (_power(error).sqrt() + 0.05)),
            *(_spread(values) for values in (cells, blocks)),
            _correlation(size, torch.log(F.avg_pool2d(activity, 8) + 1)),
            _correlation(size, F.avg_pool2d(luma, 8)),
            torch.log(F.avg_pool2d(activity, 8) + 1).mean((2, 3)),
        ]


def ssimulacra2_of_statistics(statistics: Tensor) -> Tensor:
    """SSIMULACRA2 of each patch, read back from its first terms: (N, ``PairStatistics.count``) to (N,).

    The sixth scale, which a patch is too small for, is left out: its weights sum to 0.002 of 888.
    """
    norms = statistics[:, : XYB_SCALES * 18].reshape(-1, XYB_SCALES, 2, 3, 3).exp()
    traces = norms.new_tensor([MEAN_TRACE, FOURTH_TRACE])[:, None, None]
    weights = norms.new_tensor(np.stack(ssimulacra2.weight_table(ssimulacra2.SCALES)[:XYB_SCALES])).permute(0, 2, 3, 1)
    return ssimulacra2.score_of_penalty(((norms - traces).clamp(min=0) * weights).sum((1, 2, 3, 4)))


def _power(values: Tensor) -> Tensor:
    return values.square().mean((2, 3))


def _centred(values: Tensor) -> Tensor:
    return values - values.mean((2, 3), keepdim=True)


def _correlation(one: Tensor, two: Tensor) -> Tensor:
    """Pearson correlation over each patch, (N, C); 0 where nothing varies."""
    one, two = _centred(one), _centred(two)
    return (one * two).mean((2, 3)) / ((_power(one) * _power(two)).sqrt() + 1e-2)


def _tone(first: Tensor, second: Tensor) -> list[Tensor]:
    """Size of the error, shift, gain about the mean and what no gain explains, of Y, Cb, Cr; then saturation."""
    error = second - first
    base, changed = _centred(first), _centred(error)
    variance = _power(base)
    gain = (base * changed).mean((2, 3)) / (variance + 4)
    rest = (_power(changed) - gain * gain * variance).clamp(min=0)
    chroma1, chroma2 = ((values[:, 1:].square().sum(1, keepdim=True) + 1e-4).sqrt() for values in (first, second))
    return [
        0.5 * torch.log(_power(error) + TRACE**2),
        torch.asinh(error.mean((2, 3))),
        gain.clamp(-2, 2),
        0.5 * torch.log(rest + TRACE**2),
        0.5 * torch.log(variance + 1),
        first[:, :1].mean((2, 3)) / 64,
        torch.log((chroma2.mean((2, 3)) + 1) / (chroma1.mean((2, 3)) + 1)),
    ]


def _colour_agreement(reference: Tensor, distorted: Tensor) -> list[Tensor]:
    """Correlation between the errors of R, G, B; errors that follow the slope (a shift); clipped samples."""
    error = distorted - reference
    across = reference[:, :, :-1, 1:] - reference[:, :, :-1, :-1]
    down = reference[:, :, 1:, :-1] - reference[:, :, :-1, :-1]
    here = error[:, :, :-1, :-1]
    clipped1, clipped2 = (((values <= 1) | (values >= 254)).float().mean((2, 3)) for values in (reference, distorted))
    return [
        _correlation(error, torch.roll(error, 1, dims=1)),
        (_correlation(here, across).square() + _correlation(here, down).square() + 1e-6).sqrt(),
        torch.asinh(30 * (clipped2 - clipped1)).mean(1, keepdim=True),
    ]


def _spread(cells: Tensor) -> Tensor:
    """How uneven the energy of the error is over cells: logarithms of mean over mean root, and maximum over mean."""
    mean = cells.mean((2, 3)) + 0.05
    roots = (cells + 0.05).sqrt().mean((2, 3))
    return torch.cat([torch.log(mean / roots.square()), torch.log((cells.amax((2, 3)) + 0.05) / mean)], dim=1)


def _gradient_size(plane: Tensor) -> Tensor:
    return (prewitt(plane).square().sum(1, keepdim=True) + 1e-6).sqrt()


def _gradients(reference: Tensor, distorted: Tensor) -> list[Tensor]:
    """Mean and deviation of what GMSD and MDSI compare: gradients at half resolution, and chromaticity."""
    first, second = (mdsi_channels(image) for image in (reference, distorted))
    size1, size2 = _gradient_size(first[:, :1]), _gradient_size(second[:, :1])
    both = _gradient_size((first[:, :1] + second[:, :1]) / 2)
    change = similarity(size2, both, MDSI_C2) - similarity(size1, both, MDSI_C2)
    cross = 2 * (first[:, 1:] * second[:, 1:]).sum(1, keepdim=True) + MDSI_C3
    energy = (first[:, 1:].square() + second[:, 1:].square()).sum(1, keepdim=True) + MDSI_C3
    losses = [1 - similarity(size1, size2, GMS_CONSTANT), 1 - similarity(size1, size2, MDSI_C1), 1 - cross / energy]
    terms = [10 * change.mean((2, 3)), torch.log(_power(change).sqrt() + 1e-3)]
    for loss in losses:
        terms += [torch.log(loss.mean((2, 3)).clamp(min=0) + 1e-3), torch.log(_power(_centred(loss)).sqrt() + 1e-3)]
    return terms


def _grid(first: Tensor, second: Tensor) -> list[Tensor]:
    """Steps that come back every eight pixels (block borders), and how much of the patch is flat, of luma (N, S, S)."""
    terms = []
    for axis in (1, 2):
        steps = [torch.diff(plane, dim=axis).abs() for plane in (first, second)]
        peaks = [_peak_of_eight(step.mean(3 - axis)) for step in steps]
        flat = [torch.exp(-step).mean((1, 2)) for step in steps]
        terms += [peaks[1], peaks[1] - peaks[0], flat[1], flat[1] - flat[0]]
    return [torch.stack(terms, dim=1)]


def _peak_of_eight(profile: Tensor) -> Tensor:
    """(N, 127) step heights by position: logarithm of the highest of the eight phases over their mean."""
    phases = F.pad(profile, (0, 1)).view(-1, PATCH // 8, 8).mean(1)
    return torch.log((phases.amax(1) + 0.2) / (phases.mean(1) + 0.2))
