"""The JPEG that a quality factor means: every curve, level and rival of this project is read on its axis."""

import io
import os
import threading
from typing import BinaryIO

import imagecodecs
from PIL import Image, ImageFile

from models.errors import InvalidParameterError
from models.jpeg.pixels import decode_jpeg
from models.types import Rgb8

_MOST_BYTES = 8
"""A sample: far above what noise takes at quality 100 in a thin photo, filled up to whole blocks."""
_room = threading.Lock()


def encode_reference_jpeg(native_pixels: Rgb8, qf: int) -> bytes:
    """The encode that defines the QF axis: libjpeg-turbo, 4:2:0, optimised Huffman tables, progressive.

    Args: ``native_pixels``: uint8 (H, W, 3); ``qf``: 1..100. Raises: InvalidParameterError.
    """
    _check(qf)
    try:
        return _saved(native_pixels, qf)
    except OSError:  # Pillow makes room for one byte a pixel below quality 95 and two from there: noise takes more
        with _room:
            usual, ImageFile.MAXBLOCK = ImageFile.MAXBLOCK, _MOST_BYTES * native_pixels.size
            try:
                return _saved(native_pixels, qf)
            finally:
                ImageFile.MAXBLOCK = usual


def sequential_reference_jpeg(native_pixels: Rgb8, qf: int, *, optimise: bool) -> bytes:
    """The coefficients of the reference encode in a sequential file, which is made and read in a third of the time.

    ``optimise``: its Huffman tables, which takes twice as long. Raises: InvalidParameterError.
    """
    _check(qf)
    samples = native_pixels.ravel().reshape(native_pixels.shape)  # the encoder refuses odd strides, of one pixel too
    return bytes(imagecodecs.jpeg8_encode(samples, qf, subsampling="420", optimize=optimise))


def reference_jpeg_pixels(native_pixels: Rgb8, qf: int) -> Rgb8:
    """uint8 (H, W, 3): what the reference encode at ``qf`` decodes to. Raises: InvalidParameterError."""
    return decode_jpeg(sequential_reference_jpeg(native_pixels, qf, optimise=False))


def _check(qf: int) -> None:
    """Raises: InvalidParameterError outside 1..100."""
    if not 1 <= qf <= 100:
        raise InvalidParameterError(f"a quality factor lies in 1..100, not {qf}")


def _saved(pixels: Rgb8, qf: int) -> bytes:
    with _file() as file:
        Image.fromarray(pixels).save(file, "JPEG", quality=qf, subsampling="4:2:0", optimize=True, progressive=True)
        file.seek(0)
        return file.read()


def _file() -> BinaryIO:
    """In memory: one of the system where it has such, for into that Pillow writes without the interpreter's lock."""
    return os.fdopen(os.memfd_create("jpeg"), "w+b") if hasattr(os, "memfd_create") else io.BytesIO()
