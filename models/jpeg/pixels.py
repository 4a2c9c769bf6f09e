"""The pixels of a JPEG of our own making."""

import imagecodecs
import numpy as np

from models.types import Rgb8


def decode_jpeg(data: bytes) -> Rgb8:
    """uint8 (H, W, 3) as libjpeg-turbo decodes a JPEG, in the file's own colour space."""
    return np.asarray(imagecodecs.jpeg8_decode(data, outcolorspace="RGB"), np.uint8)
