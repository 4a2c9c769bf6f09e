"""Luma that makes up for what chroma lost: each decoded pixel gets back the lightness it had in the photo.

Chroma is quantized first. Its errors change how light a pixel looks, since BT.601 luma of gamma-coded values is not
lightness; "sharp YUV" converters correct for halved chroma in the same way. Here the correction starts from the chroma
that the decoder will see, quantized and interpolated, and lightness is the Y of XYB, in which both judges measure.
"""

from functools import cache

import numpy as np

from models.colour import cube_root
from models.compiled import compiled
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
    light = np.empty((2, width), np.float32)
    for i in range(pixels.shape[0]):
        for j in range(width):
            red, green, blue = linear[16 * pixels[i, j, 0]], linear[16 * pixels[i, j, 1]], linear[16 * pixels[i, j, 2]]
            for row in range(2):
                absorbed = absorbance[row, 0] * red + absorbance[row, 1] * green + absorbance[row, 2] * blue
                light[row, j] = absorbed + np.float32(_BIAS)
        for j in range(width):
            values[i, j] = np.float32(0.5) * (cube_root(light[0, j]) + cube_root(light[1, j]))


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
    top, scale, most = np.float32(255), np.float32(_STEPS_PER_LEVEL), np.float32(_LARGEST)
    width = luma.shape[1]
    light, steepness = np.empty((2, width), np.float32), np.empty((2, width), np.float32)
    for i in range(luma.shape[0]):
        for j in range(width):
            y = luma[i, j]
            red = int(np.int64(min(max(y + np.float32(1.402) * cr[i, j], np.float32(0)), top) * scale))
            green = y - np.float32(0.344136286) * cb[i, j] - np.float32(0.714136286) * cr[i, j]
            green = int(np.int64(min(max(green, np.float32(0)), top) * scale))
            blue = int(np.int64(min(max(y + np.float32(1.772) * cb[i, j], np.float32(0)), top) * scale))
            for row in range(2):
                a, b, c = absorbance[row, 0], absorbance[row, 1], absorbance[row, 2]
                light[row, j] = a * linear[red] + b * linear[green] + c * linear[blue] + np.float32(_BIAS)
                steepness[row, j] = a * slope[red] + b * slope[green] + c * slope[blue]
        for j in range(width):  # apart from the tables' look-ups, so that vector units do it
            first, second = cube_root(light[0, j]), cube_root(light[1, j])
            value = np.float32(0.5) * (first + second)
            change = steepness[0, j] / (first * first) + steepness[1, j] / (second * second)
            step = (wanted[i, j] - value) / (np.float32(1 / 6) * change)
            moved[i, j] = luma[i, j] + share * min(max(step, -most), most)
