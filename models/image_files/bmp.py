"""Windows bitmaps: the header."""

import struct

from models.errors import ImageTypeUnsupportedError, ImageUndecodableError
from models.image_files.header import BMP_HEADER_SIZES, ImageHeader

_COMPRESSIONS = {0, 1, 2, 3, 6}
"""None, RLE8, RLE4 and colour masks; a JPEG or PNG inside a bitmap is not read."""
_OS2_HEADER = 12
_FILE_HEADER, _V5_HEADER = 14, 124
_EMBEDDED = b"DEBM"
"""PROFILE_EMBEDDED, 'MBED', as a little-endian number."""


def read_header(data: bytes) -> ImageHeader:
    """Size from the DIB header; a negative height means that rows run from the top."""
    size = struct.unpack_from("<I", data, 14)[0]
    if size not in BMP_HEADER_SIZES:
        raise ImageTypeUnsupportedError(f"a file that begins like a bitmap, with a header of {size} bytes, is not read")
    if size == _OS2_HEADER:
        width, height = struct.unpack_from("<HH", data, 18)
        compression = 0
    else:
        width, height, _, _, compression = struct.unpack_from("<iiHHI", data, 18)
    if compression not in _COMPRESSIONS:
        raise ImageTypeUnsupportedError(f"a bitmap of compression {compression} is not read")
    if width <= 0 or height == 0:
        raise ImageUndecodableError(f"a bitmap of {width}x{height} pixels")
    icc = _profile(data) if size == _V5_HEADER else None
    return ImageHeader("BMP", width, abs(height), icc=icc)


def _profile(data: bytes) -> bytes | None:
    """The ICC profile that a header of version 5 says is in the file."""
    kind, (start, size) = data[70:74], struct.unpack_from("<II", data, 126)
    profile = data[_FILE_HEADER + start : _FILE_HEADER + start + size]
    return profile if kind == _EMBEDDED and profile and len(profile) == size else None
