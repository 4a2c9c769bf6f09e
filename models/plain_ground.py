"""What of a picture is plain ground: the white that a product stands on, the bars beside a film, a page's paper.

People look for the damage, so a photo is judged by what it shows, however much of one colour is around it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.types import Rgb8

_BLOCK = 16
"""Side of the blocks that are plain or not; parts begin on multiples of it, the MCU of 4:2:0 JPEG."""

_LEAST_PART = 256
"""Sides from which a part is cut to multiples of 16 within what it shows."""

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


def content_box(pixels: Rgb8) -> Box:
    """The smallest part that holds all of ``content_boxes``."""
    boxes = content_boxes(pixels)
    return Box(
        min(box.top for box in boxes),
        min(box.left for box in boxes),
        max(box.bottom for box in boxes),
        max(box.right for box in boxes),
    )


def content_mask(pixels: Rgb8) -> NDArray[np.bool_]:
    """bool (H, W): true but on plain ground, in whole blocks of 16 x 16; everywhere if all is ground."""
    plain, _ = _plain_blocks(pixels)
    if plain.all():
        return np.ones(pixels.shape[:2], np.bool_)
    height, width = pixels.shape[:2]
    return np.asarray(np.repeat(np.repeat(~plain, _BLOCK, axis=0), _BLOCK, axis=1)[:height, :width])


def _plain_blocks(pixels: Rgb8) -> tuple[NDArray[np.bool_], NDArray[np.int16]]:
    """bool (rows, columns) over blocks of 16 x 16, at the edge of what there is; the colours of the grounds (N, 3)."""
    even, lowest = _even_blocks(pixels)
    colours, counts = np.unique(lowest[even], axis=0, return_counts=True)
    grounds = colours[counts >= _LEAST_GROUND * even.size]
    near = (np.abs(lowest[:, :, None] - grounds) <= _PLAIN_RANGE).all(axis=3).any(axis=2)
    return np.asarray(even & near), grounds


def _even_blocks(pixels: Rgb8) -> tuple[NDArray[np.bool_], NDArray[np.int16]]:
    """bool (rows, columns): blocks of one colour; int16 (rows, columns, 3): their lowest values.

    Most blocks of a photo show by their corners that they are not.
    """
    height, width = pixels.shape[:2]
    down, across = (np.arange(0, side, _BLOCK) for side in (height, width))
    ends = [(start, np.minimum(start + _BLOCK, side) - 1) for start, side in ((down, height), (across, width))]
    corners = np.stack([pixels[rows][:, columns] for rows in ends[0] for columns in ends[1]])
    even = (np.ptp(corners, axis=0) <= _PLAIN_RANGE).all(axis=2)
    lowest = np.zeros((*even.shape, 3), np.int16)
    for row in np.flatnonzero(even.any(axis=1)):
        lines = pixels[down[row] : down[row] + _BLOCK]  # whole lines first: ten times as fast
        lowest[row] = np.minimum.reduceat(lines.min(axis=0), across)
        even[row] = (np.maximum.reduceat(lines.max(axis=0), across) - lowest[row] <= _PLAIN_RANGE).all(axis=1)
    return even, lowest


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
    inner = -(-start // _BLOCK) * _BLOCK, stop // _BLOCK * _BLOCK
    return inner if inner[1] - inner[0] >= _LEAST_PART else (start, stop)


def _box(rows: slice, columns: slice, whole: Box) -> Box:
    """Of blocks, within the photo."""
    return Box(
        rows.start * _BLOCK,
        columns.start * _BLOCK,
        min(rows.stop * _BLOCK, whole.bottom),
        min(columns.stop * _BLOCK, whole.right),
    )
