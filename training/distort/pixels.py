"""Pixels in float64, between which distortions are made, and back to bytes."""

import numpy as np
from numpy.typing import NDArray

from models.types import Rgb8
from training.maths.colour import YCBCR

Floats = NDArray[np.float64]

_MATRIX = np.array(YCBCR)


def round_to_bytes(values: Floats) -> Rgb8:
    """Clip to 0..255 and round."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def to_ycbcr(pixels: Rgb8) -> Floats:
    """float64 (H, W, 3): Y in 0..255, Cb and Cr around 0; ``models.colour.rgb_to_ycbcr`` keeps them in float32."""
    return np.asarray(pixels @ _MATRIX.T)


def from_ycbcr(ycbcr: Floats) -> Rgb8:
    """Inverse of ``to_ycbcr``, clipped and rounded."""
    return round_to_bytes(ycbcr @ np.linalg.inv(_MATRIX).T)
