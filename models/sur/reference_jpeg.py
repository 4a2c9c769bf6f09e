"""The JPEG that a quality factor means: every curve, level and rival of this project is read on its axis."""

import io

from PIL import Image

from models.errors import InvalidParameterError
from models.types import Rgb8


def encode_reference_jpeg(native_pixels: Rgb8, qf: int) -> bytes:
    """The encode that defines the QF axis: libjpeg-turbo, 4:2:0, optimised Huffman tables, progressive.

    Args: ``native_pixels``: uint8 (H, W, 3); ``qf``: 1..100. Raises: InvalidParameterError.
    """
    if not 1 <= qf <= 100:
        raise InvalidParameterError(f"a quality factor lies in 1..100, not {qf}")
    buffer = io.BytesIO()
    Image.fromarray(native_pixels).save(
        buffer, "JPEG", quality=qf, subsampling="4:2:0", optimize=True, progressive=True
    )
    return buffer.getvalue()
