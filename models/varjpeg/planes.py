"""Planes of a photo made in strips of rows: many at once, and never whole planes of what is needed on the way only."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from models.colour import double, halve_for_triangle, luma, rgb_to_ycbcr
from models.compiled import compiled
from models.jpeg.dct import BLOCK, block_grid, forward_dct, inverse_dct
from models.jpeg.entropy import Blocks
from models.threads import in_bands, in_order
from models.types import Float32Array, Rgb8
from models.varjpeg.lightness import compensated_luma, lightness
from models.varjpeg.tables import Table
from models.varjpeg.visibility import block_means

_ROWS = 128
"""Of a strip: a multiple of the 16 rows that a block of halved chroma covers."""
_CONTEXT = 4
"""Rows beside a strip that its halved chroma depends on, at most."""
_SAMPLED_ROWS = 1_000_000
"""Pixels from which the chroma that halving loses is measured in some strips only, of 16 rows, evenly spread."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Rows ``top`` to ``bottom``, the end excluded, of a plane of ``height`` rows."""

    top: int
    bottom: int
    height: int

    def wider(self, rows: int) -> "Strip":
        """With so many more rows on either side, where there are any."""
        return Strip(max(0, self.top - rows), min(self.height, self.bottom + rows), self.height)

    @property
    def rows(self) -> slice:
        """Of the plane."""
        return slice(self.top, self.bottom)


def strips(height: int, rows: int = _ROWS) -> Iterator[Strip]:
    """That make up the plane; each but the last has ``rows``."""
    return (Strip(top, min(top + rows, height), height) for top in range(0, height, rows))


def halved_chroma(pixels: Rgb8) -> Float32Array:
    """float32 (2, ceil(H/2), ceil(W/2)): Cb and Cr as ``halve_for_triangle`` makes them."""
    height, width = pixels.shape[:2]
    halved = np.empty((2, (height + 1) // 2, (width + 1) // 2), np.float32)

    def halve(strip: Strip) -> None:
        wider = strip.wider(_CONTEXT)
        skipped, rows = (strip.top - wider.top) // 2, (strip.bottom - strip.top + 1) // 2
        for number, plane in enumerate(rgb_to_ycbcr(pixels[wider.rows])[1:]):
            halved[number, strip.top // 2 :][:rows] = halve_for_triangle(plane)[skipped : skipped + rows]

    list(in_order(halve, strips(height)))
    return halved


def dct_of_chroma(pixels: Rgb8, component: int) -> Float32Array:
    """DCT (rows, columns, 64) of Cb (``component`` 1) or Cr (2) at full resolution."""
    height, width = pixels.shape[:2]
    coefficients = np.empty((*block_grid(height, width), BLOCK * BLOCK), np.float32)

    def transform(strip: Strip) -> None:
        rows = slice(strip.top // BLOCK, -(-strip.bottom // BLOCK))
        coefficients[rows] = forward_dct(rgb_to_ycbcr(pixels[strip.rows])[component])

    list(in_order(transform, strips(height)))
    return coefficients


def lost_by_halving(chroma: Float32Array) -> Float32Array:
    """Fourth power of what each pixel of a chroma plane loses, (H, W)."""
    return np.asarray(np.square(np.square(chroma - double(halve_for_triangle(chroma), *chroma.shape))), np.float32)


def mean_lost_by_halving(pixels: Rgb8) -> tuple[float, float]:
    """Mean of ``lost_by_halving`` for Cb and Cr, in a large photo of a sample of its rows."""
    height, width = pixels.shape[:2]
    every = max(1, height * width // _SAMPLED_ROWS)
    sample = [strip for number, strip in enumerate(strips(height, 16 if every > 1 else _ROWS)) if number % every == 0]

    def lost(strip: Strip) -> tuple[float, float]:
        wider = strip.wider(_CONTEXT)
        own = slice(strip.top - wider.top, strip.bottom - wider.top)
        cb, cr = (lost_by_halving(plane)[own].sum(dtype=np.float64) for plane in rgb_to_ycbcr(pixels[wider.rows])[1:])
        return float(cb), float(cr)

    sums = np.array(list(in_order(lost, sample))).sum(axis=0)
    cb, cr = sums / (width * sum(strip.bottom - strip.top for strip in sample))
    return float(cb), float(cr)


def means_of(made: Callable[[Rgb8], Float32Array], pixels: Rgb8) -> Float32Array:
    """float32 (rows, columns): mean over each 8x8 block, at the edge over what there is, of a plane (H, W) that is
    ``made`` of pixels (H, W, 3), each value of its own pixel.
    """
    height, width = pixels.shape[:2]

    def means(strip: Strip) -> Float32Array:
        return block_means(made(pixels[strip.rows]), strip.bottom - strip.top, width)

    return np.concatenate(list(in_order(means, strips(height))))


def compensated_dct(
    pixels: Rgb8, chroma: list[Blocks], table: Table, *, share: float, half: bool
) -> tuple[Float32Array, Float32Array]:
    """DCT (rows, columns, 64) of the luma that gives the pixels their lightness beside this chroma, as it is decoded;
    and the means (2, rows, columns) of Cb and Cr in its blocks.

    ``pixels``: (H, W, 3); ``chroma``: quantized Cb and Cr, at half resolution with ``half``; ``table``: theirs;
    ``share``: as ``compensated_luma`` takes it.
    """
    height, width = pixels.shape[:2]
    grid = block_grid(height, width)
    coefficients, means = np.empty((*grid, BLOCK * BLOCK), np.float32), np.empty((2, *grid), np.float32)
    steps = table.astype(np.float32)

    def transform(strip: Strip) -> None:
        cb, cr = (_decoded(blocks, steps, strip, width, half=half) for blocks in chroma)
        seen = pixels[strip.rows]
        moved = compensated_luma(luma(seen), cb, cr, lightness(seen), share)
        rows = slice(strip.top // BLOCK, -(-strip.bottom // BLOCK))
        coefficients[rows] = forward_dct(moved - np.float32(128))
        for number, plane in enumerate((cb, cr)):
            means[number, rows] = block_means(plane, *plane.shape)

    list(in_order(transform, strips(height)))
    return coefficients, means


def _decoded(blocks: Blocks, steps: Float32Array, strip: Strip, width: int, *, half: bool) -> Float32Array:
    """Rows of a chroma plane as a decoder has them, around zero."""
    if not half:
        rows = slice(strip.top // BLOCK, -(-strip.bottom // BLOCK))
        return np.rint(inverse_dct(blocks[rows] * steps, strip.bottom - strip.top, width))
    size = 2 * BLOCK
    top, bottom = max(0, strip.top // size - 1), min(len(blocks), -(-strip.bottom // size) + 1)
    lines = min(-(-strip.height // 2), BLOCK * bottom) - BLOCK * top
    plane = np.rint(inverse_dct(blocks[top:bottom] * steps, lines, (width + 1) // 2))
    skipped = strip.top - size * top
    return double(plane, min(2 * lines, strip.height - size * top), width)[skipped:][: strip.bottom - strip.top]


def add_missed(added: Float32Array, chosen: Blocks, table: Table, share: float, plane: Float32Array) -> None:
    """Make of ``plane`` the ``share`` of what ``chosen`` misses of it, and ``added``, all (rows, columns, 64)."""
    steps = table.astype(np.float32)
    in_bands(lambda rows: _add_missed(added[rows], chosen[rows], steps, np.float32(share), plane[rows]), len(plane))


@compiled
def _add_missed(
    added: Float32Array, chosen: Blocks, steps: Float32Array, share: np.float32, plane: Float32Array
) -> None:
    for row in range(plane.shape[0]):
        for column in range(plane.shape[1]):
            for k in range(64):
                missed = plane[row, column, k] - np.float32(chosen[row, column, k]) * steps[k]
                plane[row, column, k] = missed * share + added[row, column, k]
