"""Samples of JPEG files."""

import imagecodecs
import numpy as np

from models.image_files.header import ImageHeader
from models.image_samples.raster import Raster, Samples, Space


def decode(data: bytes, header: ImageHeader) -> Raster:
    """Samples in the file's colour model; YCbCr comes as RGB, YCCK as CMYK (0 = no ink)."""
    samples: Samples = imagecodecs.jpeg8_decode(data)
    if samples.ndim == 2:
        return Raster(samples, Space.GREY, header.bit_depth)
    if samples.shape[2] == 3:
        return Raster(samples, Space.RGB, header.bit_depth)
    np.invert(samples, out=samples)  # as Adobe stores CMYK and YCCK, and as all readers take it, marker or none
    return Raster(samples, Space.CMYK, header.bit_depth)
