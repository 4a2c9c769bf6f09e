"""Tag directories of TIFF files and of EXIF blocks, which are small TIFF files."""

import struct
from dataclasses import dataclass

from models.errors import ImageUndecodableError

# TIFF 6.0 section 2 (types 1..12) and BigTIFF (13, 16, 17, 18); rationals are not needed and read as bytes.
_TYPE_CODES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MAX_ENTRIES = 4096
ORIENTATION = 274


@dataclass(frozen=True, slots=True)
class Tag:
    """Where a tag's values lie: ``count`` of type ``kind`` at byte ``offset``."""

    kind: int
    count: int
    offset: int


@dataclass(frozen=True, slots=True)
class Directory:
    """One image file directory of ``data``; ``order`` is struct's byte order, ``next_offset`` 0 after the last page."""

    data: bytes
    order: str
    tags: dict[int, Tag]
    next_offset: int
    big: bool = False

    def raw(self, number: int) -> bytes | None:
        """The tag's bytes, or None if it is absent or lies outside the file."""
        tag = self.tags.get(number)
        if tag is None:
            return None
        end = tag.offset + tag.count * _TYPE_SIZES.get(tag.kind, 1)
        return self.data[tag.offset : end] if end <= len(self.data) else None

    def integers(self, number: int) -> tuple[int, ...]:
        """The tag's values if they are integers, else nothing."""
        tag, raw = self.tags.get(number), self.raw(number)
        if tag is None or raw is None or tag.kind not in _TYPE_CODES or tag.count > 65536:
            return ()
        return struct.unpack(f"{self.order}{tag.count}{_TYPE_CODES[tag.kind]}", raw)

    def integer(self, number: int, default: int) -> int:
        """The tag's first value, or ``default``."""
        return next(iter(self.integers(number)), default)

    def patched(self, values: dict[int, int]) -> bytes:
        """The bytes with the first value of each named tag, where present as an integer, replaced."""
        data = bytearray(self.data)
        for number, value in values.items():
            tag = self.tags.get(number)
            if tag is not None and self.integers(number):
                struct.pack_into(f"{self.order}{_TYPE_CODES[tag.kind]}", data, tag.offset, value)
        return bytes(data)


def read_directory(data: bytes) -> Directory:
    """The first directory of a TIFF or BigTIFF.

    Raises: ImageUndecodableError if there is none, or it runs past the end of the file.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        raise ImageUndecodableError("no TIFF byte order mark")
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    try:
        return _read_entries(data, order, big=big)
    except struct.error as error:
        raise ImageUndecodableError("the tag directory runs past the end of the file") from error


def read_next(page: Directory) -> Directory | None:
    """The directory behind another; None after the last one, or if it cannot be read."""
    try:
        return _entries_at(page.data, page.order, page.next_offset, big=page.big) if page.next_offset else None
    except (struct.error, ImageUndecodableError):
        return None


def read_child(parent: Directory, pointer: int) -> Directory | None:
    """The directory that a tag of another names; None if there is none that can be read."""
    start = parent.integer(pointer, 0)
    if not start:
        return None
    try:
        return _entries_at(parent.data, parent.order, start, big=parent.big)
    except (struct.error, ImageUndecodableError):
        return None


def _read_entries(data: bytes, order: str, *, big: bool) -> Directory:
    start = struct.unpack_from(f"{order}Q", data, 8)[0] if big else struct.unpack_from(f"{order}I", data, 4)[0]
    return _entries_at(data, order, start, big=big)


def _entries_at(data: bytes, order: str, start: int, *, big: bool) -> Directory:
    count = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, start)[0]
    if not 0 < count <= _MAX_ENTRIES:
        raise ImageUndecodableError(f"a tag directory of {count} entries")
    entry_size, word, inline = (20, "Q", 8) if big else (12, "I", 4)
    position = start + (8 if big else 2)
    tags: dict[int, Tag] = {}
    for _ in range(count):
        number, kind, length = struct.unpack_from(f"{order}HH{word}", data, position)
        value_at = position + entry_size - inline
        if length * _TYPE_SIZES.get(kind, 1) > inline:
            value_at = struct.unpack_from(f"{order}{word}", data, value_at)[0]
        tags.setdefault(number, Tag(kind, length, value_at))
        position += entry_size
    next_offset = 0
    if position + inline <= len(data):
        next_offset = struct.unpack_from(f"{order}{word}", data, position)[0]
    return Directory(data, order, tags, next_offset, big=big)
