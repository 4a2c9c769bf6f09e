"""Where a photo is looked at to judge a distortion: square tiles over all that is no plain ground.

People look for the damage, so a product on white is judged by the product, however much white is around it, and the
worst place counts most.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.preprocess import pad_to_at_least
from models.types import Float32Array, Rgb8

TILE = 256
TILE_GRID = 16
"""Tile corners lie on multiples of this: the MCU of 4:2:0 JPEG, as in training."""

CANDIDATE_TILES, JUDGED_TILES = 96, 24
"""A photo over about 6 megapixels is sampled by so many tiles, evenly spread; where one over 1.6 megapixels has been
looked at once, only the tiles of that second number that were damaged most are looked at again."""

POOLING_EXPONENT = 4.0
"""Tiles are averaged as d^4: a quarter of the tiles at some distance weighs as much as all of them at 0.7 of it."""

_PLAIN_RANGE = 1
"""Levels between the darkest and the lightest value of a plain block, and from it to its ground's colour."""

_LEAST_GROUND = 0.04
"""Share of the photo that one colour must fill to be its ground."""

_MOST_BOXES = 12


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a photo in pixels: rows ``top`` to ``bottom``, columns ``left`` to ``right``, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """Pixels."""
        return (self.bottom - self.top) * (self.right - self.left)


@dataclass(frozen=True, slots=True)
class TilePlace:
    """A tile: the part of the photo that it lies in, and its corner (row, column) there."""

    box: Box
    corner: tuple[int, int]

    def cut(self, pixels: Rgb8) -> Rgb8:
        """uint8 (256, 256, 3) of a photo; a smaller part is continued by reflection."""
        part = pixels[self.box.top : self.box.bottom, self.box.left : self.box.right]
        row, column = self.corner
        return pad_to_at_least(part[row : row + TILE, column : column + TILE], TILE, TILE)


def tile_places(pixels: Rgb8) -> list[TilePlace]:
    """At most about ``CANDIDATE_TILES`` tiles over all parts that ``content_boxes`` finds, each on the MCU grid."""
    boxes = content_boxes(pixels)
    needed = [math.prod(_tiles_across(side) for side in (box.bottom - box.top, box.right - box.left)) for box in boxes]
    scale = min(1.0, CANDIDATE_TILES / sum(needed))
    return [
        TilePlace(box, corner)
        for box, count in zip(boxes, needed, strict=True)
        for corner in tile_corners(box.bottom - box.top, box.right - box.left, max(1, int(scale * count)))
    ]


def tile_corners(height: int, width: int, most: int = CANDIDATE_TILES) -> list[tuple[int, int]]:
    """Corners (row, column) of at most ``most`` tiles, evenly spread, on the MCU grid; one for a small photo."""
    rows, columns = _tiles_across(height), _tiles_across(width)
    while rows * columns > most:
        if columns == 1 or (rows > 1 and rows * width > columns * height):
            rows -= 1
        else:
            columns -= 1
    return [(row, column) for row in _starts(height, rows) for column in _starts(width, columns)]


def content_boxes(pixels: Rgb8) -> list[Box]:
    """The parts of a photo, uint8 (H, W, 3), that are no plain ground; the whole if all or none is.

    Ground is one colour, within a level, in whole blocks of 16 x 16 that fill at least 4 % of the photo. What lies
    within 32 pixels of each other is one part; many parts are taken as one. A part that holds a tile begins and ends on
    multiples of 16 within what it shows, so that no rim of ground dilutes it; a smaller one where it does.
    """
    height, width = pixels.shape[:2]
    whole = Box(0, 0, height, width)
    plain, grounds = _plain_blocks(pixels)
    content = ~plain
    if content.all() or not content.any():
        return [whole]
    from scipy import ndimage  # half a second, which most photos do not need

    labels, _ = ndimage.label(ndimage.binary_dilation(content, np.ones((3, 3))), np.ones((3, 3)))
    boxes = [_box(rows, columns, whole) for rows, columns in ndimage.find_objects(labels * content)]
    rows, columns = ndimage.find_objects(content.astype(np.int8))[0]
    everything = _box(rows, columns, whole)
    if len(boxes) > _MOST_BOXES or sum(box.area for box in boxes) >= everything.area:
        boxes = [everything]
    return [_trimmed(pixels, box, grounds) for box in boxes]


def pool_tiles(log_distances: Float32Array, exponent: float = POOLING_EXPONENT) -> float:
    """ln distance of a photo from those of its tiles (T,): power mean of the distances."""
    powers = exponent * log_distances.astype(np.float64)
    top = float(powers.max())
    return round((top + math.log(float(np.exp(powers - top).mean()))) / exponent, 6)


def _plain_blocks(pixels: Rgb8) -> tuple[NDArray[np.bool_], NDArray[np.int16]]:
    """bool (rows, columns) over blocks of 16 x 16, at the edge of what there is; the colours of the grounds (N, 3)."""
    missing = [(0, -side % TILE_GRID) for side in pixels.shape[:2]]
    padded = np.pad(pixels, (*missing, (0, 0)), mode="edge") if any(after for _, after in missing) else pixels
    rows, columns = padded.shape[0] // TILE_GRID, padded.shape[1] // TILE_GRID
    lines = padded.reshape(rows, TILE_GRID, columns * TILE_GRID * 3)  # whole lines first: ten times as fast
    lowest, highest = (end(axis=1).reshape(rows, columns, TILE_GRID, 3) for end in (lines.min, lines.max))
    lowest = lowest.min(axis=2).astype(np.int16)
    even = (highest.max(axis=2) - lowest <= _PLAIN_RANGE).all(axis=2)
    colours, counts = np.unique(lowest[even], axis=0, return_counts=True)
    grounds = colours[counts >= _LEAST_GROUND * rows * columns]
    near = (np.abs(lowest[:, :, None] - grounds) <= _PLAIN_RANGE).all(axis=3).any(axis=2)
    return np.asarray(even & near), grounds


def _trimmed(pixels: Rgb8, box: Box, grounds: NDArray[np.int16]) -> Box:
    part = pixels[box.top : box.bottom, box.left : box.right].astype(np.int16)
    shown = ~np.any([(np.abs(part - ground) <= _PLAIN_RANGE).all(axis=2) for ground in grounds], axis=0)
    if not shown.any():
        return box
    top, bottom = _shown(shown.any(axis=1), box.top)
    left, right = _shown(shown.any(axis=0), box.left)
    return Box(top, left, bottom, right)


def _shown(lines: NDArray[np.bool_], offset: int) -> tuple[int, int]:
    """First and last but one of the lines that show something, on the grid where a tile fits between."""
    places = np.flatnonzero(lines)
    start, stop = offset + int(places[0]), offset + int(places[-1]) + 1
    inner = -(-start // TILE_GRID) * TILE_GRID, stop // TILE_GRID * TILE_GRID
    return inner if inner[1] - inner[0] >= TILE else (start, stop)


def _box(rows: slice, columns: slice, whole: Box) -> Box:
    """Of blocks, within the photo."""
    return Box(
        rows.start * TILE_GRID,
        columns.start * TILE_GRID,
        min(rows.stop * TILE_GRID, whole.bottom),
        min(columns.stop * TILE_GRID, whole.right),
    )


def _tiles_across(length: int) -> int:
    return max(1, -(-length // TILE))


def _starts(length: int, count: int) -> list[int]:
    last = max(0, length - TILE) // TILE_GRID
    return [round(i * last / max(1, count - 1)) * TILE_GRID for i in range(count)]
