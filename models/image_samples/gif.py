"""Samples of GIF files."""

import io

import numpy as np
from PIL.GifImagePlugin import GifImageFile

from models.image_files.header import ImageHeader
from models.image_samples.raster import Raster, Space


def decode(data: bytes, header: ImageHeader) -> Raster:
    """The first frame as RGBA."""
    with GifImageFile(io.BytesIO(data)) as image:
        return Raster(np.asarray(image.convert("RGBA")), Space.RGB, has_alpha=True)
