"""Where a photo is looked at to judge a distortion: square tiles over all that is no plain ground.

People look for the damage, so a product on white is judged by the product, however much white is around it, and the
worst place counts most.
"""

import math
from dataclasses import dataclass

import numpy as np

from models.plain_ground import Box, content_boxes
from models.preprocess import pad_to_at_least
from models.types import Float32Array, Rgb8

TILE = 256
TILE_GRID = 16
"""Tile corners lie on multiples of this: the MCU of 4:2:0 JPEG, as in training."""

MOST_TILES = 96
"""A photo over about 6 megapixels is sampled by so many tiles, evenly spread."""

Places = tuple[tuple[int, int], ...]
"""Corners (row, column) of tiles in a photo, on the MCU grid."""

POOLING_EXPONENT = 4.0
"""Tiles are averaged as d^4: a quarter of the tiles at some distance weighs as much as all of them at 0.7 of it."""


@dataclass(frozen=True, slots=True)
class TilePlace:
    """A tile: the part of the photo that it lies in, and its corner (row, column) there."""

    box: Box
    corner: tuple[int, int]

    @property
    def in_photo(self) -> tuple[int, int] | None:
        """Corner (row, column) in the photo, None where that is not on the MCU grid or the tile not whole."""
        row, column = self.box.top + self.corner[0], self.box.left + self.corner[1]
        whole = min(self.box.bottom - row, self.box.right - column) >= TILE
        return (row, column) if whole and row % TILE_GRID == column % TILE_GRID == 0 else None

    def cut(self, pixels: Rgb8) -> Rgb8:
        """uint8 (256, 256, 3) of a photo; a smaller part is continued by reflection."""
        part = pixels[self.box.top : self.box.bottom, self.box.left : self.box.right]
        row, column = self.corner
        return pad_to_at_least(part[row : row + TILE, column : column + TILE], TILE, TILE)


def tile_places(pixels: Rgb8) -> list[TilePlace]:
    """At most about ``MOST_TILES`` tiles over all parts that ``content_boxes`` finds, each on the MCU grid."""
    boxes = content_boxes(pixels)
    needed = [math.prod(_tiles_across(side) for side in (box.bottom - box.top, box.right - box.left)) for box in boxes]
    scale = min(1.0, MOST_TILES / sum(needed))
    return [
        TilePlace(box, corner)
        for box, count in zip(boxes, needed, strict=True)
        for corner in tile_corners(box.bottom - box.top, box.right - box.left, max(1, int(scale * count)))
    ]


def tile_corners(height: int, width: int, most: int = MOST_TILES) -> list[tuple[int, int]]:
    """Corners (row, column) of at most ``most`` tiles, evenly spread, on the MCU grid; one for a small photo."""
    rows, columns = _tiles_across(height), _tiles_across(width)
    while rows * columns > most:
        if columns == 1 or (rows > 1 and rows * width > columns * height):
            rows -= 1
        else:
            columns -= 1
    return [(row, column) for row in _starts(height, rows) for column in _starts(width, columns)]


def tiles_one_under_the_other(count: int) -> list[TilePlace]:
    """Those that make up a photo of (256 ``count``, 256) pixels."""
    return [TilePlace(Box(0, 0, TILE * count, TILE), (TILE * number, 0)) for number in range(count)]


def pool_tiles(log_distances: Float32Array, exponent: float = POOLING_EXPONENT) -> float:
    """ln distance of a photo from those of its tiles (T,): power mean of the distances."""
    powers = exponent * log_distances.astype(np.float64)
    top = float(powers.max())
    return round((top + math.log(float(np.exp(powers - top).mean()))) / exponent, 6)


def _tiles_across(length: int) -> int:
    return max(1, -(-length // TILE))


def _starts(length: int, count: int) -> list[int]:
    last = max(0, length - TILE) // TILE_GRID
    return [round(i * last / max(1, count - 1)) * TILE_GRID for i in range(count)]
