"""GIF files: the size of the first frame's canvas."""

import struct

from models.errors import ImageUndecodableError
from models.image_files.header import MAX_PARTS, ImageHeader

_EXTENSION, _IMAGE = 0x21, 0x2C
_MAX_BLOCKS = 1_000_000
"""Encoders fill blocks of 255 bytes: 125 000 in 32 MiB."""


def read_header(data: bytes) -> ImageHeader:
    """Canvas size, grown to the first frame if that sticks out, and whether more frames follow."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    first = _next_image(data, 13 + _table_size(flags))
    if first is None:
        raise ImageUndecodableError("the GIF holds no image")
    left, top, frame_width, frame_height, flags = struct.unpack_from("<HHHHB", data, first + 1)
    second = _next_image(data, _skip_blocks(data, first + 11 + _table_size(flags)))
    notes = ("the GIF is animated; only its first frame is used",) if second is not None else ()
    return ImageHeader("GIF", max(width, left + frame_width), max(height, top + frame_height), notes=notes)


def _table_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(data: bytes, position: int) -> int:
    """Position behind a chain of data sub-blocks. Raises: ImageUndecodableError for blocks without end."""
    for _ in range(_MAX_BLOCKS):
        if position >= len(data) or not data[position]:
            return position + 1
        position += data[position] + 1
    raise ImageUndecodableError("the GIF's data are cut into far more blocks than any encoder writes")


def _next_image(data: bytes, position: int) -> int | None:
    """Position of the next image descriptor, None at the end of the file."""
    for _ in range(MAX_PARTS):
        if position >= len(data) or data[position] != _EXTENSION:
            break
        position = _skip_blocks(data, position + 2)
    return position if position < len(data) and data[position] == _IMAGE else None
