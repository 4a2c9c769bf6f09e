"""Luma that makes up for what chroma lost: each decoded pixel gets back the lightness it had in the photo.

Chroma is quantized first. Its errors change how light a pixel looks, since BT.601 luma of gamma-coded values is not
lightness; "sharp YUV" converters correct for halved chroma in the same way. Here the correction starts from the chroma
that the decoder will see, quantized and interpolated, and lightness is the Y of XYB, in which both judges measure.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.colour import cube_root
from models.compiled import compiled, inlined
from models.threads import in_bands
from models.types import Float32Array, Rgb8

_STEPS_PER_LEVEL = 16
_BIAS = 0.0037930732552754493
# Rows L and M of the opsin absorbance matrix and their bias: libjxl, lib/jxl/cms/opsin_params.h.
_ABSORBANCE = np.array([[0.30, 0.622, 0.078], [0.23, 0.692, 0.078]], np.float32)
_LARGEST = 12.0
"""Luma levels that one pixel is moved at most, near what the steps of common qualities leave of it anyway."""


def lightness(pixels: Rgb8) -> Float32Array:
    """float32 (H, W): Y of XYB, about 0.16 to 1.01, of sRGB pixels (H, W, 3)."""
    values = np.empty(pixels.shape[:2], np.float32)
    pixels = np.ascontiguousarray(pixels)
    in_bands(lambda rows: _lightness(pixels[rows], *_curves(), _ABSORBANCE, values[rows]), len(pixels))
    return values


def compensated_luma(
    luma: Float32Array, cb: Float32Array, cr: Float32Array, wanted: Float32Array, share: float = 1.0
) -> Float32Array:
    """Luma whose pixels have the ``wanted`` lightness beside the chroma of a decoder: one Newton step from ``luma``.

    Args: all float32 (H, W): ``luma`` 0..255, ``cb`` and ``cr`` around zero, ``wanted`` as ``lightness`` gives it;
    ``share`` 0..1: how far to go. Judges that see luma alone call the whole step an error.
    """
    moved = np.empty_like(luma)

    def compensate(rows: slice) -> None:
        _compensate(
            luma[rows], cb[rows], cr[rows], wanted[rows], np.float32(share), *_curves(), _ABSORBANCE, moved[rows]
        )

    in_bands(compensate, len(luma))
    return moved


@cache
def _curves() -> tuple[Float32Array, Float32Array]:
    """Linear light 0..1 at each sixteenth of a level 0..255 (IEC 61966-2-1), and its slope per level."""
    level = np.arange(255 * _STEPS_PER_LEVEL + 1) / (255 * _STEPS_PER_LEVEL)
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32), (np.gradient(linear) * _STEPS_PER_LEVEL).astype(np.float32)


@compiled
def _lightness(
    pixels: Rgb8, linear: Float32Array, slope: Float32Array, absorbance: Float32Array, values: Float32Array
) -> None:
    width = pixels.shape[1]
    colours, cones = np.empty((3, width), np.float32), np.empty((2, width), np.float32)
    for i in range(pixels.shape[0]):
        for j in range(width):
            for c in range(3):
                colours[c, j] = linear[16 * pixels[i, j, c]]
        _absorb(colours, absorbance, cones)
        for j in range(width):
            first = cube_root(cones[0, j] + np.float32(_BIAS))
            values[i, j] = np.float32(0.5) * (first + cube_root(cones[1, j] + np.float32(_BIAS)))


@compiled
def _compensate(
    luma: Float32Array,
    cb: Float32Array,
    cr: Float32Array,
    wanted: Float32Array,
    share: np.float32,
    linear: Float32Array,
    slope: Float32Array,
    absorbance: Float32Array,
    moved: Float32Array,
) -> None:
    """Row by row in steps of which each is one kind of work, so that vector units do all but the tables' look-ups."""
    most = np.float32(_LARGEST)
    width = luma.shape[1]
    places = np.empty((3, width), np.int32)
    colours, slopes = np.empty((3, width), np.float32), np.empty((3, width), np.float32)
    light, steepness = np.empty((2, width), np.float32), np.empty((2, width), np.float32)
    for i in range(luma.shape[0]):
        _find_places(luma[i], cb[i], cr[i], places)
        for c in range(3):
            for j in range(width):
                colours[c, j] = linear[places[c, j]]
                slopes[c, j] = slope[places[c, j]]
        _absorb(colours, absorbance, light)
        _absorb(slopes, absorbance, steepness)
        for j in range(width):
            first, second = cube_root(light[0, j] + np.float32(_BIAS)), cube_root(light[1, j] + np.float32(_BIAS))
            value = np.float32(0.5) * (first + second)
            change = steepness[0, j] / (first * first) + steepness[1, j] / (second * second)
            step = (wanted[i, j] - value) / (np.float32(1 / 6) * change)
            moved[i, j] = luma[i, j] + share * min(max(step, -most), most)


@inlined
def _find_places(y: Float32Array, cb: Float32Array, cr: Float32Array, places: NDArray[np.int32]) -> None:
    """Where R, G and B of a row of YCbCr stand in the tables."""
    top, scale = np.float32(255), np.float32(_STEPS_PER_LEVEL)
    for j in range(len(y)):
        red = y[j] + np.float32(1.402) * cr[j]
        green = y[j] - np.float32(0.344136286) * cb[j] - np.float32(0.714136286) * cr[j]
        blue = y[j] + np.float32(1.772) * cb[j]
        places[0, j] = np.int32(min(max(red, np.float32(0)), top) * scale)
        places[1, j] = np.int32(min(max(green, np.float32(0)), top) * scale)
        places[2, j] = np.int32(min(max(blue, np.float32(0)), top) * scale)


@inlined
def _absorb(colours: Float32Array, absorbance: Float32Array, cones: Float32Array) -> None:
    """What both kinds of cones take in of a row, (2, W) of (3, W)."""
    for row in range(2):
        red, green, blue = absorbance[row, 0], absorbance[row, 1], absorbance[row, 2]
        for j in range(colours.shape[1]):
            cones[row, j] = red * colours[0, j] + green * colours[1, j] + blue * colours[2, j]
