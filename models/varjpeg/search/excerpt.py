"""A few square places of a large photo, one under the other: a small photo that is encoded as the large one is.

They lie on the grid of MCUs, so that blocks are the same; what differs is the rates, which an encoder takes from the
whole, and chroma at the squares' edges. Our own; no paper has it.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.jpeg.coefficients import JpegCoefficients, JpegComponent
from models.jpeg.dct import BLOCK
from models.sur.tiles import TILE, Places

_LARGEST = 0.2
"""Share of the photo: a few trials on more cost as much as one on the whole."""

_LEAST_TILES, _MOST_TILES = 4, 24
"""Fewer tell little of the whole, more no more."""

Scalar = TypeVar("Scalar", bound=np.generic)


def tiles_for(height: int, width: int) -> int:
    """How many whole squares tell of a photo in much less time; 0 where none do."""
    if min(height, width) < TILE:
        return 0
    tiles = min(_MOST_TILES, int(_LARGEST * height * width) // TILE**2)
    return tiles if tiles >= _LEAST_TILES else 0


def cut(values: NDArray[Scalar], places: Places, *, across: int = 1, down: int = 1) -> NDArray[Scalar]:
    """``values`` (H / down, W / across, ...) of a photo at its ``places``, (N * 256 / down, 256 / across, ...)."""
    rows, columns = TILE // down, TILE // across
    return np.concatenate(
        [
            values[top : top + rows, left : left + columns]
            for top, left in ((row // down, column // across) for row, column in places)
        ]
    )


def cut_coefficients(source: JpegCoefficients, places: Places) -> JpegCoefficients:
    """The blocks of a JPEG at these places."""
    most_across = max(component.across for component in source.components)
    most_down = max(component.down for component in source.components)

    def of_component(one: JpegComponent) -> JpegComponent:
        across, down = BLOCK * most_across // one.across, BLOCK * most_down // one.down
        return JpegComponent(cut(one.blocks, places, across=across, down=down), one.table, one.across, one.down)

    return JpegCoefficients(TILE * len(places), TILE, tuple(map(of_component, source.components)))
