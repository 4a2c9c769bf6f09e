"""HDR gain maps of JPEG files (Ultra HDR, ISO 21496-1, Apple's): carried over from the input to a new primary image.

A gain map is a JPEG of its own behind the primary image. The primary's multi-picture index (CIPA DC-007, APP2 ``MPF``)
says where it lies, and its XMP may say how long it is; both are written anew. The map brightens the primary image place
by place, so that it goes with any encoding of the same picture. Of its own metadata only what says how to use it stays,
and nothing else that lies behind the primary image is kept.
"""

import struct
from dataclasses import dataclass

from models.errors import ImageUndecodableError
from models.image_files.exif import PREFIX as EXIF_PREFIX
from models.image_files.exif import usable_exif
from models.image_files.header import limited
from models.image_files.jpeg import GAIN_MAP_MARKS, Damage, marker_segments
from models.image_files.tiff_tags import read_directory
from models.metadata.carried import XMP_HEADER, after_start, insert_segments, segment
from models.metadata.places import Places
from models.metadata.xmp import XmpDamagedError, cleaned_xmp, with_items

_APP0, _APP1, _APP2, _APP15, _COM = 0xE0, 0xE1, 0xE2, 0xEF, 0xFE
_START, _END = b"\xff\xd8", b"\xff\xd9"
_MPF = b"MPF\0"
_ISO_MARK = b"urn:iso:std:iso:ts:21496:-1"
_ICC_MARK = b"ICC_PROFILE\0"
_APPLE_MARK = b"http://ns.apple.com/HDRGainMap/"
_ENTRIES_TAG, _ENTRY_BYTES = 0xB002, 16
_BEFORE_INDEX = 4 + len(_MPF)
"""Marker, length and ``MPF`` lie before the index, from whose first byte offsets count (CIPA DC-007, 5.2.3.3)."""

_PRIMARY = 0x20030000
"""Attributes of an entry: a baseline primary image that others depend on."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """Of the input: ``iso`` version segment or nothing, each gain map with the attributes of its entry, and how many
    other images the index names."""

    iso: bytes
    maps: tuple[tuple[int, bytes], ...]
    others: int


def with_gain_map(jpeg: bytes, original: bytes) -> tuple[bytes, int] | None:
    """``jpeg``, an encoding of the primary image of ``original`` as stored, followed by the gain maps of the latter;
    and how many of its other images are not there.

    None where that cannot be done: the picture was turned, the index is missing or damaged, or ``jpeg`` no longer says
    how the map is to be read.
    """
    try:
        parts = _parts(original)
    except ImageUndecodableError:
        return None
    maps = b"".join(data for _, data in parts.maps)
    says_how = parts.iso or b"http://ns.adobe.com/hdr-gain-map/" in jpeg or _APPLE_MARK in maps
    if not parts.maps or not says_how:
        return None
    jpeg = _with_items(jpeg, len(parts.maps[0][1]))
    before = segment(_APP2, parts.iso) if parts.iso else b""
    size = len(jpeg) + len(before) + len(segment(_APP2, _MPF + _index(0, 0, parts.maps)))
    start = after_start(jpeg) + len(before) + _BEFORE_INDEX
    index = segment(_APP2, _MPF + _index(size, start, parts.maps))
    return insert_segments(jpeg, before + index) + maps, parts.others


def _parts(data: bytes) -> _Parts:
    """Raises: ImageUndecodableError without an index, or for a turned picture."""
    index, iso, start, damage = b"", b"", 0, Damage()
    for marker, body, behind in limited(marker_segments(data, damage)):
        if marker == _APP2 and body.startswith(_MPF) and not index:
            index, start = body[len(_MPF) :], behind.start - len(body) + len(_MPF)
        elif marker == _APP2 and body.startswith(_ISO_MARK):
            iso = body
        elif marker == _APP1 and body.startswith(EXIF_PREFIX) and usable_exif(body)[1] != 1:
            raise ImageUndecodableError("the picture is turned, its gain map is not")
    directory = read_directory(index)
    entries = directory.raw(_ENTRIES_TAG) or b""
    images = []
    for place in range(_ENTRY_BYTES, min(len(entries), 100 * _ENTRY_BYTES) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        attributes, size, offset = struct.unpack_from(f"{directory.order}III", entries, place)
        image = data[start + offset : start + offset + size]
        images.append((attributes, image if start + offset >= damage.end > 0 else b""))
    marked = [(attributes, image) for attributes, image in images if any(mark in image for mark in GAIN_MAP_MARKS)]
    candidates = marked or (images[:1] if iso else [])  # the primary image says that there is one
    cleaned = [(attributes, _cleaned_map(image)) for attributes, image in candidates]
    maps = tuple((attributes, image) for attributes, image in cleaned if image is not None)
    return _Parts(iso, maps, len(images) - len(maps))


def _cleaned_map(image: bytes) -> bytes | None:
    """A gain map with JFIF header, profile, version and XMP alone; None if it is no JPEG or a damaged one."""
    if not image.startswith(_START):
        return None
    parts = [_START]
    try:
        for marker, body, behind in limited(marker_segments(image)):
            if _APP0 <= marker <= _APP15 or marker == _COM:
                body = _kept_of_map(marker, body)
                parts += [segment(marker, body)] if body else []
            else:
                parts.append(segment(marker, body) + image[behind])
    except (ImageUndecodableError, XmpDamagedError):
        return None
    return b"".join([*parts, _END])


def _kept_of_map(marker: int, body: bytes) -> bytes:
    """The segment's content as it is kept, nothing if it goes. Raises: XmpDamagedError."""
    if marker == _APP1 and body.startswith(XMP_HEADER):
        return XMP_HEADER + cleaned_xmp(body[len(XMP_HEADER) :], Places())
    if marker == _APP2 and body.startswith((_ISO_MARK, _ICC_MARK)):
        return body
    return body[:12] + b"\0\0" if marker == _APP0 and body.startswith(b"JFIF\0") else b""


def _with_items(jpeg: bytes, size: int) -> bytes:
    """``jpeg`` whose XMP, if it lists the files behind the picture, lists a gain map of ``size`` bytes and no other."""
    for marker, body, behind in marker_segments(jpeg):
        if marker == _APP1 and body.startswith(XMP_HEADER):
            try:
                listed = segment(_APP1, XMP_HEADER + with_items(body[len(XMP_HEADER) :], {"GainMap": size}))
            except XmpDamagedError:
                return jpeg
            return jpeg[: behind.start - len(body) - 4] + listed + jpeg[behind.start :]
    return jpeg


def _index(size: int, start: int, maps: tuple[tuple[int, bytes], ...]) -> bytes:
    """The index of a primary image of ``size`` bytes, whose index begins at ``start``, and of the maps right behind."""
    entries = struct.pack(">IIIHH", _PRIMARY, size, 0, 0, 0)
    offset = size - start
    for attributes, data in maps:
        entries += struct.pack(">IIIHH", attributes, len(data), offset & 0xFFFFFFFF, 0, 0)
        offset += len(data)
    tags = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, 1 + len(maps))
    tags += struct.pack(">HHII", _ENTRIES_TAG, 7, len(entries), 8 + 2 + 3 * 12 + 4)
    return b"MM\0*" + struct.pack(">IH", 8, 3) + tags + bytes(4) + entries
