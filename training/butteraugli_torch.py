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

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST = 8
"""The shorter side must have as many pixels; a half-resolution pass with a shorter side is left out."""
NORM_POWERS = (3, 6, 12)
"""The norms whose mean butteraugli_main prints as its 3-norm: ``lib/jxl/enc_butteraugli_pnorm.cc``."""

_NITS = 80.0
_ASYMMETRY = 0.8
"""``hf_asymmetry`` of ``tools/butteraugli_main.cc`` in v0.7 (later versions: 1): the share of the differences in high
bands that count either way; what is lost below or gained above the reference is divided by it."""

_ABSORBANCE = (
    (0.29956550340058319, 0.63373087833825936, 0.077705617820981968),
    (0.22158691104574774, 0.69391388044116142, 0.0987313588422),
    (0.02, 0.02, 0.20480129041026129),
)
_CONE_BIAS = (1.7557483643287353, 1.7557483643287353, 12.226454707163354)
_LEAST_SENSITIVITY = 1e-4

_SIGMA_ADAPTATION = 1.2
_SIGMA_LOW, _SIGMA_MIDDLE, _SIGMA_HIGH = 7.15593339443, 3.22489901262, 1.56416327805
_SIGMA_ACTIVITY = 2.7
_SIGMAS_IN_RADIUS = 2.25

_LOW_SCALES = (32.2217497012, 13.7697791434, 47.504615728)
_LOW_Y_TO_B = -0.362267051518
_CORE_MIDDLE_X, _BOOST_MIDDLE_Y = 0.29, 0.1
_CORE_HIGH_X, _CORE_ULTRA_X = 1.5, 0.04
_SUPPRESSION, _SUPPRESSION_FLOOR = 46.0, 0.653020556257
_LIMIT_HIGH_Y, _LIMIT_ULTRA_Y, _SLOPE_ABOVE_LIMIT = 28.4691806922, 5.19175294647, 0.724216145665
_GAIN_HIGH_Y, _GAIN_ULTRA_Y, _BOOST_HIGH_Y = 2.155, 2.69313763794, 0.132

_ACTIVITY_X, _ACTIVITY_Y = 2.5, 0.4
_ACTIVITY_SCALE, _ACTIVITY_BIAS, _ACTIVITY_WEIGHT = 6.19424080439, 12.61050594197, 10.0
_CALM_DISTANCE, _CALM_WEIGHTS = 3, (0.45, 0.3, 0.25)

# DiffmapPsychoImage: X, Y and, for plain differences, B.
_MALTA_ULTRA = ((173.5, 5.0), (1.10039032555, 71.7800275169))
_MALTA_HIGH = ((6923.99476109, 8051.15833247), (18.7237414387, 4498534.45232))
_MALTA_MIDDLE = ((8246.75321353, 1009002.70582), (37.0819870399, 130262059.556))
_PLAIN_HIGH = (400.0, 1.50815703118)
_PLAIN_MIDDLE = (2150.0, 10.6195433239, 16.2176043152)
_PLAIN_LOW = (29.2353797994, 0.844626970982, 0.703646627719)
_MALTA_FINE, _MALTA_COARSE = 0.39905817637, 0.611612573796
_MALTA_WEIGHTS, _MALTA_LENGTH = (0.5, 0.33), 2 * 3.75 + 1
_MALTA_LOST, _MALTA_GAINED = 0.55, 1.05
_PLAIN_LOST, _PLAIN_WEIGHT = 0.4, 0.8

_GLOBAL_SCALE = 1 / (17.8 * math.log(80) / math.log(255))
_MASK = (0.829591754942, 0.451936922203, 2.5485944793)
_MASK_LOW = (0.20025578522, 3.87449418804, 0.505054525019)
_HALF_WEIGHT, _HALF_SHARE = 0.5, 0.3

_LINES_FINE = (
    "-4,0 -3,0 -2,0 -1,0", "0,-4 0,-3 0,-2 0,-1", "-3,-3 -2,-2 -1,-1", "3,-3 2,-2 1,-1",
    "1,-4 1,-3 1,-2 0,-1", "-1,-4 -1,-3 -1,-2 0,-1", "-4,-1 -3,-1 -2,-1 -1,0", "-4,1 -3,1 -2,1 -1,0",
    "-2,-3 -1,-2 -1,-1", "2,-3 1,-2 1,-1", "-3,-2 -2,-1 -1,-1", "3,-2 2,-1 1,-1",
    "-4,1 -3,1 -2,1 -1,0", "-4,-1 -3,-1 -2,-1 -1,0", "-1,-4 -1,-3 -1,-2 0,-1", "1,-4 1,-3 1,-2 0,-1",
)  # fmt: skip
_LINES_COARSE = (
    "-4,0 -2,0", "0,-4 0,-2", "-3,-3 -2,-2", "3,-3 2,-2", "1,-4 1,-2", "-1,-4 -1,-2", "-4,-1 -2,-1", "-4,1 -2,1",
    "-2,-3 -1,-2", "2,-3 1,-2", "-3,-2 -2,-1", "3,-2 2,-1", "-4,2 -2,1", "-4,-2 -2,-1", "-2,-4 -1,-2", "2,-4 1,-2",
)  # fmt: skip
"""Sixteen lines, each the x,y offsets of one half, which the other half mirrors. Coarse lines have gaps."""


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
        return maps[0] * (1 - _HALF_SHARE * _HALF_WEIGHT) + half * _HALF_WEIGHT


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
    norms = [share.pow(power).mean((1, 2, 3)).clamp(min=1e-30) ** (1 / power) for power in NORM_POWERS]
    return torch.stack(norms).mean(0) * peak[:, 0, 0, 0]


def _seen(image: Tensor) -> list[_Bands]:
    """Bands at full and, where it is large enough, half resolution."""
    linear = torch.where(image <= 0.04045, image / 12.92, ((image.clamp(min=0.04) + 0.055) / 1.055) ** 2.4)
    scales = [_bands(_opponent(linear))]
    if min(image.shape[-2:]) > 2 * (SMALLEST - 1):
        half = F.avg_pool2d(linear, 2, ceil_mode=True, count_include_pad=False)
        scales.append(_bands(_opponent(half)))
    return scales


def _opponent(linear: Tensor) -> Tensor:
    """Opponent responses (N, 3, H, W) of linear light: OpsinDynamicsImage. Cones adapt to light blurred a little."""
    least = linear.new_tensor(_CONE_BIAS).view(3, 1, 1)
    surround = torch.maximum(_cones(_blur(linear, _SIGMA_ADAPTATION, mirrored=True)), least)
    response = 19.245013259874995 * torch.log(surround + 9.9710635769299145) - 23.16046239805755
    sensitivity = (response / surround).clamp(min=_LEAST_SENSITIVITY)
    red, green, blue = torch.maximum(_cones(linear) * sensitivity, least).unbind(1)
    return torch.stack([red - green, red + green, blue], dim=1)


def _cones(linear: Tensor) -> Tensor:
    matrix = linear.new_tensor(_ABSORBANCE) * _NITS
    return torch.einsum("ij,njhw->nihw", matrix, linear) + linear.new_tensor(_CONE_BIAS).view(3, 1, 1)


def _blur(planes: Tensor, sigma: float, *, mirrored: bool = False) -> Tensor:
    """Gaussian blur of (N, C, H, W), cut at 2.25 sigma; past the edges nothing, or the mirrored photo."""
    rows, columns = (_band_matrix(side, sigma, planes, mirrored=mirrored) for side in planes.shape[-2:])
    return rows @ (planes @ columns.T)


def _band_matrix(side: int, sigma: float, like: Tensor, *, mirrored: bool) -> Tensor:
    """(side, side): row i holds the weights of the pixels around i, of sum 1."""
    radius = max(1, int(_SIGMAS_IN_RADIUS * sigma))
    place = torch.arange(side, device=like.device)
    sources = torch.arange(-radius if mirrored else 0, side + radius if mirrored else side, device=like.device)
    offset = sources - place[:, None]
    weights = torch.exp(offset.to(like.dtype) ** 2 / (-2 * sigma**2)) * (offset.abs() <= radius)
    if mirrored:
        folded = torch.where(sources < 0, -1 - sources, torch.where(sources >= side, 2 * side - 1 - sources, sources))
        weights = weights.new_zeros(side, side).index_add(1, folded, weights)
    return weights / weights.sum(1, keepdim=True)


def _bands(opponent: Tensor) -> _Bands:
    """SeparateFrequencies: low, middle, high and ultra-high bands, and what masks or betrays errors there."""
    low = _blur(opponent, _SIGMA_LOW)
    rest = opponent - low
    middle = _blur(rest, _SIGMA_MIDDLE)
    high_x, high_y = (rest - middle)[:, :2].chunk(2, dim=1)
    high_x = high_x * (_SUPPRESSION_FLOOR + (1 - _SUPPRESSION_FLOOR) * _SUPPRESSION / (high_y**2 + _SUPPRESSION))
    fine = torch.cat([high_x, high_y], dim=1)
    smooth_x, smooth_y = _blur(fine, _SIGMA_HIGH).chunk(2, dim=1)
    limited_y = _limited(smooth_y, _LIMIT_HIGH_Y)
    ultra_x = F.softshrink(high_x - smooth_x, _CORE_ULTRA_X)
    ultra_y = _limited(high_y - limited_y, _LIMIT_ULTRA_Y) * _GAIN_ULTRA_Y
    high = torch.cat([F.softshrink(smooth_x, _CORE_HIGH_X), _boosted(limited_y * _GAIN_HIGH_Y, _BOOST_HIGH_Y)], dim=1)
    ultra = torch.cat([ultra_x, ultra_y], dim=1)
    return _Bands(_low_values(low), _middle_values(middle), high, ultra, _activity(high, ultra))


def _low_values(low: Tensor) -> Tensor:
    x, y, b = low.unbind(1)
    return torch.stack([x, y, b + _LOW_Y_TO_B * y], dim=1) * low.new_tensor(_LOW_SCALES).view(3, 1, 1)


def _middle_values(middle: Tensor) -> Tensor:
    x, y, b = middle.chunk(3, dim=1)
    return torch.cat([F.softshrink(x, _CORE_MIDDLE_X), _boosted(y, _BOOST_MIDDLE_Y), b], dim=1)


def _boosted(band: Tensor, limit: float) -> Tensor:
    return band + band.clamp(-limit, limit)


def _limited(band: Tensor, limit: float) -> Tensor:
    inside = band.clamp(-limit, limit)
    return inside + _SLOPE_ABOVE_LIMIT * (band - inside)


def _activity(high: Tensor, ultra: Tensor) -> Tensor:
    """Strength of fine detail around each pixel, (N, 1, H, W): MaskPsychoImage and the first half of Mask."""
    x, y = ((high + ultra) * high.new_tensor([_ACTIVITY_X, _ACTIVITY_Y]).view(2, 1, 1)).chunk(2, dim=1)
    bias = _ACTIVITY_SCALE * _ACTIVITY_BIAS
    strength = torch.sqrt(_ACTIVITY_SCALE * _root(x**2 + y**2) + bias) - bias**0.5
    return _blur(strength, _SIGMA_ACTIVITY)


def _root(square: Tensor) -> Tensor:
    """Square root, less a hundred-thousandth where it is larger: 0 at 0, and the slope stays finite there."""
    return torch.sqrt(square + 1e-10) - 1e-5


def _calmest(activity: Tensor) -> Tensor:
    """Weighted sum of the three least activities of nine places, the own one at hand thrice: FuzzyErosion."""
    height, width = activity.shape[-2:]
    padded = F.pad(activity, (_CALM_DISTANCE,) * 4, value=math.inf)
    first, second, third = activity, 2 * activity, 2 * activity
    for top in range(0, 2 * _CALM_DISTANCE + 1, _CALM_DISTANCE):
        for left in range(0, 2 * _CALM_DISTANCE + 1, _CALM_DISTANCE):
            if top == left == _CALM_DISTANCE:
                continue
            value = padded[..., top : top + height, left : left + width]
            first, value = torch.minimum(first, value), torch.maximum(first, value)
            second, value = torch.minimum(second, value), torch.maximum(second, value)
            third = torch.minimum(third, value)
    return _CALM_WEIGHTS[0] * first + _CALM_WEIGHTS[1] * second + _CALM_WEIGHTS[2] * third


def _distance(reference: _Bands, mask: Tensor, distorted: _Bands) -> Tensor:
    """Distance map (N, 1, H, W) at one resolution: DiffmapPsychoImage and CombineChannelsToDiffmap."""
    ultra = _malta_differences(reference.ultra, distorted.ultra, _MALTA_ULTRA, _ASYMMETRY)
    high = _malta_differences(reference.high, distorted.high, _MALTA_HIGH, _ASYMMETRY**0.5)
    middle = _malta_differences(reference.middle[:, :2], distorted.middle[:, :2], _MALTA_MIDDLE, 1.0)
    lines = _MALTA_FINE**2 * _line_energy(ultra, _LINES_FINE)
    lines = lines + _MALTA_COARSE**2 * _line_energy(torch.cat([high, middle], dim=1), _LINES_COARSE)
    plain = _plain_high(reference.high, distorted.high)
    plain = plain + _weighted((reference.middle - distorted.middle) ** 2, _PLAIN_MIDDLE)
    active = _ACTIVITY_WEIGHT * (reference.activity - distorted.activity) ** 2
    low = _weighted((reference.low - distorted.low) ** 2, _PLAIN_LOW)
    return _root(_sensitivity(mask, _MASK_LOW) * low + _sensitivity(mask, _MASK) * (lines + plain + active))


def _sensitivity(mask: Tensor, parameters: tuple[float, float, float]) -> Tensor:
    """How much squared errors count where the reference's activity is ``mask``: MaskY, MaskDcY."""
    offset, scale, gain = parameters
    return (_GLOBAL_SCALE * (1 + gain / (scale * mask + offset))) ** 2


def _weighted(squares: Tensor, weights: tuple[float, ...]) -> Tensor:
    return torch.einsum("c,nchw->nhw", squares.new_tensor(weights), squares)[:, None]


def _malta_differences(
    reference: Tensor, distorted: Tensor, parameters: tuple[tuple[float, float], ...], asymmetry: float
) -> Tensor:
    """Differences (N, 2, H, W), less where both are strong; on top what is lost below or gained above the reference."""
    weight, norm = reference.new_tensor(parameters).T.reshape(2, 2, 1, 1)
    scale = norm / _MALTA_LENGTH * weight.sqrt() / (norm + 0.5 * (reference.abs() + distorted.abs()))
    size, sign = reference.abs(), torch.where(reference < 0, -1.0, 1.0)
    along = distorted * sign
    beyond = F.relu(_MALTA_LOST * size - along) - F.relu(along - _MALTA_GAINED * size)
    both, one_sided = (_MALTA_WEIGHTS[0] * asymmetry) ** 0.5, (_MALTA_WEIGHTS[1] / asymmetry) ** 0.5
    difference: Tensor = scale * (both * (reference - distorted) + one_sided * sign * beyond)
    return difference


def _line_energy(differences: Tensor, lines: tuple[str, ...]) -> Tensor:
    """Squared sums of ``differences`` (N, C, H, W) along each line, added up over lines and channels: (N, 1, H, W)."""
    count, channels, height, width = differences.shape
    sums = F.conv2d(differences.reshape(-1, 1, height, width), _line_kernels(lines, differences), padding=4)
    return (sums**2).sum(1).reshape(count, channels, height, width).sum(1, keepdim=True)


def _line_kernels(lines: tuple[str, ...], like: Tensor) -> Tensor:
    """(16, 1, 9, 9), 1 on the line."""
    kernels = torch.zeros(len(lines), 1, 9, 9)
    kernels[:, :, 4, 4] = 1
    for index, line in enumerate(lines):
        for offset in line.split():
            x, y = map(int, offset.split(","))
            kernels[index, 0, 4 + y, 4 + x] = kernels[index, 0, 4 - y, 4 - x] = 1
    return kernels.to(like)


def _plain_high(reference: Tensor, distorted: Tensor) -> Tensor:
    """L2DiffAsymmetric of the high band: squared differences, and those past 0.4 and 1 times the reference."""
    size = reference.abs()
    along = distorted * torch.where(reference < 0, -1.0, 1.0)
    beyond = F.relu(_PLAIN_LOST * size - along) + F.relu(along - size)
    squares = _ASYMMETRY * (reference - distorted) ** 2 + beyond**2 / _ASYMMETRY
    return _PLAIN_WEIGHT * _weighted(squares, _PLAIN_HIGH)
