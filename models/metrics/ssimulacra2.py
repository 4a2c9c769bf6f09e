"""SSIMULACRA2 of a photo and many versions of it: what depends on the photo alone is computed once.

Sneyers' metric as libjxl's ``tools/ssimulacra2.cc`` (v2.1) defines it: six scales in XYB, Gaussian means of sigma 1.5,
an SSIM error and two edge errors in each channel, 1-norm and 4-norm of each, 108 weights, a cubic and a power. At the
sides the blur sees zeros, at top and bottom the mirrored photo, as the Python package ``ssimulacra2`` has it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.colour import cube_root, linear_light
from models.compiled import compiled
from models.errors import ImageSizesDifferError
from models.preprocess import as_rgb, pad_to_at_least
from models.threads import in_order
from models.types import Float32Array, Rgb8, RgbImage

SCALES = 6
SMALLEST = 8
"""A scale with a shorter side is not looked at; smaller photos are mirrored up to it."""

STRIP = 64
"""Rows of a scale that are looked at together."""

KEPT = 1_000_000
"""Pixels of a photo up to which all that depends on it alone is kept."""

_SIGMA, _RADIUS = 1.5, 5
_TAPS = 2 * _RADIUS + 1
_C2 = 0.0009
OPSIN_BIAS = 0.0037930732552754493
OPSIN = (
    (0.30, 0.622, 0.078),
    (0.23, 0.692, 0.078),
    (0.24342268924547819, 0.20476744424496821, 0.5518098665095536),
)
"""Linear RGB to cone responses, and the bias added to each: libjxl, ``lib/jxl/cms/opsin_params.h``."""

_CUBIC = (0.9562382616834844, 2.326765642916932, -0.020884521182843837, 6.248496625763138e-05)
_POWER = 0.6276336467831387

_WEIGHTS = (
    (  # X
        (0, 0.000737661, 0, 0, 0.000779348, 0),
        (0, 0.000437116, 0, 1.10417, 0.000662848, 0.000152316),
        (0, 0.00164064, 0, 1.84225, 11.4412, 0),
        (0.000798911, 0.000176816, 0, 1.87876, 10.9491, 0),
        (0.000728935, 0.967794, 0, 0.000140034, 0.998177, 0.000319498),
        (0.000455099, 0, 0, 0.00136488, 0, 0),
    ),
    (  # Y
        (0, 0, 0, 7.46689, 0, 17.4458),
        (0.00062356, 0, 0, 6.68368, 0.000377244, 1.02789),
        (225.205, 0, 0, 19.2132, 0.00114015, 0.00123776),
        (176.393, 0, 0, 24.433, 0.285208, 0.000448544),
        (0, 0, 0, 34.7791, 44.8356, 0),
        (0, 0, 0, 0, 0, 0),
    ),
    (  # B
        (0, 0.000868056, 0, 0, 0, 0),
        (0, 0.000531319, 0, 0.000165338, 0, 0),
        (0, 0, 0, 0.000417917, 0.00172908, 0),
        (0.0020827, 0, 0, 8.82698, 23.1924, 0),
        (95.108, 0.986398, 0.983438, 0.00122864, 171.267, 0.980786),
        (0, 0, 0, 0.000513006, 0, 0.000108541),
    ),
)
"""By channel and scale: 1-norm of SSIM, added, lost; 4-norm of SSIM, added, lost. libjxl, ``tools/ssimulacra2.cc``."""


@dataclass(frozen=True, slots=True)
class _Strip:
    """Rows ``top`` to ``bottom``, the end excluded, of a scale of ``height`` rows."""

    scale: int
    top: int
    bottom: int
    height: int

    @property
    def seen(self) -> slice:
        """These rows and those that their Gaussian means depend on."""
        return slice(max(0, self.top - _RADIUS), min(self.height, self.bottom + _RADIUS))

    @property
    def own(self) -> tuple[int, int]:
        """Which of the rows that are seen are its own: the first, and how many."""
        return self.top - self.seen.start, self.bottom - self.top


class _Light:
    """Linear light (h, w, 3) of each scale of sRGB pixels (H, W, 3): means of 2x2 squares, or of less at odd edges.

    The two largest are made of the pixels when they are asked for, the others kept: one byte a pixel.
    """

    def __init__(self, pixels: Rgb8) -> None:
        self._pixels = np.asarray(pad_to_at_least(pixels, SMALLEST, SMALLEST), np.uint8)
        self.sizes = [self._pixels.shape[:2]]
        self._kept: list[Float32Array] = []
        while len(self.sizes) < SCALES and min(self.sizes[-1]) > 2 * (SMALLEST - 1):
            height, width = ((side + 1) // 2 for side in self.sizes[-1])
            self.sizes.append((height, width))
            if len(self.sizes) > 2:
                self._kept.append(np.concatenate(list(in_order(self._halved, range(0, height, STRIP)))))

    def rows(self, scale: int, rows: slice) -> Float32Array:
        """Of a scale."""
        if scale == 0:
            return linear_light(self._pixels[rows])
        if scale == 1:
            return _halved(linear_light(self._pixels[2 * rows.start : 2 * rows.stop]))
        return self._kept[scale - 2][rows]

    def _halved(self, top: int) -> Float32Array:
        """A strip of the next scale."""
        last = len(self._kept) + 1
        return _halved(self.rows(last, slice(2 * top, 2 * (top + STRIP))))

    def xyb(self, scale: int, rows: slice) -> Float32Array:
        """Positive XYB float32 (3, h, w) of rows of a scale."""
        linear = self.rows(scale, rows)
        planes = np.empty((3, *linear.shape[:2]), np.float32)
        _to_xyb(linear, np.array(OPSIN, np.float32), np.float32(OPSIN_BIAS), planes)
        return planes


def _halved(linear: Float32Array) -> Float32Array:
    half = np.empty(((linear.shape[0] + 1) // 2, (linear.shape[1] + 1) // 2, 3), np.float32)
    _halve(linear, half)
    return half


class Ssimulacra2Reference:
    """A photo as reference: sRGB, anything ``as_rgb`` takes.

    Keeps one byte a pixel beside the photo, and up to ``KEPT`` pixels some 55 more, with which a version costs half as
    much.
    """

    def __init__(self, image: RgbImage | ArrayLike) -> None:
        pixels = as_rgb(image)
        self._shape = pixels.shape
        self._light = _Light(pixels)
        self._strips = [
            _Strip(scale, top, min(top + STRIP, height), height)
            for scale, (height, _) in enumerate(self._light.sizes)
            for top in range(0, height, STRIP)
        ]
        few = pixels.shape[0] * pixels.shape[1] <= KEPT
        self._kept = dict(zip(self._strips, in_order(self._seen, self._strips), strict=True)) if few else {}

    def score(self, distorted: RgbImage | ArrayLike) -> float:
        """100 for equal pixels, lower is worse, about 90 where nobody sees a difference; may be negative.

        Raises: ImageSizesDifferError.
        """
        pixels = as_rgb(distorted)
        if pixels.shape != self._shape:
            raise ImageSizesDifferError(f"the reference is {self._shape[:2]} pixels, the other {pixels.shape[:2]}")
        light = _Light(pixels)

        def errors(strip: _Strip) -> NDArray[np.float64]:
            seen, planes = self._kept.get(strip) or self._seen(strip), light.xyb(strip.scale, strip.seen)
            return np.stack([_error_sums(*part, _kernel(), *strip.own) for part in zip(*seen, planes, strict=True)])

        sums = np.zeros((len(light.sizes), 3, 6))
        for strip, found in zip(self._strips, in_order(errors, self._strips), strict=True):
            sums[strip.scale] += found
        means = sums / np.prod(light.sizes, axis=1)[:, None, None]
        means[:, :, 3:] **= 0.25
        return _to_score(float((means.swapaxes(0, 1) * _weights(len(light.sizes))).sum()))

    def _seen(self, strip: _Strip) -> tuple[Float32Array, Float32Array, Float32Array]:
        """Positive XYB (3, h, w) of a strip, Gaussian means of it and of its square."""
        planes = self._light.xyb(strip.scale, strip.seen)
        mean, square = np.empty_like(planes), np.empty_like(planes)
        for channel in range(3):
            _blur(planes[channel], _kernel(), mean[channel], square[channel])
        return planes, mean, square


def _weights(scales: int) -> NDArray[np.float64]:
    """(3, scales, 6). A small photo takes the first 18 weights a scale in sequence, as the reference program does."""
    return np.array(_WEIGHTS).reshape(-1)[: 18 * scales].reshape(3, scales, 6)


def _to_score(penalty: float) -> float:
    scaled = _CUBIC[0] * penalty
    cubic = _CUBIC[1] * scaled + _CUBIC[2] * scaled**2 + _CUBIC[3] * scaled**3
    return 100.0 - 10.0 * cubic**_POWER if cubic > 0 else 100.0


def _kernel() -> Float32Array:
    offsets = np.arange(-_RADIUS, _RADIUS + 1)
    kernel = np.exp(-0.5 * (offsets / _SIGMA) ** 2)
    return np.asarray(kernel / kernel.sum(), np.float32)


@compiled
def _halve(linear: Float32Array, half: Float32Array) -> None:
    last_row, last_column = linear.shape[0] - 1, linear.shape[1] - 1
    for i in range(half.shape[0]):
        below = min(2 * i + 1, last_row)
        for j in range(half.shape[1]):
            right = min(2 * j + 1, last_column)
            for c in range(3):
                left_sum = linear[2 * i, 2 * j, c] + linear[below, 2 * j, c]
                half[i, j, c] = (left_sum + (linear[2 * i, right, c] + linear[below, right, c])) * np.float32(0.25)


@compiled
def _to_xyb(linear: Float32Array, matrix: Float32Array, bias: np.float32, planes: Float32Array) -> None:
    root = np.float32(bias ** (1 / 3))
    width = linear.shape[1]
    colours, cones = np.empty((3, width), np.float32), np.empty((3, width), np.float32)
    for i in range(linear.shape[0]):
        for c in range(3):
            for j in range(width):
                colours[c, j] = linear[i, j, c]
        for c in range(3):
            red, green, blue = matrix[c, 0], matrix[c, 1], matrix[c, 2]
            for j in range(width):
                mixed = red * colours[0, j] + green * colours[1, j] + blue * colours[2, j] + bias
                cones[c, j] = cube_root(mixed) - root
        for j in range(width):
            y = np.float32(0.5) * (cones[0, j] + cones[1, j])
            planes[0, i, j] = np.float32(0.5) * (cones[0, j] - cones[1, j]) * np.float32(14) + np.float32(0.42)
            planes[1, i, j] = y + np.float32(0.01)
            planes[2, i, j] = cones[2, j] - y + np.float32(0.55)


@compiled
def _across(
    one: Float32Array, other: Float32Array, kernel: Float32Array, product: Float32Array, target: Float32Array
) -> None:
    """Blur the product of two rows; beyond its ends are zeros, as ``product`` has them in its ``_RADIUS`` first and
    last places."""
    width = one.shape[0]
    for j in range(width):
        product[j + _RADIUS] = one[j] * other[j]
    for j in range(width):
        total = np.float32(0)
        for k in range(_TAPS):
            total += kernel[k] * product[j + k]
        target[j] = total


@compiled
def _mirrored(row: int, height: int) -> int:
    while row < 0 or row >= height:
        row = -1 - row if row < 0 else 2 * height - 1 - row
    return row


@compiled
def _blur(plane: Float32Array, kernel: Float32Array, mean: Float32Array, square: Float32Array) -> None:
    height, width = plane.shape
    taps = _TAPS
    ring, blurred = np.empty((taps, 2, width), np.float32), np.empty((2, width), np.float32)
    ones, product = np.ones(width, np.float32), np.zeros(width + 2 * _RADIUS, np.float32)
    for i in range(height + taps // 2):
        if i < height:
            _across(plane[i], ones, kernel, product, ring[i % taps, 0])
            _across(plane[i], plane[i], kernel, product, ring[i % taps, 1])
        y = i - taps // 2
        if y < 0:
            continue
        blurred[:] = np.float32(0)
        for k in range(taps):
            row = _mirrored(y + k - taps // 2, height) % taps
            for n in range(2):
                for j in range(width):
                    blurred[n, j] += kernel[k] * ring[row, n, j]
        for j in range(width):
            mean[y, j] = blurred[0, j]
        for j in range(width):
            square[y, j] = blurred[1, j]


@compiled
def _error_sums(
    reference: Float32Array,
    mean: Float32Array,
    square: Float32Array,
    plane: Float32Array,
    kernel: Float32Array,
    first: int,
    count: int,
) -> NDArray[np.float64]:
    """Sums and sums of fourth powers of SSIM error, added and lost edges, (6,), over ``count`` rows from ``first``."""
    height, width = plane.shape
    ones, product = np.ones(width, np.float32), np.zeros(width + 2 * _RADIUS, np.float32)
    one, c2 = np.float32(1), np.float32(_C2)
    ring = np.empty((_TAPS, 3, width), np.float32)
    blurred = np.empty((3, width), np.float32)
    errors = np.empty((3, width), np.float32)
    sums = np.zeros(6)
    for i in range(height + _TAPS // 2):
        if i < height:
            _across(plane[i], ones, kernel, product, ring[i % _TAPS, 0])
            _across(plane[i], plane[i], kernel, product, ring[i % _TAPS, 1])
            _across(reference[i], plane[i], kernel, product, ring[i % _TAPS, 2])
        y = i - _TAPS // 2
        if y < first or y >= first + count:
            continue
        blurred[:] = np.float32(0)
        for k in range(_TAPS):
            row = _mirrored(y + k - _TAPS // 2, height) % _TAPS
            for n in range(3):
                for j in range(width):
                    blurred[n, j] += kernel[k] * ring[row, n, j]
        for j in range(width):
            mu1, mu2 = mean[y, j], blurred[0, j]
            apart = mu1 - mu2
            covariance = blurred[2, j] - mu1 * mu2
            variances = (square[y, j] - mu1 * mu1) + (blurred[1, j] - mu2 * mu2)
            structure = (np.float32(2) * covariance + c2) / (variances + c2)
            errors[0, j] = max(one - (one - apart * apart) * structure, np.float32(0))
            edge = (one + abs(plane[y, j] - mu2)) / (one + abs(reference[y, j] - mu1)) - one
            errors[1, j] = max(edge, np.float32(0))
            errors[2, j] = max(-edge, np.float32(0))
        for n in range(3):
            once, fourth = np.float64(0), np.float64(0)
            for j in range(width):
                error = np.float64(errors[n, j])
                once += error
                fourth += error * error * error * error
            sums[n] += once
            sums[3 + n] += fourth
    return sums
