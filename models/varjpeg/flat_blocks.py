"""Blocks that are decoded as one colour: their mean is put where decoders, which count in whole levels, show it best.

A decoder rounds Y, Cb and Cr to whole levels, then R, G and B. Where a block keeps no detail, every pixel is rounded
the same way, and half a level of a smooth sky or of a product's plain ground shows as a step. So the mean that the
coefficient aims at is chosen among those that a decoder can show: chroma's nearest, and of the two lumas beside it the
one whose pixels have the lightness of the photo. It is then the same at every quality that is fine enough.
"""

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.threads import in_bands
from models.types import Float32Array
from models.varjpeg.lightness import lightness
from models.varjpeg.tables import Table

_MIDDLE = np.float32(128)
_MEAN_OF_DC = np.float32(8)
"""A DC coefficient over this is the block's mean."""


def flat_blocks(coefficients: Float32Array, table: Table) -> NDArray[np.bool_]:
    """bool (rows, columns): blocks all of whose AC coefficients round to zero in these steps, (64,)."""
    flat = np.empty(coefficients.shape[:2], np.bool_)
    half = np.asarray(table / 2, np.float32)
    in_bands(lambda rows: _flat_blocks(coefficients[rows], half, flat[rows]), len(flat))
    return flat


@compiled
def _flat_blocks(coefficients: Float32Array, half: Float32Array, flat: NDArray[np.bool_]) -> None:
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            k = 1
            while k < 64 and abs(coefficients[row, column, k]) < half[k]:
                k += 1
            flat[row, column] = k == 64


def with_whole_means(coefficients: Float32Array, table: Table) -> Float32Array:
    """Chroma (rows, columns, 64) with the means of flat blocks at whole levels."""
    flat = flat_blocks(coefficients, table)
    moved = coefficients.copy()
    moved[flat, 0] = _MEAN_OF_DC * np.rint(coefficients[flat, 0] / _MEAN_OF_DC)
    return moved


def with_shown_lightness(
    coefficients: Float32Array, table: Table, cb: Float32Array, cr: Float32Array, wanted: Float32Array
) -> Float32Array:
    """Luma (rows, columns, 64), changed: the means of flat blocks at the whole level whose pixels are shown most as
    wanted.

    ``cb``, ``cr``: (rows, columns), means of the decoded chroma around zero; ``wanted``: mean ``lightness``.
    """
    flat = flat_blocks(coefficients, table)
    below = np.floor(coefficients[flat, 0] / _MEAN_OF_DC) + _MIDDLE
    levels = np.stack([below, below + 1]).clip(0, 255)
    colours = np.stack(
        [
            levels + np.float32(1.402) * cr[flat],
            levels - np.float32(0.344136286) * cb[flat] - np.float32(0.714136286) * cr[flat],
            levels + np.float32(1.772) * cb[flat],
        ],
        axis=-1,
    )
    misses = np.abs(lightness(np.asarray(np.rint(colours).clip(0, 255), np.uint8)) - wanted[flat])
    chosen = np.where(misses[1] < misses[0], levels[1], levels[0])
    coefficients[flat, 0] = _MEAN_OF_DC * (chosen - _MIDDLE)
    return coefficients
