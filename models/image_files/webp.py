"""WebP files: the RIFF chunks."""

import struct
from collections.abc import Iterator

from models.errors import ImageUndecodableError
from models.image_files.exif import usable_exif, with_prefix
from models.image_files.header import ImageHeader, limited

ANIMATED_NOTE = "the WebP is animated; only its first frame is used"


def read_header(data: bytes) -> ImageHeader:
    """Canvas size and metadata. Raises: ImageUndecodableError for a damaged or truncated file."""
    if struct.unpack_from("<I", data, 4)[0] + 8 > len(data):
        raise ImageUndecodableError("the WebP is shorter than it says: it is truncated")
    chunks = dict(reversed(list(limited(_chunks(data)))))  # of a repeated chunk the first counts
    width, height = _size(chunks)
    exif, orientation, exif_notes = usable_exif(with_prefix(chunks[b"EXIF"]) if b"EXIF" in chunks else None)
    notes = (*exif_notes, *((ANIMATED_NOTE,) if b"ANIM" in chunks else ()))
    icc, xmp = chunks.get(b"ICCP"), chunks.get(b"XMP ")
    return ImageHeader("WebP", width, height, 8, orientation, icc, exif, xmp, notes)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk; of the pixel data only the first bytes."""
    position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        keep = length if kind in (b"ICCP", b"EXIF", b"XMP ") else min(length, 32)
        yield kind, data[position + 8 : position + 8 + keep]
        position += 8 + length + (length & 1)


def _size(chunks: dict[bytes, bytes]) -> tuple[int, int]:
    """Width and height of the canvas (RFC 9649 sections 2.5 to 2.7)."""
    if b"VP8X" in chunks:
        body = chunks[b"VP8X"]
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if b"VP8L" in chunks:
        bits = struct.unpack_from("<I", chunks[b"VP8L"], 1)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if b"VP8 " in chunks:
        width, height = struct.unpack_from("<HH", chunks[b"VP8 "], 6)
        return width & 0x3FFF, height & 0x3FFF
    raise ImageUndecodableError("the WebP holds no image")
