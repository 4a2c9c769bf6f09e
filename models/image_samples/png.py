"""Samples of PNG files, 16-bit ones kept whole."""

import ctypes

import imagecodecs

from models.image_files.header import ImageHeader
from models.image_files.png import chunk_spans
from models.image_samples.raster import Raster, Samples, Space

_PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def decode(data: bytes, header: ImageHeader) -> Raster:
    """Palettes, transparent colours and 1, 2 and 4 bits expanded to 8-bit grey or RGB with or without alpha."""
    try:
        samples: Samples = imagecodecs.png_decode(_pixels_only(data))
    except imagecodecs.PngError:
        # imagecodecs 2026.3.6 gives back one reference to None too many when libpng fails; some ten thousand broken
        # files would end a process of Python 3.11. One too few given back does no harm.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(None))
        raise
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    space = Space.GREY if channels < 3 else Space.RGB
    return Raster(samples, space, 16 if header.bit_depth == 16 else 8, has_alpha=channels in (2, 4))


def _pixels_only(data: bytes) -> bytes:
    """The file without the chunks that say nothing about pixels, so that libpng need not parse them."""
    return data[:8] + b"".join(data[start:end] for kind, start, end in chunk_spans(data) if kind in _PIXEL_CHUNKS)
