"""Butteraugli of a photo and many versions of it: what depends on the photo alone is computed once.

Follows libjxl v0.7 (``lib/jxl/butteraugli/butteraugli.cc``) as its program ``butteraugli_main`` runs it. Linear light
becomes cone responses in an opponent space (X red minus green, Y bright, B blue), adapted to their surroundings. Blurs
split them into four bands, whose coring, limiting and boosting make them matter as they do to an eye. The distance adds
squared differences of the bands along short lines ("Malta"), plain ones, and that of the local activity; the photo's
own activity masks them. The same at half the resolution is added.

Photos are seen in parts, with as many more rows and columns at each side as the blurs reach, so that memory stays
bounded.
On 50 pairs of ``photos/val`` 3-norm and maximum are within 0.01 % of the program's
(``python -m tests.benchmarks.teacher_agreement PHOTO_DIR``).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from models.colour import halve, linear_light
from models.errors import ImageSizesDifferError
from models.metrics import butteraugli_constants as constants
from models.metrics import butteraugli_loops as loops
from models.metrics.butteraugli_constants import Line
from models.preprocess import as_rgb, pad_to_at_least
from models.threads import in_order
from models.types import Float32Array, Rgb8, RgbImage

_REACH = 34
"""Rows of the same resolution that a pixel's distance depends on at each side: the blurs' radii 2, 16, 7, 3 and 6."""
_KEPT_PIXELS = 1_000_000
"""The bands of larger references are not kept but computed again for each version."""
_STRIP_PIXELS = 600_000
"""Of a smaller photo's parts, which are as wide as it is."""
_SIDE = 448
"""Of a larger photo's parts: some 30 MB of planes at a time on each thread; what is seen of a part is 1.7 times it."""


class ButteraugliReference:
    """A photo as reference: sRGB, anything ``as_rgb`` takes, mirrored up to 8 pixels a side.

    Keeps 70 bytes a pixel of a photo that is not large, with which a version costs half as much.
    """

    def __init__(self, image: RgbImage | ArrayLike) -> None:
        pixels = as_rgb(image)
        self._shape = pixels.shape
        self._pixels = pad_to_at_least(pixels, constants.SMALLEST, constants.SMALLEST)
        self._parts = _parts(*self._pixels.shape[:2])
        keep = self._pixels.size <= 3 * _KEPT_PIXELS
        self._kept = dict(zip(self._parts, in_order(self._reference, self._parts), strict=True)) if keep else {}

    def norm(self, distorted: RgbImage | ArrayLike) -> float:
        """What ``butteraugli_main`` prints as 3-norm: the mean of the 3-, 6- and 12-norm of the distances.

        0 for equal pixels, higher is worse. Raises: ImageSizesDifferError.
        """
        distances = self.distances(distorted)
        means = loops.power_sums(distances) / distances.size
        return float(np.mean([mean ** (1 / power) for mean, power in zip(means, constants.NORM_POWERS, strict=True)]))

    def distances(self, distorted: RgbImage | ArrayLike) -> Float32Array:
        """Distance of each pixel at 80 nits, (H, W), at least 8 a side: 0 for equal pixels, about 1 at the threshold.

        Raises: ImageSizesDifferError.
        """
        pixels = as_rgb(distorted)
        if pixels.shape != self._shape:
            raise ImageSizesDifferError(f"the reference is {self._shape[:2]} pixels, the other {pixels.shape[:2]}")
        pixels = pad_to_at_least(pixels, constants.SMALLEST, constants.SMALLEST)
        distances = np.empty(pixels.shape[:2], np.float32)

        def judge(part: _Part) -> None:
            reference = self._kept.get(part) or self._reference(part)
            distances[part.rows.own, part.columns.own] = _part_distances(reference, _seen(pixels, part), part)

        list(in_order(judge, self._parts))
        return distances

    def _reference(self, part: "_Part") -> list["_Reference"]:
        return [_Reference(bands, _calmest(bands.activity)) for bands in _seen(self._pixels, part)]


class _Span(NamedTuple):
    """Lines [first, end) of a photo of ``length`` rows, or columns; ``first`` is even."""

    first: int
    end: int
    length: int

    @property
    def own(self) -> slice:
        """Of the photo."""
        return slice(self.first, self.end)

    def halved(self) -> "_Span":
        """The span of the photo at half the resolution."""
        return _Span(self.first // 2, (self.end + 1) // 2, (self.length + 1) // 2)

    def window(self, reach: int) -> slice:
        """With ``reach`` more lines at each side, where the photo has them."""
        return slice(max(0, self.first - reach), min(self.length, self.end + reach))

    def within(self, other: slice, reach: int = 0) -> slice:
        """Its ``window`` in one that holds it."""
        window = self.window(reach)
        return slice(window.start - other.start, window.stop - other.start)


class _Part(NamedTuple):
    """Rows and columns of a photo that are seen at once."""

    rows: _Span
    columns: _Span

    def halved(self) -> "_Part":
        """The part of the photo at half the resolution."""
        return _Part(self.rows.halved(), self.columns.halved())


@dataclass(frozen=True, slots=True)
class _Bands:
    """A part's window at one resolution, float32: ``low`` and ``middle`` (3, h, w), ``high`` and ``ultra`` (2, h, w: X
    and Y), ``activity`` (h, w)."""

    low: Float32Array
    middle: Float32Array
    high: Float32Array
    ultra: Float32Array
    activity: Float32Array


@dataclass(frozen=True, slots=True)
class _Reference:
    """Bands of the reference and its mask (h, w): the activity of calm places nearby."""

    bands: _Bands
    mask: Float32Array


def _parts(height: int, width: int) -> list[_Part]:
    small = height * width <= _KEPT_PIXELS
    down = round(height * width / _STRIP_PIXELS) if small else -(-height // _SIDE)
    across = 1 if small else -(-width // _SIDE)
    return [_Part(rows, columns) for rows in _spans(height, down) for columns in _spans(width, across)]


def _spans(length: int, count: int) -> list[_Span]:
    """About ``count`` of a side."""
    lines = 2 * -(-length // (2 * max(1, count)))
    return [_Span(first, min(first + lines, length), length) for first in range(0, length, lines)]


def _seen(pixels: Rgb8, part: _Part) -> list[_Bands]:
    """Bands of a part's windows at full and, where the photo is large enough, half the resolution."""
    rows, columns = (span.window(2 * _REACH) for span in part)
    linear = np.stack([linear_light(pixels[rows, columns, channel]) for channel in range(3)])
    near = linear[:, part.rows.within(rows, _REACH), part.columns.within(columns, _REACH)]
    seen = [_bands(_opponent(np.ascontiguousarray(near)))]
    if min(pixels.shape[:2]) > 2 * (constants.SMALLEST - 1):
        seen.append(_bands(_opponent(np.stack([halve(plane) for plane in linear]))))
    return seen


def _opponent(linear: Float32Array) -> Float32Array:
    """OpsinDynamicsImage: responses X, Y, B (3, h, w) of cones that adapt to light blurred a little."""
    margin = len(_kernel(constants.SIGMA_ADAPTATION)) - 1
    mirrored = np.pad(linear, ((0, 0), (margin, margin), (margin, margin)), mode="symmetric")
    blurred = _blurred(mirrored, constants.SIGMA_ADAPTATION)[:, margin:-margin, margin:-margin]
    surround = _cones(np.ascontiguousarray(blurred))
    least = np.array(constants.CONE_BIAS, np.float32)[:, None, None]
    np.maximum(surround, least, out=surround)
    response = np.asarray(np.log(surround + np.float32(constants.RESPONSE_BIAS)))
    response *= np.float32(constants.RESPONSE_SCALE)
    response += np.float32(constants.RESPONSE_OFFSET)
    response /= surround
    np.maximum(response, np.float32(constants.LEAST_SENSITIVITY), out=response)
    response *= _cones(linear)
    np.maximum(response, least, out=response)
    red, green = response[0].copy(), response[1]
    response[0] -= green
    green += red
    return response


def _cones(linear: Float32Array) -> Float32Array:
    cones = np.empty(linear.shape, np.float32)
    for cone, weights, bias in zip(cones, constants.ABSORBANCE, constants.CONE_BIAS, strict=True):
        loops.mix(linear, np.array(weights, np.float32) * np.float32(constants.NITS), np.float32(bias), cone)
    return cones


def _kernel(sigma: float) -> Float32Array:
    """One half of a Gaussian, the middle first: ComputeKernel."""
    offsets = np.arange(max(1, int(constants.SIGMAS_IN_RADIUS * sigma)) + 1)
    return np.asarray(np.exp(-0.5 * (offsets / sigma) ** 2), np.float32)


def _blurred(planes: Float32Array, sigma: float) -> Float32Array:
    """Each of ``planes`` (C, h, w)."""
    blurred = np.empty_like(planes)
    for plane, target in zip(planes, blurred, strict=True):
        loops.blur(plane, _kernel(sigma), target)
    return blurred


def _bands(opponent: Float32Array) -> _Bands:
    """SeparateFrequencies, and the first half of Mask. Takes ``opponent`` (3, h, w) apart."""
    low = _blurred(opponent, constants.SIGMA_LOW)
    opponent -= low
    middle = _blurred(opponent, constants.SIGMA_MIDDLE)
    fine = opponent[:2] - middle[:2]
    _to_low_values(low)
    loops.core(middle[0], np.float32(constants.CORE_MIDDLE_X), np.float32(0), np.float32(1))
    loops.boost(middle[1], np.float32(1), np.float32(constants.BOOST_MIDDLE_Y))
    high = _high(fine)
    return _Bands(low, middle, high, fine, _activity(high, fine))


def _to_low_values(low: Float32Array) -> None:
    """XybLowFreqToVals, in place."""
    low[2] += np.float32(constants.LOW_Y_TO_B) * low[1]
    low *= np.array(constants.LOW_SCALES, np.float32)[:, None, None]


def _high(fine: Float32Array) -> Float32Array:
    """The high band, X and Y, of ``fine`` detail (2, h, w), which becomes the ultra-high band."""
    zero, one, slope = np.float32(0), np.float32(1), np.float32(constants.SLOPE_ABOVE_LIMIT)
    loops.suppress(fine[0], fine[1])
    high = _blurred(fine, constants.SIGMA_HIGH)
    loops.core(high[1], np.float32(constants.LIMIT_HIGH_Y), one, slope)
    fine -= high
    loops.core(high[0], np.float32(constants.CORE_HIGH_X), zero, one)
    loops.core(fine[0], np.float32(constants.CORE_ULTRA_X), zero, one)
    loops.core(fine[1], np.float32(constants.LIMIT_ULTRA_Y), one, slope)
    fine[1] *= np.float32(constants.GAIN_ULTRA_Y)
    loops.boost(high[1], np.float32(constants.GAIN_HIGH_Y), np.float32(constants.BOOST_HIGH_Y))
    return high


def _activity(high: Float32Array, ultra: Float32Array) -> Float32Array:
    """Strength of detail around each pixel, (h, w)."""
    activity = np.empty(high.shape[1:], np.float32)
    loops.strength(high, ultra, np.array([constants.ACTIVITY_X, constants.ACTIVITY_Y], np.float32), activity)
    loops.blur(activity, _kernel(constants.SIGMA_ACTIVITY), activity)
    return activity


def _calmest(activity: Float32Array) -> Float32Array:
    mask = np.empty_like(activity)
    loops.calmest(activity, np.array(constants.CALM_WEIGHTS, np.float32), mask)
    return mask


def _part_distances(reference: list[_Reference], distorted: list[_Bands], part: _Part) -> Float32Array:
    """Distances of a part, (rows, columns): AddSupersampled2x of those at full and at half the resolution."""
    distances = _distances(reference[0], distorted[0], part)
    if len(reference) == 1:
        return distances
    height, width = distances.shape
    half = np.float32(constants.HALF_WEIGHT) * _distances(reference[1], distorted[1], part.halved())
    distances *= np.float32(1 - constants.HALF_SHARE * constants.HALF_WEIGHT)
    distances += half.repeat(2, axis=0)[:height].repeat(2, axis=1)[:, :width]
    return distances


def _distances(reference: _Reference, distorted: _Bands, part: _Part) -> Float32Array:
    """DiffmapPsychoImage: distances of the part's own pixels at one resolution."""
    rows, columns = (span.window(_REACH) for span in part)
    near = part.rows.within(rows, loops.LINE_REACH)
    own = part.rows.within(part.rows.window(loops.LINE_REACH))
    mask = reference.mask[near]
    one, other = _rows(reference.bands, near), _rows(distorted, near)
    fine = _fine_energy(one, other)
    coarse = np.zeros_like(mask)
    for channel, weight in enumerate(constants.PLAIN_LOW):
        loops.add_squared_differences(one.low[channel], other.low[channel], np.float32(weight), coarse)
    distances = np.empty_like(mask)
    loops.combine(mask, fine, coarse, np.array([constants.MASK_LOW, constants.MASK], np.float32), distances)
    return np.asarray(distances[own, part.columns.within(columns)])


def _rows(bands: _Bands, rows: slice) -> _Bands:
    return _Bands(
        bands.low[:, rows], bands.middle[:, rows], bands.high[:, rows], bands.ultra[:, rows], bands.activity[rows]
    )


def _fine_energy(one: _Bands, other: _Bands) -> Float32Array:
    """Squared differences above the low band, (h, w): along lines, plain, and of the activity."""
    energy = np.zeros_like(one.activity)
    fine = _Malta(constants.FINE_LINES, constants.MALTA_FINE, energy)
    coarse = _Malta(constants.COARSE_LINES, constants.MALTA_COARSE, energy)
    asymmetry = constants.ASYMMETRY
    for channel in range(2):
        fine.add(one.ultra[channel], other.ultra[channel], constants.MALTA_ULTRA[channel], asymmetry)
        coarse.add(one.high[channel], other.high[channel], constants.MALTA_HIGH[channel], asymmetry**0.5)
        coarse.add(one.middle[channel], other.middle[channel], constants.MALTA_MIDDLE[channel], 1.0)
        weight = constants.PLAIN_WEIGHT * constants.PLAIN_HIGH[channel]
        pair = one.high[channel], other.high[channel]
        loops.add_squared_differences(*pair, np.float32(weight * asymmetry), energy)
        loops.add_one_sided_squares(*pair, np.float32(weight / asymmetry), energy)
    for channel, weight in enumerate(constants.PLAIN_MIDDLE):
        loops.add_squared_differences(one.middle[channel], other.middle[channel], np.float32(weight), energy)
    loops.add_squared_differences(one.activity, other.activity, np.float32(constants.ACTIVITY_WEIGHT), energy)
    return energy


class _Malta:
    """Adds differences, summed along ``lines`` and squared, to ``energy`` (h, w)."""

    def __init__(self, lines: tuple[Line, ...], gain: float, energy: Float32Array) -> None:
        self._times = np.array([times for times, _ in lines])
        self._offsets = np.zeros((len(lines), max(len(half) for _, half in lines), 2), np.int64)
        for index, (_, half) in enumerate(lines):
            self._offsets[index, : len(half)] = half
        self._gain = gain / constants.MALTA_LENGTH
        self._energy = energy
        self._differences = np.zeros([side + 2 * loops.LINE_REACH for side in energy.shape], np.float32)

    def add(
        self, reference: Float32Array, distorted: Float32Array, parameters: tuple[float, float], asymmetry: float
    ) -> None:
        """The energy of one plane, whose weight and norm are ``parameters``."""
        weight, norm = parameters
        gain = norm * self._gain
        even = np.float32(gain * (constants.MALTA_EVEN * weight * asymmetry) ** 0.5)
        one_sided = np.float32(gain * (constants.MALTA_ONE_SIDED * weight / asymmetry) ** 0.5)
        loops.malta_differences(reference, distorted, even, one_sided, np.float32(norm), self._differences)
        loops.add_line_energy(self._differences, self._offsets, self._times, self._energy)
