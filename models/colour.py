"""Colour conversion of JFIF (T.871) and the chroma resampling that JPEG decoders undo."""

import numpy as np
from numpy.typing import NDArray

from models.bt601 import LUMA_WEIGHTS
from models.compiled import compiled
from models.threads import in_bands
from models.types import Float32Array, Rgb8

_RED, _GREEN, _BLUE = LUMA_WEIGHTS

_ROOT_OF_ONE = 709958130
"""Two thirds of the bits of 1.0 as an integer, a little less to halve the largest error (Kahan; FreeBSD s_cbrtf.c)."""


@compiled
def cube_root(value: np.float32) -> np.float32:
    """Of a positive value, within 3e-7 of it: a third of its exponent, then two steps of Halley's iteration."""
    exponent_and_fraction = np.float32(np.float32(value).view(np.int32))
    root = np.int32(exponent_and_fraction * np.float32(1 / 3) + np.float32(_ROOT_OF_ONE)).view(np.float32)
    for _ in range(2):
        cube = root * root * root
        root *= (cube + value + value) / (cube + cube + value)
    return root


def rgb_to_ycbcr(pixels: Rgb8) -> Float32Array:
    """float32 (3, H, W): Y in 0..255, Cb and Cr in -127.5..127.5 around zero, not rounded. T.871 section 7."""
    planes = np.empty((3, *pixels.shape[:2]), np.float32)
    pixels = np.ascontiguousarray(pixels)
    in_bands(lambda rows: _rgb_to_ycbcr(pixels[rows], planes, rows.start), pixels.shape[0])
    return planes


def ycbcr_to_rgb(planes: Float32Array) -> Rgb8:
    """uint8 (H, W, 3) of float32 planes (3, H, W) as ``rgb_to_ycbcr`` makes them, rounded half up and clipped."""
    pixels = np.empty((*planes.shape[1:], 3), np.uint8)
    _ycbcr_to_rgb(np.ascontiguousarray(planes), pixels)
    return pixels


def luma(pixels: Rgb8) -> Float32Array:
    """float32 (H, W), 0..255: BT.601 luma as JFIF uses it, not rounded."""
    weighted = np.empty(pixels.shape[:2], np.float32)
    pixels = np.ascontiguousarray(pixels)
    in_bands(lambda rows: _luma(pixels[rows], weighted[rows]), len(pixels))
    return weighted


def linear_light(values: NDArray[np.uint8]) -> Float32Array:
    """Linear light in [0, 1] of sRGB values 0..255, of the same shape. IEC 61966-2-1."""
    srgb = np.arange(256) / 255
    table = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)
    values = np.ascontiguousarray(values)
    linear = np.empty(values.shape, np.float32)
    in_bands(lambda rows: _look_up(values[rows].reshape(-1), table, linear[rows].reshape(-1)), len(values))
    return linear


def is_grey(pixels: Rgb8) -> bool:
    """Whether R = G = B in every pixel."""
    return bool((pixels[:, :, 0] == pixels[:, :, 1]).all() and (pixels[:, :, 0] == pixels[:, :, 2]).all())


def halve(plane: Float32Array) -> Float32Array:
    """Mean of each 2x2 square, float32 (ceil(H/2), ceil(W/2)); odd sides repeat their last row or column."""
    half = np.empty(((plane.shape[0] + 1) // 2, (plane.shape[1] + 1) // 2), np.float32)
    _halve(np.ascontiguousarray(plane), half)
    return half


def double(plane: Float32Array, height: int, width: int) -> Float32Array:
    """Triangle ("fancy") interpolation of a halved plane to (height, width), as libjpeg does: weights 3/4, 1/4."""
    full = np.empty((height, width), np.float32)
    plane = np.ascontiguousarray(plane)
    in_bands(lambda rows: _double(plane, full, rows.start, rows.stop), height)
    return full


def halve_for_triangle(plane: Float32Array, *, rounds: int = 1) -> Float32Array:
    """Halved plane whose triangle interpolation is close to ``plane``: the box mean plus the mean of what it misses.

    Each round is one step of Landweber iteration for the least-squares problem |double(x) - plane|.
    """
    half = halve(plane)
    for _ in range(rounds):
        half = half + halve(plane - double(half, *plane.shape))
    return half


@compiled
def _look_up(values: NDArray[np.uint8], table: Float32Array, found: Float32Array) -> None:
    for i in range(values.shape[0]):
        found[i] = table[values[i]]


@compiled
def _luma(pixels: Rgb8, weighted: Float32Array) -> None:
    for i in range(pixels.shape[0]):
        for j in range(pixels.shape[1]):
            red, green, blue = np.float32(pixels[i, j, 0]), np.float32(pixels[i, j, 1]), np.float32(pixels[i, j, 2])
            weighted[i, j] = np.float32(_RED) * red + np.float32(_GREEN) * green + np.float32(_BLUE) * blue


@compiled
def _rgb_to_ycbcr(pixels: Rgb8, planes: Float32Array, top: int) -> None:
    for i in range(pixels.shape[0]):
        for j in range(pixels.shape[1]):
            red, green, blue = np.float32(pixels[i, j, 0]), np.float32(pixels[i, j, 1]), np.float32(pixels[i, j, 2])
            y = np.float32(_RED) * red + np.float32(_GREEN) * green + np.float32(_BLUE) * blue
            planes[0, top + i, j] = y
            planes[1, top + i, j] = (blue - y) * np.float32(0.5 / 0.886)
            planes[2, top + i, j] = (red - y) * np.float32(0.5 / 0.701)


@compiled
def _ycbcr_to_rgb(planes: Float32Array, pixels: Rgb8) -> None:
    for i in range(pixels.shape[0]):
        for j in range(pixels.shape[1]):
            y, cb, cr = planes[0, i, j], planes[1, i, j], planes[2, i, j]
            red = y + np.float32(1.402) * cr
            green = y - np.float32(0.344136286) * cb - np.float32(0.714136286) * cr
            blue = y + np.float32(1.772) * cb
            pixels[i, j, 0] = np.uint8(min(max(red + np.float32(0.5), np.float32(0)), np.float32(255)))
            pixels[i, j, 1] = np.uint8(min(max(green + np.float32(0.5), np.float32(0)), np.float32(255)))
            pixels[i, j, 2] = np.uint8(min(max(blue + np.float32(0.5), np.float32(0)), np.float32(255)))


@compiled
def _halve(plane: Float32Array, half: Float32Array) -> None:
    height, width = plane.shape
    for i in range(half.shape[0]):
        top, bottom = 2 * i, min(2 * i + 1, height - 1)
        for j in range(half.shape[1]):
            left, right = 2 * j, min(2 * j + 1, width - 1)
            total = plane[top, left] + plane[top, right] + plane[bottom, left] + plane[bottom, right]
            half[i, j] = np.float32(0.25) * total


@compiled
def _double(plane: Float32Array, full: Float32Array, top: int, bottom: int) -> None:
    last_row, last_column = plane.shape[0] - 1, plane.shape[1] - 1
    near, far = np.float32(0.75), np.float32(0.25)
    rows = np.empty(plane.shape[1], np.float32)
    for i in range(top, bottom):
        row = i // 2
        other = min(max(row + 2 * (i % 2) - 1, 0), last_row)
        for j in range(plane.shape[1]):
            rows[j] = near * plane[row, j] + far * plane[other, j]
        for j in range(full.shape[1]):
            column = j // 2
            beside = min(max(column + 2 * (j % 2) - 1, 0), last_column)
            full[i, j] = near * rows[column] + far * rows[beside]


def grey_as_rgb(plane: NDArray[np.uint8]) -> Rgb8:
    """uint8 (H, W, 3) with the plane (H, W) in each channel."""
    return np.repeat(plane[:, :, None], 3, axis=2)
