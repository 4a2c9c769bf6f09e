"""Butteraugli as batched, differentiable torch arithmetic: distance maps as libjxl's ``butteraugli_main`` finds them.

Follows libjxl v0.7, ``lib/jxl/butteraugli/butteraugli.cc``, whose numbers are the constants here, at 80 nits. Linear
light becomes cone responses in an opponent space (X red minus green, Y bright, B blue), adapted to their surroundings.
Blurs split them into four bands, whose coring, clamping and boosting make them matter as they do to an eye. The
distance adds squared differences of the bands along short lines of sixteen directions ("Malta"), plain ones, and that
of the local activity; the reference's activity masks them. The same at half the resolution is added.

A blur is a product with a banded matrix: its rows are normalised by the weights inside the photo, as the program does.
On 50 pairs of ``photos/val`` 3-norm and maximum are within 0.01 % of the program's
(``python -m tests.benchmarks.teacher_agreement PHOTO_DIR``).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from models.metrics import butteraugli_constants as constants
from models.metrics.butteraugli_constants import Line
from training.maths.colour import linear_light

_LINE_REACH = 4


@dataclass(frozen=True, slots=True)
class _Bands:
    """A photo as seen at one resolution, float32: ``low`` and ``middle`` (N, 3, H, W), ``high`` and ``ultra`` (N, 2,
    H, W: X and Y), ``activity`` (N, 1, H, W)."""

    low: Tensor
    middle: Tensor
    high: Tensor
    ultra: Tensor
    activity: Tensor


class ButteraugliReference:
    """Reference photos, sRGB float32 (N, 3, H, W) in [0, 1], sides >= 8: what depends on them alone, computed once."""

    def __init__(self, reference: Tensor) -> None:
        self._scales = [(bands, _calmest(bands.activity)) for bands in _seen(reference)]

    def distance(self, distorted: Tensor) -> Tensor:
        """Distance maps (N, 1, H, W) of ``distorted``, of the reference's shape: see ``butteraugli_distance``."""
        maps = [
            _distance(bands, mask, other) for (bands, mask), other in zip(self._scales, _seen(distorted), strict=True)
        ]
        if len(maps) == 1:
            return maps[0]
        height, width = distorted.shape[-2:]
        half = maps[1].repeat_interleave(2, -2).repeat_interleave(2, -1)[..., :height, :width]
        return maps[0] * (1 - constants.HALF_SHARE * constants.HALF_WEIGHT) + half * constants.HALF_WEIGHT


def butteraugli_distance(reference: Tensor, distorted: Tensor) -> Tensor:
    """Distance maps (N, 1, H, W) of sRGB float32 (N, 3, H, W) in [0, 1], sides >= 8: 0 for equal pixels, 1 is visible.

    Differentiable in both, with finite gradients; on whatever device the images are. Let no autocast or TF32 product
    in: the bands are small differences of large numbers.
    """
    return ButteraugliReference(reference).distance(distorted)


def three_norm(distance: Tensor) -> Tensor:
    """What butteraugli_main prints as its 3-norm, of distance maps (N, 1, H, W): (N,)."""
    peak = distance.detach().amax((1, 2, 3), keepdim=True).clamp(min=1e-6)
    share = distance / peak
    norms = [share.pow(power).mean((1, 2, 3)).clamp(min=1e-30) ** (1 / power) for power in constants.NORM_POWERS]
    return torch.stack(norms).mean(0) * peak[:, 0, 0, 0]


def _seen(image: Tensor) -> list[_Bands]:
    """Bands at full and, where it is large enough, half resolution."""
    linear = linear_light(image)
    scales = [_bands(_opponent(linear))]
    if min(image.shape[-2:]) > 2 * (constants.SMALLEST - 1):
        half = F.avg_pool2d(linear, 2, ceil_mode=True, count_include_pad=False)
        scales.append(_bands(_opponent(half)))
    return scales


def _opponent(linear: Tensor) -> Tensor:
    """Opponent responses (N, 3, H, W) of linear light: OpsinDynamicsImage. Cones adapt to light blurred a little."""
    least = linear.new_tensor(constants.CONE_BIAS).view(3, 1, 1)
    surround = torch.maximum(_cones(_blur(linear, constants.SIGMA_ADAPTATION, mirrored=True)), least)
    response = constants.RESPONSE_SCALE * torch.log(surround + constants.RESPONSE_BIAS) + constants.RESPONSE_OFFSET
    sensitivity = (response / surround).clamp(min=constants.LEAST_SENSITIVITY)
    red, green, blue = torch.maximum(_cones(linear) * sensitivity, least).unbind(1)
    return torch.stack([red - green, red + green, blue], dim=1)


def _cones(linear: Tensor) -> Tensor:
    matrix = linear.new_tensor(constants.ABSORBANCE) * constants.NITS
    return torch.einsum("ij,njhw->nihw", matrix, linear) + linear.new_tensor(constants.CONE_BIAS).view(3, 1, 1)


def _blur(planes: Tensor, sigma: float, *, mirrored: bool = False) -> Tensor:
    """Gaussian blur of (N, C, H, W), cut at 2.25 sigma; past the edges nothing, or the mirrored photo."""
    rows, columns = (
        _band_matrix(side, sigma, planes.dtype, planes.device, mirrored=mirrored) for side in planes.shape[-2:]
    )
    return rows @ (planes @ columns.T)


@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)
def _band_matrix(side: int, sigma: float, dtype: torch.dtype, device: torch.device, *, mirrored: bool) -> Tensor:
    """(side, side): row i holds the weights of the pixels around i, of sum 1. Kept, so also fit for gradients."""
    radius = max(1, int(constants.SIGMAS_IN_RADIUS * sigma))
    place = torch.arange(side, device=device)
    sources = torch.arange(-radius if mirrored else 0, side + radius if mirrored else side, device=device)
    offset = sources - place[:, None]
    weights = torch.exp(offset.to(dtype) ** 2 / (-2 * sigma**2)) * (offset.abs() <= radius)
    if mirrored:
        folded = torch.where(sources < 0, -1 - sources, torch.where(sources >= side, 2 * side - 1 - sources, sources))
        weights = weights.new_zeros(side, side).index_add(1, folded, weights)
    return weights / weights.sum(1, keepdim=True)


def _bands(opponent: Tensor) -> _Bands:
    """SeparateFrequencies: low, middle, high and ultra-high bands, and what masks or betrays errors there."""
    low = _blur(opponent, constants.SIGMA_LOW)
    rest = opponent - low
    middle = _blur(rest, constants.SIGMA_MIDDLE)
    high_x, high_y = (rest - middle)[:, :2].chunk(2, dim=1)
    quiet = constants.SUPPRESSION / (high_y**2 + constants.SUPPRESSION)
    high_x = high_x * (constants.SUPPRESSION_FLOOR + (1 - constants.SUPPRESSION_FLOOR) * quiet)
    fine = torch.cat([high_x, high_y], dim=1)
    smooth_x, smooth_y = _blur(fine, constants.SIGMA_HIGH).chunk(2, dim=1)
    limited_y = _limited(smooth_y, constants.LIMIT_HIGH_Y)
    ultra_x = F.softshrink(high_x - smooth_x, constants.CORE_ULTRA_X)
    ultra_y = _limited(high_y - limited_y, constants.LIMIT_ULTRA_Y) * constants.GAIN_ULTRA_Y
    kept_x = F.softshrink(smooth_x, constants.CORE_HIGH_X)
    high = torch.cat([kept_x, _boosted(limited_y * constants.GAIN_HIGH_Y, constants.BOOST_HIGH_Y)], dim=1)
    ultra = torch.cat([ultra_x, ultra_y], dim=1)
    return _Bands(_low_values(low), _middle_values(middle), high, ultra, _activity(high, ultra))


def _low_values(low: Tensor) -> Tensor:
    x, y, b = low.unbind(1)
    return torch.stack([x, y, b + constants.LOW_Y_TO_B * y], dim=1) * low.new_tensor(constants.LOW_SCALES).view(3, 1, 1)


def _middle_values(middle: Tensor) -> Tensor:
    x, y, b = middle.chunk(3, dim=1)
    return torch.cat([F.softshrink(x, constants.CORE_MIDDLE_X), _boosted(y, constants.BOOST_MIDDLE_Y), b], dim=1)


def _boosted(band: Tensor, limit: float) -> Tensor:
    return band + band.clamp(-limit, limit)


def _limited(band: Tensor, limit: float) -> Tensor:
    inside = band.clamp(-limit, limit)
    return inside + constants.SLOPE_ABOVE_LIMIT * (band - inside)


def _activity(high: Tensor, ultra: Tensor) -> Tensor:
    """Strength of fine detail around each pixel, (N, 1, H, W): MaskPsychoImage and the first half of Mask."""
    x, y = (high + ultra).chunk(2, dim=1)
    square = (constants.ACTIVITY_X * x) ** 2 + (constants.ACTIVITY_Y * y) ** 2
    bias = constants.ACTIVITY_SCALE * constants.ACTIVITY_BIAS
    strength = torch.sqrt(constants.ACTIVITY_SCALE * _root(square) + bias) - bias**0.5
    return _blur(strength, constants.SIGMA_ACTIVITY)


def _root(square: Tensor) -> Tensor:
    """Square root, less a hundred-thousandth where it is larger: 0 at 0, and the slope stays finite there."""
    return torch.sqrt(square + 1e-10) - 1e-5


def _calmest(activity: Tensor) -> Tensor:
    """Weighted sum of the three least activities of nine places, the own one at hand thrice: FuzzyErosion."""
    height, width = activity.shape[-2:]
    padded = F.pad(activity, (constants.CALM_DISTANCE,) * 4, value=math.inf)
    first, second, third = activity, 2 * activity, 2 * activity
    for top in range(0, 2 * constants.CALM_DISTANCE + 1, constants.CALM_DISTANCE):
        for left in range(0, 2 * constants.CALM_DISTANCE + 1, constants.CALM_DISTANCE):
            if top == left == constants.CALM_DISTANCE:
                continue
            value = padded[..., top : top + height, left : left + width]
            first, value = torch.minimum(first, value), torch.maximum(first, value)
            second, value = torch.minimum(second, value), torch.maximum(second, value)
            third = torch.minimum(third, value)
    return constants.CALM_WEIGHTS[0] * first + constants.CALM_WEIGHTS[1] * second + constants.CALM_WEIGHTS[2] * third


def _distance(reference: _Bands, mask: Tensor, distorted: _Bands) -> Tensor:
    """Distance map (N, 1, H, W) at one resolution: DiffmapPsychoImage and CombineChannelsToDiffmap."""
    ultra = _malta_differences(reference.ultra, distorted.ultra, constants.MALTA_ULTRA, constants.ASYMMETRY)
    high = _malta_differences(reference.high, distorted.high, constants.MALTA_HIGH, constants.ASYMMETRY**0.5)
    middle = _malta_differences(reference.middle[:, :2], distorted.middle[:, :2], constants.MALTA_MIDDLE, 1.0)
    lines = constants.MALTA_FINE**2 * _line_energy(ultra, constants.FINE_LINES)
    lines = lines + constants.MALTA_COARSE**2 * _line_energy(torch.cat([high, middle], dim=1), constants.COARSE_LINES)
    plain = _plain_high(reference.high, distorted.high)
    plain = plain + _weighted((reference.middle - distorted.middle) ** 2, constants.PLAIN_MIDDLE)
    active = constants.ACTIVITY_WEIGHT * (reference.activity - distorted.activity) ** 2
    low = _weighted((reference.low - distorted.low) ** 2, constants.PLAIN_LOW)
    return _root(
        _sensitivity(mask, constants.MASK_LOW) * low + _sensitivity(mask, constants.MASK) * (lines + plain + active)
    )


def _sensitivity(mask: Tensor, parameters: tuple[float, float, float]) -> Tensor:
    """How much squared errors count where the reference's activity is ``mask``: MaskY, MaskDcY."""
    offset, scale, gain = parameters
    return (constants.GLOBAL_SCALE * (1 + gain / (scale * mask + offset))) ** 2


def _weighted(squares: Tensor, weights: tuple[float, ...]) -> Tensor:
    return torch.einsum("c,nchw->nhw", squares.new_tensor(weights), squares)[:, None]


def _malta_differences(
    reference: Tensor, distorted: Tensor, parameters: tuple[tuple[float, float], ...], asymmetry: float
) -> Tensor:
    """Differences (N, 2, H, W), less where both are strong; on top what is lost below or gained above the reference."""
    weight, norm = reference.new_tensor(parameters).T.reshape(2, 2, 1, 1)
    size, sign = reference.abs(), torch.where(reference < 0, -1.0, 1.0)
    scale = norm / constants.MALTA_LENGTH * weight.sqrt() / (norm + 0.5 * (size + distorted.abs()))
    along = distorted * sign
    beyond = F.relu(constants.MALTA_LOST * size - along) - F.relu(along - constants.MALTA_GAINED * size)
    both, one_sided = (constants.MALTA_EVEN * asymmetry) ** 0.5, (constants.MALTA_ONE_SIDED / asymmetry) ** 0.5
    difference: Tensor = scale * (both * (reference - distorted) + one_sided * sign * beyond)
    return difference


class _LineEnergy(torch.autograd.Function):
    """Squared sums of planes (N, C, H, W) along each line, added up over the lines, of the same shape.

    Sums are made of shifted planes and again for the gradient, instead of kept: on a processor that is four times as
    fast as a convolution and its gradient.
    """

    @staticmethod
    def forward(ctx: Any, planes: Tensor, lines: tuple[Line, ...]) -> Tensor:
        ctx.save_for_backward(planes)
        ctx.lines = lines
        energy = torch.zeros_like(planes)
        padded = F.pad(planes, (_LINE_REACH,) * 4)
        for times, offsets in lines:
            sums = _line_sums(planes, padded, offsets)
            energy.addcmul_(sums, sums, value=times)
        return energy

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        (planes,) = ctx.saved_tensors
        padded = F.pad(planes, (_LINE_REACH,) * 4)
        gradient = torch.zeros_like(padded)
        for times, offsets in ctx.lines:
            sums = _line_sums(planes, padded, offsets).mul_(slopes[0]).mul_(2 * times)
            _shifted(gradient, 0, 0).add_(sums)
            for x, y in offsets:
                _shifted(gradient, x, y).add_(sums)
                _shifted(gradient, -x, -y).add_(sums)
        return _shifted(gradient, 0, 0), None


def _line_sums(planes: Tensor, padded: Tensor, offsets: tuple[tuple[int, int], ...]) -> Tensor:
    sums = planes.clone()
    for x, y in offsets:
        sums += _shifted(padded, x, y)
        sums += _shifted(padded, -x, -y)
    return sums


def _shifted(padded: Tensor, x: int, y: int) -> Tensor:
    """The part of ``padded`` that lies (x, y) beside the middle: a view."""
    height, width = padded.shape[-2] - 2 * _LINE_REACH, padded.shape[-1] - 2 * _LINE_REACH
    return padded[..., _LINE_REACH + y : _LINE_REACH + y + height, _LINE_REACH + x : _LINE_REACH + x + width]


def _line_energy(differences: Tensor, lines: tuple[Line, ...]) -> Tensor:
    energy: Tensor = _LineEnergy.apply(differences, lines)  # type: ignore[no-untyped-call]
    return energy.sum(1, keepdim=True)


def _plain_high(reference: Tensor, distorted: Tensor) -> Tensor:
    """L2DiffAsymmetric of the high band: squared differences, and those past 0.4 and 1 times the reference."""
    size = reference.abs()
    along = distorted * torch.where(reference < 0, -1.0, 1.0)
    beyond = F.relu(constants.PLAIN_LOST * size - along) + F.relu(along - constants.PLAIN_GAINED * size)
    squares = constants.ASYMMETRY * (reference - distorted) ** 2 + beyond**2 / constants.ASYMMETRY
    return constants.PLAIN_WEIGHT * _weighted(squares, constants.PLAIN_HIGH)
