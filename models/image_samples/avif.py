"""Samples of AVIF files."""

import imagecodecs

from models.image_files.header import ImageHeader
from models.image_samples.raster import Raster, Samples, Space


def decode(data: bytes, header: ImageHeader) -> Raster:
    """RGB or RGBA with the file's own bit depth; of a sequence its still image."""
    still = data[:8] + data[8:12].replace(b"avis", b"avif") + data[12:]
    samples: Samples = imagecodecs.avif_decode(still, numthreads=1)
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    bits = 8 if samples.dtype.itemsize == 1 else max(header.bit_depth, 10)
    return Raster(samples, Space.GREY if channels < 3 else Space.RGB, bits, has_alpha=channels in (2, 4))
