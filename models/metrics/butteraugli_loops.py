"""Compiled loops of butteraugli: each walks rows so that inner loops run over a few rows side by side.

Planes are float32 (h, w). No inner loop touches more than six rows at once, or the compiler would not vectorise it.
"""

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.metrics import butteraugli_constants as constants
from models.types import Float32Array

LINE_REACH = 4
"""Pixels from the middle of a line to its end."""

_CALM = constants.CALM_DISTANCE
_GLOBAL_SCALE = np.float32(constants.GLOBAL_SCALE)
_SLOPE = np.float32(constants.SLOPE_ABOVE_LIMIT)
_SUPPRESSION = np.float32(constants.SUPPRESSION)
_FLOOR = np.float32(constants.SUPPRESSION_FLOOR)
_MALTA_LOST, _MALTA_GAINED = np.float32(constants.MALTA_LOST), np.float32(constants.MALTA_GAINED)
_PLAIN_LOST, _PLAIN_GAINED = np.float32(constants.PLAIN_LOST), np.float32(constants.PLAIN_GAINED)


@compiled
def mix(planes: Float32Array, weights: Float32Array, bias: np.float32, target: Float32Array) -> None:
    """Weighted sum of the three ``planes`` (3, h, w), plus ``bias``."""
    for y in range(target.shape[0]):
        red, green, blue, row = planes[0, y], planes[1, y], planes[2, y], target[y]
        for j in range(row.shape[0]):
            row[j] = weights[0] * red[j] + weights[1] * green[j] + weights[2] * blue[j] + bias


@compiled
def blur(plane: Float32Array, weights: Float32Array, target: Float32Array) -> None:
    """Symmetric blur of ``weights`` (radius + 1,), the middle first, normalised by the weights inside the plane.

    ``target`` may be ``plane`` itself.
    """
    height, width = plane.shape
    radius = weights.shape[0] - 1
    across = np.empty((height, width), np.float32)
    line = np.zeros(width + 2 * radius, np.float32)
    scale = _scale_inside(width, weights)
    for y in range(height):
        _copy(plane[y], line[radius : radius + width])
        row = across[y]
        _set_scaled(row, line[radius : radius + width], weights[0])
        for k in range(1, radius + 1):
            _add_pair(row, line[radius - k : radius - k + width], line[radius + k : radius + k + width], weights[k])
        for j in range(width):
            row[j] *= scale[j]
    scale = _scale_inside(height, weights)
    for y in range(height):
        row = target[y]
        _set_scaled(row, across[y], weights[0] * scale[y])
        for k in range(1, radius + 1):
            above, below, weight = y - k, y + k, weights[k] * scale[y]
            if above >= 0 and below < height:
                _add_pair(row, across[above], across[below], weight)
            elif above >= 0:
                _add_scaled(row, across[above], weight)
            elif below < height:
                _add_scaled(row, across[below], weight)


@compiled
def _scale_inside(side: int, weights: Float32Array) -> Float32Array:
    """One over the sum of the weights that fall inside a row of ``side`` pixels, at each of them."""
    scale = np.empty(side, np.float32)
    for j in range(side):
        total = weights[0]
        for k in range(1, weights.shape[0]):
            if j - k >= 0:
                total += weights[k]
            if j + k < side:
                total += weights[k]
        scale[j] = np.float32(1) / total
    return scale


@compiled
def _copy(source: Float32Array, row: Float32Array) -> None:
    """As ``row[:] = source``, which takes two seconds longer to compile."""
    for j in range(row.shape[0]):
        row[j] = source[j]


@compiled
def _set_scaled(row: Float32Array, source: Float32Array, weight: np.float32) -> None:
    for j in range(row.shape[0]):
        row[j] = weight * source[j]


@compiled
def _add_scaled(row: Float32Array, source: Float32Array, weight: np.float32) -> None:
    for j in range(row.shape[0]):
        row[j] += weight * source[j]


@compiled
def _add_pair(row: Float32Array, one: Float32Array, other: Float32Array, weight: np.float32) -> None:
    for j in range(row.shape[0]):
        row[j] += weight * (one[j] + other[j])


@compiled
def suppress(x: Float32Array, y: Float32Array) -> None:
    """SuppressXByY: red-green detail ``x``, in place, is seen less where brightness ``y`` changes."""
    for i in range(x.shape[0]):
        one, other = x[i], y[i]
        for j in range(one.shape[0]):
            quiet = _SUPPRESSION / (other[j] * other[j] + _SUPPRESSION)
            one[j] *= _FLOOR + (np.float32(1) - _FLOOR) * quiet


@compiled
def core(plane: Float32Array, limit: np.float32, inside: np.float32, outside: np.float32) -> None:
    """``plane``, in place: ``inside`` times what lies within ``limit`` of zero plus ``outside`` times the excess."""
    for y in range(plane.shape[0]):
        row = plane[y]
        for j in range(row.shape[0]):
            within = min(max(row[j], -limit), limit)
            row[j] = inside * within + outside * (row[j] - within)


@compiled
def boost(plane: Float32Array, gain: np.float32, limit: np.float32) -> None:
    """``plane`` times ``gain``, in place, and twice what then lies within ``limit`` of zero."""
    for y in range(plane.shape[0]):
        row = plane[y]
        for j in range(row.shape[0]):
            value = gain * row[j]
            row[j] = value + min(max(value, -limit), limit)


@compiled
def strength(high: Float32Array, ultra: Float32Array, weights: Float32Array, target: Float32Array) -> None:
    """Bent amplitude of the detail in X and Y: ``high`` and ``ultra`` are (2, h, w), ``weights`` (2,)."""
    scale, bias = np.float32(constants.ACTIVITY_SCALE), np.float32(constants.ACTIVITY_SCALE * constants.ACTIVITY_BIAS)
    offset = np.sqrt(bias)
    for y in range(target.shape[0]):
        high_x, high_y, ultra_x, ultra_y, row = high[0, y], high[1, y], ultra[0, y], ultra[1, y], target[y]
        for j in range(row.shape[0]):
            x, luma = weights[0] * (high_x[j] + ultra_x[j]), weights[1] * (high_y[j] + ultra_y[j])
            row[j] = np.sqrt(scale * np.sqrt(x * x + luma * luma) + bias) - offset


@compiled
def calmest(activity: Float32Array, weights: Float32Array, target: Float32Array) -> None:
    """FuzzyErosion: weighted sum of the three least activities of nine places, others than the middle's not doubled."""
    height, width = activity.shape
    least = np.empty((3, width), np.float32)
    line = np.full(width + 2 * _CALM, np.inf, np.float32)
    for y in range(height):
        first, second, third = least[0], least[1], least[2]
        for j in range(width):
            first[j] = activity[y, j]
            second[j] = third[j] = np.float32(2) * first[j]
        for i in range(y - _CALM, y + _CALM + 1, _CALM):
            if 0 <= i < height:
                _copy(activity[i], line[_CALM : _CALM + width])
                _keep_least(first, second, third, line[:width])
                _keep_least(first, second, third, line[2 * _CALM :])
                if i != y:
                    _keep_least(first, second, third, line[_CALM : _CALM + width])
        row = target[y]
        for j in range(width):
            row[j] = weights[0] * first[j] + weights[1] * second[j] + weights[2] * third[j]


@compiled
def _keep_least(first: Float32Array, second: Float32Array, third: Float32Array, values: Float32Array) -> None:
    for j in range(first.shape[0]):
        larger = max(first[j], values[j])
        first[j] = min(first[j], values[j])
        largest = max(second[j], larger)
        second[j] = min(second[j], larger)
        third[j] = min(third[j], largest)


@compiled
def malta_differences(
    reference: Float32Array,
    distorted: Float32Array,
    even: np.float32,
    one_sided: np.float32,
    norm: np.float32,
    target: Float32Array,
) -> None:
    """First half of MaltaDiffMapT: differences, less where both are strong, and what is lost or gained on top.

    ``target``: (h + 8, w + 8) with a border, which is left alone.
    """
    half = np.float32(0.5)
    for y in range(reference.shape[0]):
        one, other = reference[y], distorted[y]
        row = target[y + LINE_REACH, LINE_REACH : LINE_REACH + one.shape[0]]
        for j in range(one.shape[0]):
            size = abs(one[j])
            sign = np.copysign(np.float32(1), one[j])
            along = sign * other[j]
            lost = max(_MALTA_LOST * size - along, np.float32(0))
            gained = max(along - _MALTA_GAINED * size, np.float32(0))
            wrong = even * (one[j] - other[j]) + one_sided * sign * (lost - gained)
            row[j] = wrong / (norm + half * (size + abs(other[j])))


@compiled
def add_line_energy(
    differences: Float32Array, offsets: NDArray[np.int64], times: NDArray[np.int64], target: Float32Array
) -> None:
    """MaltaUnit: adds the squared sums of ``differences`` (h + 8, w + 8) along lines to ``target`` (h, w).

    ``offsets``: (lines, pairs, 2), x and y of one half of a line, then zeros. ``times``: how often a line counts.
    """
    height, width = target.shape
    sums = np.empty(width, np.float32)
    for i in range(height):
        for n in range(offsets.shape[0]):
            y = i + LINE_REACH
            _copy(differences[y, LINE_REACH : LINE_REACH + width], sums)
            for k in range(offsets.shape[1]):
                dx, dy = offsets[n, k, 0], offsets[n, k, 1]
                if dx == 0 and dy == 0:
                    break
                left, right = LINE_REACH + dx, LINE_REACH - dx
                _add_pair(
                    sums,
                    differences[y + dy, left : left + width],
                    differences[y - dy, right : right + width],
                    np.float32(1),
                )
            _add_squares(target[i], sums, np.float32(times[n]))


@compiled
def _add_squares(row: Float32Array, values: Float32Array, weight: np.float32) -> None:
    for j in range(row.shape[0]):
        row[j] += weight * values[j] * values[j]


@compiled
def add_squared_differences(
    reference: Float32Array, distorted: Float32Array, weight: np.float32, target: Float32Array
) -> None:
    """L2Diff: adds ``weight`` times the squared difference."""
    for y in range(target.shape[0]):
        one, other, row = reference[y], distorted[y], target[y]
        for j in range(row.shape[0]):
            row[j] += weight * (one[j] - other[j]) * (one[j] - other[j])


@compiled
def add_one_sided_squares(
    reference: Float32Array, distorted: Float32Array, weight: np.float32, target: Float32Array
) -> None:
    """Second half of L2DiffAsymmetric: adds ``weight`` times the square of what is lost or gained."""
    for y in range(target.shape[0]):
        one, other, row = reference[y], distorted[y], target[y]
        for j in range(row.shape[0]):
            size = abs(one[j])
            along = np.copysign(np.float32(1), one[j]) * other[j]
            wrong = max(_PLAIN_LOST * size - along, np.float32(0)) + max(along - _PLAIN_GAINED * size, np.float32(0))
            row[j] += weight * wrong * wrong


@compiled
def combine(
    mask: Float32Array, fine: Float32Array, coarse: Float32Array, parameters: Float32Array, target: Float32Array
) -> None:
    """CombineChannelsToDiffmap: root of the squares in the low band and of the others, each where the mask lets it be
    seen. ``parameters``: (2, 3), offset, scale and gain of MaskDcY and MaskY."""
    one = np.float32(1)
    for y in range(target.shape[0]):
        calm, low, rest, row = mask[y], coarse[y], fine[y], target[y]
        for j in range(row.shape[0]):
            dim = one + parameters[0, 2] / (parameters[0, 1] * calm[j] + parameters[0, 0])
            seen = one + parameters[1, 2] / (parameters[1, 1] * calm[j] + parameters[1, 0])
            row[j] = _GLOBAL_SCALE * np.sqrt(dim * dim * low[j] + seen * seen * rest[j])


@compiled
def power_sums(plane: Float32Array) -> NDArray[np.float64]:
    """Sums of the third, sixth and twelfth powers, (3,)."""
    sums = np.zeros(3)
    for y in range(plane.shape[0]):
        for j in range(plane.shape[1]):
            third = np.float64(plane[y, j]) ** 3
            sums[0] += third
            sums[1] += third * third
            sums[2] += third * third * third * third
    return sums
