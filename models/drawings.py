"""Pictures that no camera made: screenshots, text, line art and flat colours, which a JPEG suits badly."""

import numpy as np

from models.plain_ground import content_boxes
from models.types import Rgb8

_EQUAL_NEIGHBOURS = 0.5
"""Share of pixels that equal the one to their right: below 0.5 in nearly all photographs, above 0.8 in text."""

_COLOURS = 0.05
"""Colours over pixels, off the plain ground: a photo of a product on white has tens of thousands, a drawing few."""

_SHADES = 256
"""So few colours are those of one ink with smooth edges on one ground, however small it stands there."""

_MOST_PIXELS = 400_000
"""Colours are counted on at most about so many pixels of each part, evenly picked."""


def is_drawing(pixels: Rgb8) -> bool:
    """Whether sRGB pixels (H, W, 3) are a drawing: mostly runs of one colour, and few colours in all."""
    if pixels.shape[1] < 2 or _share_of_equal_neighbours(pixels) < _EQUAL_NEIGHBOURS:
        return False
    boxes = content_boxes(pixels)
    parts = [pixels[box.top : box.bottom, box.left : box.right].reshape(-1, 3) for box in boxes]
    picked = np.concatenate([part[:: max(1, len(part) // _MOST_PIXELS)] for part in parts]).astype(np.int32)
    colours = np.unique(picked @ np.array([65536, 256, 1], np.int32))
    return len(colours) < max(_SHADES, _COLOURS * len(picked))


def _share_of_equal_neighbours(pixels: Rgb8) -> float:
    red, green, blue = (pixels[:, 1:, channel] == pixels[:, :-1, channel] for channel in range(3))
    return float(np.mean(red & green & blue))
