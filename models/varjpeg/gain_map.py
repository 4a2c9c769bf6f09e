"""HDR gain maps of JPEG files (Ultra HDR, ISO 21496-1): carried over from the input to a new primary image.

A gain map is a JPEG of its own behind the primary image. The primary's multi-picture index (CIPA DC-007, APP2 ``MPF``)
says where it lies; sizes and offsets in it are written anew, all other bytes stay as they were. The map brightens the
primary image place by place, so that it goes with any encoding of the same picture.
"""

import struct

from models.errors import ImageUndecodableError
from models.image_files.exif import PREFIX as EXIF_PREFIX
from models.image_files.exif import usable_exif
from models.image_files.header import limited
from models.image_files.jpeg import marker_segments
from models.image_files.tiff_tags import Directory, read_directory
from models.varjpeg.metadata import after_start, insert_segments, segment

_APP1, _APP2 = 0xE1, 0xE2
_MPF = b"MPF\0"
_ISO_MARK = b"urn:iso:std:iso:ts:21496:-1"
_XMP_MARK = b"http://ns.adobe.com/hdr-gain-map/"
_ENTRIES_TAG, _ENTRY_BYTES = 0xB002, 16
_BEFORE_INDEX = 4 + len(_MPF)
"""Marker, length and ``MPF`` lie before the index, from whose first byte offsets count (CIPA DC-007, 5.2.3.3)."""


def with_gain_map(jpeg: bytes, original: bytes) -> bytes | None:
    """``jpeg``, an encoding of the primary image of ``original`` as stored, followed by all that follows the latter.

    None where that cannot be done: the picture was turned, the index is missing or damaged, or ``jpeg`` no longer says
    how the map is to be read.
    """
    try:
        index, iso, start, end = _gain_map_parts(original)
        directory = read_directory(index)
    except ImageUndecodableError:
        return None
    extra = segment(_APP2, iso) if iso else b""
    if end >= len(original) or not (iso or _XMP_MARK in jpeg):
        return None
    new_end = len(jpeg) + len(extra) + _BEFORE_INDEX + len(index)
    new_start = after_start(jpeg) + len(extra) + _BEFORE_INDEX
    moved = _moved(index, directory, size=new_end, by=(new_end - new_start) - (end - start))
    if moved is None:
        return None
    return insert_segments(jpeg, extra + segment(_APP2, _MPF + moved)) + original[end:]


def _gain_map_parts(data: bytes) -> tuple[bytes, bytes, int, int]:
    """Multi-picture index, ISO version segment (or nothing), where the index starts, where the primary image ends.

    Raises: ImageUndecodableError without an index, or for a turned picture.
    """
    index, iso, start, last = b"", b"", 0, 0
    for marker, body, behind in limited(marker_segments(data)):
        last = behind.stop
        if marker == _APP2 and body.startswith(_MPF):
            index, start = body[len(_MPF) :], behind.start - len(body) + len(_MPF)
        elif marker == _APP2 and body.startswith(_ISO_MARK):
            iso = body
        elif marker == _APP1 and body.startswith(EXIF_PREFIX) and usable_exif(body)[1] != 1:
            raise ImageUndecodableError("the picture is turned, its gain map is not")
    if not index:
        raise ImageUndecodableError("the JPEG has no multi-picture index")
    return index, iso, start, data.index(b"\xff\xd9", last) + 2


def _moved(index: bytes, directory: Directory, *, size: int, by: int) -> bytes | None:
    """The index of a primary image of ``size`` bytes, all other images ``by`` bytes further from it."""
    entries, tag = directory.raw(_ENTRIES_TAG), directory.tags.get(_ENTRIES_TAG)
    if tag is None or entries is None or len(entries) < 2 * _ENTRY_BYTES:
        return None
    moved = bytearray(index)
    struct.pack_into(f"{directory.order}I", moved, tag.offset + 4, size)
    for place in range(tag.offset + _ENTRY_BYTES, tag.offset + len(entries) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        offset = struct.unpack_from(f"{directory.order}I", index, place + 8)[0]
        struct.pack_into(f"{directory.order}I", moved, place + 8, offset + by)
    return bytes(moved)
