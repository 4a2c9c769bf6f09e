"""FPSNet's maps without learning (section 2.2) of a photo: focus, contrast, pattern complexity and local deviation.

Xiao, "FPSNet: Focus-Perceptual-Semantic Full Flow Visual Redundancy Predicting for Camera Image". The same formulas are
``training.networks.fpsnet_maps`` in torch, with reasons; compiled they take a tenth of the time of ONNX Runtime, whose
convolutions of a single plane fill one lane of eight.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.colour import luma
from models.compiled import compiled, inlined
from models.threads import in_order
from models.types import Float32Array, Rgb8

ORIENTATIONS = 8
"""Over half a turn."""
FINE, WIDE = 1.5, 3.0
"""Pixels: standard deviations of the Gaussians of local deviation and re-blur, and of the focus map. They reach three
times as far."""
DEVIATION_FLOOR = 0.5
"""Luma levels; far above what float32 rounds off, so that two runtimes agree in flat regions."""
GRADIENT_FLOOR = 1.0
"""Squared luma levels per pixel, to which a gradient is compared: weaker ones say little of an orientation."""
ORIENTATION_FLOOR = 0.02
"""The same unit, given to each orientation: where nothing has a gradient all count alike."""
FOCUS_FLOOR = 0.5
"""The same unit, added above and below the re-blur ratio: what is flat counts as blurred."""
STRIP = 64
"""Rows worked on at once; even, so that strips of the halved maps begin where the photo's do."""

_LEAST_VARIANCE = DEVIATION_FLOOR**2
_GRADIENT_FLOOR, _ORIENTATION_FLOOR = np.float32(GRADIENT_FLOOR), np.float32(ORIENTATION_FLOOR)
_FOCUS_FLOOR = np.float32(FOCUS_FLOOR)


class FeatureMaps(NamedTuple):
    """Maps of a photo (H, W) with even sides: float32, and finite for any pixels."""

    focus: Float32Array
    """(H, W) in [0, 1]: the share of gradient that one more blur destroys."""
    perceptual: Float32Array
    """(3, H / 2, W / 2): contrast, complexity of the pattern, and their product."""
    deviation: Float32Array
    """(H, W) in luma levels, at least ``DEVIATION_FLOOR``."""

    def as_inputs(self) -> dict[str, Float32Array]:
        """What the graphs take, (1, C, H, W) each."""
        return {
            "focus": np.ascontiguousarray(self.focus)[None, None],
            "perceptual": np.ascontiguousarray(self.perceptual)[None],
            "deviation": np.ascontiguousarray(self.deviation)[None, None],
        }


def feature_maps(pixels: Rgb8) -> FeatureMaps:
    """Of uint8 (H, W, 3), sRGB, sides even; edges are replicated. The same on any number of threads."""
    brightness = luma(pixels)
    height, width = brightness.shape
    strips = [(start, min(start + STRIP, height)) for start in range(0, height, STRIP)]
    mean, deviation, focus = np.empty((3, height, width), np.float32)
    perceptual = np.empty((3, height // 2, width // 2), np.float32)
    fine, wide = gaussian_half(FINE), gaussian_half(WIDE).astype(np.float32)
    expansion = orientations()

    def deviate(strip: tuple[int, int]) -> None:
        _deviate(brightness, *strip, fine, mean, deviation)

    def look_closer(strip: tuple[int, int]) -> None:
        _set_focus(brightness, mean, *strip, wide, focus)
        _set_perceptual(brightness, deviation, *strip, expansion, perceptual)

    for work in (deviate, look_closer):
        for _ in in_order(work, strips):
            pass
    return FeatureMaps(focus, perceptual, deviation)


def gaussian_half(sigma: float) -> NDArray[np.float64]:
    """Weights of a Gaussian that add up to one over both halves, the middle first, up to three ``sigma``."""
    weights = np.exp(-0.5 * (np.arange(math.ceil(3 * sigma) + 1) / sigma) ** 2)
    return np.asarray(weights / (2 * weights.sum() - weights[0]))


def orientations() -> Float32Array:
    """(8, 5): what each of five products of derivatives adds to the fourth power of the derivative in a direction."""
    angles = np.arange(ORIENTATIONS) * (math.pi / ORIENTATIONS)
    powers = [math.comb(4, power) * np.cos(angles) ** (4 - power) * np.sin(angles) ** power for power in range(5)]
    return np.stack(powers, axis=1).astype(np.float32)


@inlined
def _clamped(row: int, height: int) -> int:
    return min(max(row, 0), height - 1)


@compiled
def _deviate(
    luma: Float32Array,
    top: int,
    bottom: int,
    weights: NDArray[np.float64],
    mean: Float32Array,
    deviation: Float32Array,
) -> None:
    """Gaussian mean and deviation of rows ``top`` to ``bottom``, in float64: what cancels then still has its digits."""
    height, width = luma.shape
    radius = weights.shape[0] - 1
    rows = bottom - top + 2 * radius
    first, second = np.empty((rows, width)), np.empty((rows, width))
    line, square = np.empty(width + 2 * radius), np.empty(width + 2 * radius)
    for i in range(rows):
        source = luma[_clamped(top - radius + i, height)]
        for j in range(width):
            line[radius + j] = np.float64(source[j]) - 128.0
        for j in range(radius):
            line[j], line[radius + width + j] = line[radius], line[radius + width - 1]
        for j in range(width + 2 * radius):
            square[j] = line[j] * line[j]
        _weigh_line(line, weights, first[i])
        _weigh_line(square, weights, second[i])
    total, squares = np.empty(width), np.empty(width)
    for y in range(bottom - top):
        _weigh_rows(first, y + radius, weights, total)
        _weigh_rows(second, y + radius, weights, squares)
        means, deviations = mean[top + y], deviation[top + y]
        for j in range(width):
            variance = max(squares[j] - total[j] * total[j], 0.0)
            means[j] = np.float32(total[j] + 128.0)
            deviations[j] = np.float32(math.sqrt(variance + _LEAST_VARIANCE))


@compiled
def _weigh_line(line: NDArray[np.floating], weights: NDArray[np.floating], target: NDArray[np.floating]) -> None:
    """``target`` (W,): symmetric weighted sums along ``line`` (W + 2 radius,)."""
    width, radius = target.shape[0], weights.shape[0] - 1
    middle = line[radius : radius + width]
    for j in range(width):
        target[j] = weights[0] * middle[j]
    for k in range(1, radius + 1):
        left, right, weight = line[radius - k : radius - k + width], line[radius + k : radius + k + width], weights[k]
        for j in range(width):
            target[j] += weight * (left[j] + right[j])


@compiled
def _weigh_rows(
    rows: NDArray[np.floating], middle: int, weights: NDArray[np.floating], target: NDArray[np.floating]
) -> None:
    """``target`` (W,): symmetric weighted sum of the rows around ``middle``."""
    width = target.shape[0]
    row = rows[middle]
    for j in range(width):
        target[j] = weights[0] * row[j]
    for k in range(1, weights.shape[0]):
        above, below, weight = rows[middle - k], rows[middle + k], weights[k]
        for j in range(width):
            target[j] += weight * (above[j] + below[j])


@compiled
def _set_derivatives(plane: Float32Array, y: int, down: Float32Array, across: Float32Array) -> None:
    """Prewitt's derivatives of row ``y`` in levels per pixel, edges replicated."""
    height, width = plane.shape
    above, row, below = plane[_clamped(y - 1, height)], plane[_clamped(y, height)], plane[_clamped(y + 1, height)]
    sixth = np.float32(1 / 6)
    for j in range(1, width - 1):
        rise = below[j - 1] + below[j] + below[j + 1] - above[j - 1] - above[j] - above[j + 1]
        slope = above[j + 1] + row[j + 1] + below[j + 1] - above[j - 1] - row[j - 1] - below[j - 1]
        down[j], across[j] = sixth * rise, sixth * slope
    for j in (0, width - 1):
        left, right = max(j - 1, 0), min(j + 1, width - 1)
        rise = below[left] + below[j] + below[right] - above[left] - above[j] - above[right]
        slope = above[right] + row[right] + below[right] - above[left] - row[left] - below[left]
        down[j], across[j] = sixth * rise, sixth * slope


@compiled
def _set_focus(
    luma: Float32Array, blurred: Float32Array, top: int, bottom: int, weights: Float32Array, focus: Float32Array
) -> None:
    height, width = luma.shape
    radius = weights.shape[0] - 1
    rows = bottom - top + 2 * radius
    sharp, soft = np.empty((rows, width), np.float32), np.empty((rows, width), np.float32)
    line = np.empty(width + 2 * radius, np.float32)
    down, across = np.empty(width, np.float32), np.empty(width, np.float32)
    for i in range(rows):
        y = _clamped(top - radius + i, height)
        _set_derivatives(luma, y, down, across)
        _weigh_energy(down, across, weights, line, sharp[i])
        _set_derivatives(blurred, y, down, across)
        _weigh_energy(down, across, weights, line, soft[i])
    before, after = np.empty(width, np.float32), np.empty(width, np.float32)
    for y in range(bottom - top):
        _weigh_rows(sharp, y + radius, weights, before)
        _weigh_rows(soft, y + radius, weights, after)
        row = focus[top + y]
        for j in range(width):
            left = (after[j] + _FOCUS_FLOOR) / (before[j] + _FOCUS_FLOOR)
            row[j] = np.float32(1) - np.sqrt(min(left, np.float32(1)))


@compiled
def _weigh_energy(
    down: Float32Array, across: Float32Array, weights: Float32Array, line: Float32Array, target: Float32Array
) -> None:
    """``target`` (W,): weighted sums along a row of squared gradients; ``line`` is scratch."""
    width, radius = down.shape[0], weights.shape[0] - 1
    middle = line[radius : radius + width]
    for j in range(width):
        middle[j] = down[j] * down[j] + across[j] * across[j]
    for j in range(radius):
        line[j], line[radius + width + j] = line[radius], line[radius + width - 1]
    _weigh_line(line, weights, target)


@compiled
def _set_perceptual(
    luma: Float32Array,
    deviation: Float32Array,
    top: int,
    bottom: int,
    expansion: Float32Array,
    perceptual: Float32Array,
) -> None:
    """Contrast, complexity and their product of rows ``top`` to ``bottom``, both even."""
    height, width = luma.shape
    first, last = max(top - 2, 0), min(bottom + 2, height)
    sums = np.empty((last - first, 5, width // 2), np.float32)
    down, across = np.empty(width, np.float32), np.empty(width, np.float32)
    products = np.zeros((5, width + 4), np.float32)
    for y in range(first, last):
        _set_derivatives(luma, y, down, across)
        _set_products(down, across, products)
        for part in range(5):
            row, line = sums[y - first, part], products[part]
            for j in range(width // 2):
                row[j] = line[2 * j] + line[2 * j + 1] + line[2 * j + 2] + line[2 * j + 3] + line[2 * j + 4]
    means = np.empty((5, width // 2), np.float32)
    for y in range(top // 2, bottom // 2):
        _set_means(sums, max(2 * y - 2, 0) - first, min(2 * y + 3, height) - first, width, means)
        contrast, complexity, product = perceptual[0, y], perceptual[1, y], perceptual[2, y]
        _set_complexity(means, expansion, complexity)
        one, other = deviation[2 * y], deviation[2 * y + 1]
        for j in range(width // 2):
            square = (1 + one[2 * j]) * (1 + one[2 * j + 1]) * (1 + other[2 * j]) * (1 + other[2 * j + 1])
            contrast[j] = np.log2(square) * np.float32(1 / 16)
            product[j] = contrast[j] * complexity[j]


@compiled
def _set_products(down: Float32Array, across: Float32Array, products: Float32Array) -> None:
    """Columns 2 to W + 2 of ``products`` (5, W + 4): of fourth order, over the squared gradient; zeros lie around."""
    width = down.shape[0]
    zero, one, two, three, four = (
        products[0, 2 : 2 + width],
        products[1, 2 : 2 + width],
        products[2, 2 : 2 + width],
        products[3, 2 : 2 + width],
        products[4, 2 : 2 + width],
    )
    for j in range(width):
        squared, mixed, steep = across[j] * across[j], down[j] * across[j], down[j] * down[j]
        share = np.float32(1) / (squared + steep + _GRADIENT_FLOOR)
        squared_share, steep_share = squared * share, steep * share
        zero[j] = squared * squared_share
        one[j] = mixed * squared_share
        two[j] = mixed * mixed * share
        three[j] = mixed * steep_share
        four[j] = steep * steep_share


@compiled
def _set_means(sums: Float32Array, start: int, stop: int, width: int, means: Float32Array) -> None:
    """Means over the pixels of 5x5 that lie in the photo, from sums along its rows."""
    for part in range(5):
        row = means[part]
        for j in range(width // 2):
            row[j] = sums[start, part, j]
        for i in range(start + 1, stop):
            added = sums[i, part]
            for j in range(width // 2):
                row[j] += added[j]
        for j in range(width // 2):
            inside = min(2 * j + 3, width) - max(2 * j - 2, 0)
            row[j] /= np.float32(inside * (stop - start))


@compiled
def _set_complexity(means: Float32Array, expansion: Float32Array, complexity: Float32Array) -> None:
    """Inverse Simpson index of the energy in each direction, over their number."""
    width = complexity.shape[0]
    total, squares = np.zeros(width, np.float32), np.zeros(width, np.float32)
    zero, one, two, three, four = means[0], means[1], means[2], means[3], means[4]
    for direction in range(expansion.shape[0]):
        a, b, c, d, e = expansion[direction]
        for j in range(width):
            energy = a * zero[j] + b * one[j] + c * two[j] + d * three[j] + e * four[j] + _ORIENTATION_FLOOR
            total[j] += energy
            squares[j] += energy * energy
    for j in range(width):
        complexity[j] = total[j] * total[j] / (np.float32(ORIENTATIONS) * squares[j])
