"""Samples of WebP files."""

import io

import imagecodecs
import numpy as np
from PIL.WebPImagePlugin import WebPImageFile

from models.image_files.header import ImageHeader
from models.image_files.webp import ANIMATED_NOTE
from models.image_samples.raster import Raster, Space


def decode(data: bytes, header: ImageHeader) -> Raster:
    """RGB or RGBA; of an animation the first frame on its canvas."""
    if ANIMATED_NOTE in header.notes:
        with WebPImageFile(io.BytesIO(data)) as image:
            samples = np.asarray(image.convert("RGBA"))
    else:
        samples = imagecodecs.webp_decode(data)
    return Raster(samples, Space.RGB, has_alpha=samples.shape[2] == 4)
