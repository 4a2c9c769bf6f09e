"""What a TIFF says beside its picture, as the EXIF block, IPTC resources and density that other files have."""

import struct

from models.image_files.exif import PREFIX
from models.image_files.header import OtherMetadata
from models.image_files.tiff_tags import ORIENTATION, Directory, Tag, read_child

_EXIF, _GPS, _INTEROP, _MAKER_NOTE = 0x8769, 0x8825, 0xA005, 0x927C
_ABOUT_THE_PHOTO = (0x010D, 0x010E, 0x010F, 0x0110, ORIENTATION, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298)
"""Document, description, maker, model, program, date, artist, computer, rating, copyright; and Windows' own from"""
_WINDOWS_FIRST, _WINDOWS_LAST = 0x9C9B, 0x9C9F
"""title to subject. All others tell of the samples."""

_KINDS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
_MAX_VALUE = 1 << 20
_RESOURCES, _IPTC = 34377, 33723
_RESOLUTIONS, _RESOLUTION_UNIT = (282, 283), 296
_UNITS = {1: 0, 2: 1, 3: 2}
"""TIFF's units, none, inch and centimetre, as JFIF numbers them."""

Entry = tuple[int, int, int, bytes]


def exif_block(page: Directory) -> bytes | None:
    """The tags about the photo and its Exif and GPS directories; None if there are none."""
    about = [tag for tag in page.tags if tag in _ABOUT_THE_PHOTO or _WINDOWS_FIRST <= tag <= _WINDOWS_LAST]
    directories = {0: _entries(page, about)}
    for pointer in (_EXIF, _GPS):
        child = read_child(page, pointer)
        if child is not None:
            kept = [tag for tag in child.tags if tag not in (_MAKER_NOTE, _INTEROP)]
            directories[pointer] = _entries(child, kept)
    worth = {tag for entries in directories.values() for tag, *_ in entries} - {ORIENTATION}
    return PREFIX + _written(directories, page.order) if worth else None


def other_metadata(page: Directory) -> OtherMetadata:
    """IPTC, density, and the maker note, whose offsets count from the start of the TIFF."""
    resources, iptc = page.raw(_RESOURCES), page.raw(_IPTC)
    if resources is None and iptc:
        resources = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) & 1)
    exif = read_child(page, _EXIF)
    unkept = ("the maker note of the TIFF, which holds for its place in that file only",)
    has_note = exif is not None and _MAKER_NOTE in exif.tags
    return OtherMetadata(resources, density=_density(page), unkept=unkept if has_note else ())


def _entries(directory: Directory, wanted: list[int]) -> list[Entry]:
    found = []
    for number in sorted(wanted):
        tag = directory.tags[number]
        raw = directory.raw(number) if _can_be_written(tag) else None
        if raw:
            found.append((number, tag.kind, tag.count, raw))
    return found


def _can_be_written(tag: Tag) -> bool:
    return 0 < tag.count * _KINDS.get(tag.kind, 0) <= _MAX_VALUE


def _written(directories: dict[int, list[Entry]], order: str) -> bytes:
    """A TIFF structure of the first directory, under 0, and of those that its pointers name."""
    pointers = [number for number in directories if number]
    starts, at = {}, 8
    for number, entries in directories.items():
        starts[number] = at
        at += 6 + 12 * (len(entries) + (len(pointers) if number == 0 else 0))
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    values = b""
    for number, entries in directories.items():
        added = [(each, 4, 1, struct.pack(f"{order}I", starts[each])) for each in pointers] if number == 0 else []
        out += struct.pack(f"{order}H", len(entries) + len(added))
        for tag, kind, count, raw in sorted([*entries, *added]):
            out += struct.pack(f"{order}HHI", tag, kind, count)
            if len(raw) <= 4:
                out += raw.ljust(4, b"\0")
            else:
                out += struct.pack(f"{order}I", at + len(values))
                values += raw + bytes(len(raw) & 1)
        out += bytes(4)
    return out + values


def _density(page: Directory) -> tuple[int, int, int] | None:
    numbers = []
    for tag in _RESOLUTIONS:
        raw = page.raw(tag)
        if raw is None or len(raw) != 8:
            return None
        over, under = struct.unpack(f"{page.order}2I", raw)
        numbers.append(round(over / under) if under else 0)
    return _UNITS.get(page.integer(_RESOLUTION_UNIT, 2), 0), numbers[0], numbers[1]
