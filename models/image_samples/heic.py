"""Samples of HEIC files, by libheif and libde265 (LGPL), where the extra ``heic`` is installed."""

import numpy as np

from models.image_files.header import ImageHeader
from models.image_samples.raster import Raster, Samples, Space


def decode(data: bytes, header: ImageHeader) -> Raster:
    """Grey or RGB, with or without alpha, with the file's own bit depth: turned, mirrored and cropped as displayed."""
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1
    for part in ("THUMBNAILS", "DEPTH_IMAGES", "AUX_IMAGES"):
        setattr(pillow_heif.options, part, False)
    image = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
    samples: Samples = np.asarray(image)
    bits = 8
    if samples.dtype.itemsize > 1:  # in the upper bits
        bits = int(image.info["bit_depth"])
        samples = np.right_shift(samples, 16 - bits, dtype=np.uint16)
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    return Raster(samples, Space.GREY if channels < 3 else Space.RGB, bits, has_alpha=channels in (2, 4))
