"""What a distortion did to a photo, as numbers that are zero where nothing changed: the inputs of the label mixture.

All maps are computed once for the whole photo and then averaged over the photo or over a grid of square cells, so that
the labels of patches are those of the patch *in its photo*, as a viewer sees it.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models.types import Rgb8
from training.maths.blur import separable
from training.maths.colour import to_ycbcr
from training.maths.gradients import GMS_CONSTANT, MDSI_C1, MDSI_C2, MDSI_C3, mdsi_channels, prewitt, similarity
from training.metrics import ssimulacra2

BANDS = 4
# Luma levels that are visible without any texture around, of the order of Weber's law at mid grey.
MASKING_FLOOR = 3.0
# Nafchi et al. 2016 (MDSI), section 2: weight of the gradients beside chromaticity.
MDSI_ALPHA = 0.6

NAMES: tuple[str, ...] = (
    "rms_y", "rms_cb", "rms_cr",
    "band_0", "band_1", "band_2", "band_3",
    "masked_0", "masked_1", "masked_2", "masked_3",
    "structure_0", "structure_1", "structure_2", "structure_3",
    "mean_shift", "contrast_lost", "contrast_gained", "saturation_lost",
    "gms_mean", "gms_deviation", "mdsi_deviation", "mdsi_chroma",
    "ssimulacra2",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PairMaps:
    """Maps of one pair at full or reduced resolution, each (1, C, h, w), before any pooling."""

    first: Tensor
    second: Tensor
    bands: list[Tensor]
    masked: list[Tensor]
    structure: list[Tensor]
    gradient: Tensor
    combined: Tensor
    chroma_loss: Tensor
    ssimulacra2: list[list[Tensor]]


def pair_features(
    reference: Rgb8, distorted: Rgb8, cells: tuple[int | None, ...] = (None,)
) -> list[NDArray[np.float64]]:
    """Features of a pair, all >= 0 and 0 for identical pixels; the order is ``NAMES``.

    Args: uint8 (H, W, 3) of one size, sides >= 256 (six scales). ``cells``: sides of square cells in pixels, multiples
    of 32; None pools over the whole photo. Returns: for each cell size float64 (rows, columns, len(NAMES)); incomplete
    cells are left out.
    """
    with torch.inference_mode():
        maps = _maps(ssimulacra2.srgb_to_tensor(reference), ssimulacra2.srgb_to_tensor(distorted))
        return [_pooled(maps, cell).double().numpy() for cell in cells]


def _maps(one: Tensor, two: Tensor) -> PairMaps:
    first, second = (to_ycbcr(image) * 255 for image in (one, two))
    bands, masked, structure = _band_maps(first[:, :1], second[:, :1])
    gradient, combined, chroma_loss = _gradient_maps(one, two)
    return PairMaps(
        first, second, bands, masked, structure, gradient, combined, chroma_loss, ssimulacra2.error_maps(one, two)
    )


def _pooled(maps: PairMaps, cell: int | None) -> Tensor:
    error = maps.second - maps.first
    columns = [
        *(_rms(error[:, channel : channel + 1], cell) for channel in range(3)),
        *(_rms(band, cell, scale) for scale, band in enumerate(maps.bands)),
        *(_mean(values, cell, scale)[0] for scale, values in enumerate(maps.masked)),
        *(_mean(values, cell, scale)[0] for scale, values in enumerate(maps.structure)),
        *_tone(maps.first, maps.second, cell),
        _mean(1 - maps.gradient, cell, 1)[0].clamp(min=0),
        _deviation(maps.gradient, cell),
        _absolute_deviation(maps.combined, cell),
        _mean(maps.chroma_loss, cell, 1)[0],
        100 - ssimulacra2.score_of_cells(maps.ssimulacra2, cell),
    ]
    features = torch.stack(columns, dim=-1)
    changed = _mean(error.abs().sum(1, keepdim=True), cell)[0] > 0
    return features * changed[..., None]


def _mean(values: Tensor, cell: int | None, scale: int = 0) -> Tensor:
    """Mean of (1, C, h, w) over cells of ``cell`` >> ``scale`` pixels: (C, rows, columns)."""
    if cell is None:
        return values.mean((2, 3), keepdim=True)[0]
    rows, columns = (side * (1 << scale) // cell for side in values.shape[2:])
    return F.avg_pool2d(values, cell >> scale)[0, :, :rows, :columns]


def _rms(values: Tensor, cell: int | None, scale: int = 0) -> Tensor:
    return _mean(values**2, cell, scale).sqrt()[0]


def _blur(values: Tensor) -> Tensor:
    """Binomial over 5 pixels, edges reflected."""
    return separable(F.pad(values, (2, 2, 2, 2), mode="reflect"), torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16)


def _band_maps(one: Tensor, two: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Per octave of luma: error of the detail, the same divided by the reference's own detail, and lost structure."""
    bands, masked, structure = [], [], []
    for _ in range(BANDS):
        smooth1, smooth2 = _blur(one), _blur(two)
        detail = one - smooth1
        error = two - smooth2 - detail
        activity = _blur(_blur(detail * detail)).clamp(min=0).sqrt()
        bands.append(error)
        masked.append(error.abs() / (activity + MASKING_FLOOR))
        structure.append(_structure_loss(one, two))
        one, two = F.avg_pool2d(smooth1, 2), F.avg_pool2d(smooth2, 2)
    return bands, masked, structure


def _structure_loss(one: Tensor, two: Tensor) -> Tensor:
    """One minus SSIM's contrast-structure term, at each pixel."""
    mean1, mean2 = _blur(_blur(one)), _blur(_blur(two))
    variance1 = _blur(_blur(one * one)) - mean1 * mean1
    variance2 = _blur(_blur(two * two)) - mean2 * mean2
    covariance = _blur(_blur(one * two)) - mean1 * mean2
    constant = (0.03 * 255) ** 2
    return (1 - (2 * covariance + constant) / (variance1 + variance2 + constant)).clamp(min=0)


def _tone(first: Tensor, second: Tensor, cell: int | None) -> list[Tensor]:
    """Shift of the mean in levels, then contrast lost, contrast gained and saturation lost as logarithms of ratios."""
    spread1, spread2 = (_spread(image[:, :1], cell) for image in (first, second))
    chroma1, chroma2 = (_mean(image[:, 1:].square().sum(1, keepdim=True).sqrt(), cell)[0] for image in (first, second))
    contrast = torch.log((spread2 + 2) / (spread1 + 2))
    saturation = torch.log((chroma2 + 2) / (chroma1 + 2))
    shift = _mean(second[:, :1] - first[:, :1], cell)[0].abs()
    return [shift, (-contrast).clamp(min=0), contrast.clamp(min=0), (-saturation).clamp(min=0)]


def _spread(plane: Tensor, cell: int | None) -> Tensor:
    return (_mean(plane**2, cell) - _mean(plane, cell) ** 2).clamp(min=0).sqrt()[0]


def _gradient_size(plane: Tensor) -> Tensor:
    down, across = prewitt(F.pad(plane, (1, 1, 1, 1), mode="replicate")).chunk(2, dim=1)
    return torch.hypot(across, down)


def _gradient_maps(one: Tensor, two: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """GMSD's gradient similarity, MDSI's combined similarity to the power 1/4, and MDSI's loss of chromaticity."""
    first, second = (mdsi_channels(image) for image in (one, two))
    size1, size2, both = (
        _gradient_size(plane) for plane in (first[:, :1], second[:, :1], (first[:, :1] + second[:, :1]) / 2)
    )
    combined = similarity(size1, size2, MDSI_C1) + similarity(size2, both, MDSI_C2) - similarity(size1, both, MDSI_C2)
    cross = 2 * (first[:, 1:] * second[:, 1:]).sum(1, keepdim=True) + MDSI_C3
    energy = first[:, 1:].square().sum(1, keepdim=True) + second[:, 1:].square().sum(1, keepdim=True) + MDSI_C3
    chroma = cross / energy
    whole = (MDSI_ALPHA * combined + (1 - MDSI_ALPHA) * chroma).clamp(min=0) ** 0.25
    return similarity(size1, size2, GMS_CONSTANT), whole, (1 - chroma).clamp(min=0)


def _deviation(values: Tensor, cell: int | None) -> Tensor:
    variance = (_mean(values**2, cell, 1) - _mean(values, cell, 1) ** 2)[0]
    return torch.where(variance > 1e-7, variance.clamp(min=1e-12).sqrt(), torch.zeros_like(variance))


def _absolute_deviation(values: Tensor, cell: int | None) -> Tensor:
    """MDSI's pooling: mean absolute deviation to the power 1/4; zero where nothing deviates by more than rounding."""
    mean = _mean(values, cell, 1)
    if cell is None:
        spread = (values - mean).abs()
    else:
        height, width = mean.shape[1] * (cell >> 1), mean.shape[2] * (cell >> 1)
        full = mean.repeat_interleave(cell >> 1, 1).repeat_interleave(cell >> 1, 2)
        spread = (values[:, :, :height, :width] - full).abs()
    deviation = _mean(spread, cell, 1)[0]
    return torch.where(deviation > 1e-6, deviation.clamp(min=1e-12) ** 0.25, torch.zeros_like(deviation))
