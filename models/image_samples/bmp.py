"""Samples of Windows bitmaps."""

import io

import numpy as np
from PIL.BmpImagePlugin import BmpImageFile

from models.image_files.header import ImageHeader
from models.image_samples.raster import Raster, Space


def decode(data: bytes, header: ImageHeader) -> Raster:
    """RGB, or RGBA where the bitmap names an alpha mask."""
    with BmpImageFile(io.BytesIO(data)) as image:
        has_alpha = image.mode == "RGBA"
        samples = np.asarray(image.convert("RGBA" if has_alpha else "RGB"))
    if (
        has_alpha and not samples[:, :, 3].any()
    ):  # programs that know no alpha leave zeros; all readers show the picture
        return Raster(samples[:, :, :3], Space.RGB)
    return Raster(samples, Space.RGB, has_alpha=has_alpha)
