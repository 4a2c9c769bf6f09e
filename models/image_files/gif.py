"""GIF files: the size of the first frame's canvas, comments and XMP."""

import struct
from dataclasses import dataclass, field

from models.errors import ImageUndecodableError
from models.image_files.header import MAX_PARTS, ImageHeader, OtherMetadata

_EXTENSION, _IMAGE = 0x21, 0x2C
_COMMENT, _APPLICATION = 0xFE, 0xFF
_XMP_NAME = b"\x0bXMP DataXMP"
_XMP_TRAILER = 258
"""Bytes behind a packet that let readers of sub-blocks come to its end."""

_MAX_BLOCKS = 1_000_000
"""Encoders fill blocks of 255 bytes: 125 000 in 32 MiB."""


@dataclass(slots=True)
class _Said:
    """What extensions hold beside the picture."""

    comments: list[bytes] = field(default_factory=list)
    xmp: bytes | None = None


def read_header(data: bytes) -> ImageHeader:
    """Canvas size, grown to the first frame if that sticks out, metadata, and whether more frames follow."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    said = _Said()
    first = _next_image(data, 13 + _table_size(flags), said)
    if first is None:
        raise ImageUndecodableError("the GIF holds no image")
    left, top, frame_width, frame_height, flags = struct.unpack_from("<HHHHB", data, first + 1)
    second = _next_image(data, _skip_blocks(data, first + 11 + _table_size(flags)), said)
    notes = ("the GIF is animated; only its first frame is used",) if second is not None else ()
    size = max(width, left + frame_width), max(height, top + frame_height)
    return ImageHeader("GIF", *size, xmp=said.xmp, notes=notes, other=OtherMetadata(comments=tuple(said.comments)))


def _table_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(data: bytes, position: int) -> int:
    """Position behind a chain of data sub-blocks. Raises: ImageUndecodableError for blocks without end."""
    for _ in range(_MAX_BLOCKS):
        if position >= len(data) or not data[position]:
            return position + 1
        position += data[position] + 1
    raise ImageUndecodableError("the GIF's data are cut into far more blocks than any encoder writes")


def _next_image(data: bytes, position: int, said: _Said) -> int | None:
    """Position of the next image descriptor, None at the end of the file; zeros between blocks are passed over."""
    for _ in range(MAX_PARTS):
        if position >= len(data) or data[position] not in (_EXTENSION, 0):
            break
        if data[position] == _EXTENSION:
            end = _skip_blocks(data, position + 2)
            _note(data[position + 1 : end], said)
            position = end
        else:
            position += 1
    return position if position < len(data) and data[position] == _IMAGE else None


def _note(extension: bytes, said: _Said) -> None:
    """Keep a comment, or the XMP packet, which lies there whole and not in sub-blocks (XMP part 3, 1.1.2)."""
    if extension[:1] == bytes([_COMMENT]):
        said.comments.append(_joined(extension[1:]))
    elif extension[0:1] == bytes([_APPLICATION]) and extension[1:13] == _XMP_NAME and said.xmp is None:
        said.xmp = extension[13:-_XMP_TRAILER]


def _joined(blocks: bytes) -> bytes:
    parts, position = [], 0
    while position < len(blocks) and blocks[position]:
        parts.append(blocks[position + 1 : position + 1 + blocks[position]])
        position += 1 + blocks[position]
    return b"".join(parts)
