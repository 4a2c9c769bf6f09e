"""Decoded samples and what they mean."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8] | NDArray[np.uint16]


class Space(StrEnum):
    """What the colour channels of a raster mean."""

    GREY = "grey"
    RGB = "RGB"
    CMYK = "CMYK"
    LAB = "Lab"


@dataclass(frozen=True, slots=True)
class Raster:
    """Decoded samples as stored: (H, W) or (H, W, C), ``space`` first, then alpha if ``has_alpha``.

    Values reach ``2**bits - 1``. ``premultiplied``: the colour channels are already multiplied by alpha.
    """

    samples: Samples
    space: Space
    bits: int = 8
    has_alpha: bool = False
    premultiplied: bool = False
