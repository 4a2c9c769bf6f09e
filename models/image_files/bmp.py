"""Windows bitmaps: the header, and the samples."""

import io
import struct

import numpy as np
from PIL.BmpImagePlugin import BmpImageFile

from models.errors import ImageTypeUnsupportedError, ImageUndecodableError
from models.image_files.header import ImageHeader, Raster, Space

_COMPRESSIONS = {0, 1, 2, 3, 6}
"""None, RLE8, RLE4 and colour masks; a JPEG or PNG inside a bitmap is not read."""
_OS2_HEADER = 12


def read_header(data: bytes) -> ImageHeader:
    """Size from the DIB header; a negative height means that rows run from the top."""
    size = struct.unpack_from("<I", data, 14)[0]
    if size == _OS2_HEADER:
        width, height = struct.unpack_from("<HH", data, 18)
        compression = 0
    else:
        width, height, _, _, compression = struct.unpack_from("<iiHHI", data, 18)
    if compression not in _COMPRESSIONS:
        raise ImageTypeUnsupportedError(f"a bitmap of compression {compression} is not read")
    if width <= 0 or height == 0:
        raise ImageUndecodableError(f"a bitmap of {width}x{height} pixels")
    return ImageHeader("BMP", width, abs(height))


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
