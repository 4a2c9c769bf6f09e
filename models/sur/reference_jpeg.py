"""The JPEG that a quality factor means: every curve, level and rival of this project is read on its axis."""

import io
import threading

from PIL import Image, ImageFile

from models.errors import InvalidParameterError
from models.types import Rgb8

_MOST_BYTES = 8
"""A sample: far above what noise takes at quality 100 in a thin photo, filled up to whole blocks."""
_room = threading.Lock()


def encode_reference_jpeg(native_pixels: Rgb8, qf: int) -> bytes:
    """The encode that defines the QF axis: libjpeg-turbo, 4:2:0, optimised Huffman tables, progressive.

    Args: ``native_pixels``: uint8 (H, W, 3); ``qf``: 1..100. Raises: InvalidParameterError.
    """
    if not 1 <= qf <= 100:
        raise InvalidParameterError(f"a quality factor lies in 1..100, not {qf}")
    try:
        return _saved(native_pixels, qf)
    except OSError:  # Pillow makes room for one byte a pixel below quality 95 and two from there: noise takes more
        with _room:
            usual, ImageFile.MAXBLOCK = ImageFile.MAXBLOCK, _MOST_BYTES * native_pixels.size
            try:
                return _saved(native_pixels, qf)
            finally:
                ImageFile.MAXBLOCK = usual


def _saved(pixels: Rgb8, qf: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=qf, subsampling="4:2:0", optimize=True, progressive=True)
    return buffer.getvalue()
