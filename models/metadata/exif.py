"""EXIF without the place: only what its known directories refer to is copied, so that nothing hides between them.

Copied values stay at their offsets, since maker notes count theirs from the start of the block. Only a block that is
too long for a JPEG segment is laid out anew, without its maker note.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from models.metadata.places import Places, coordinates_of_rationals

_ORIENTATION, _EXIF_POINTER, _GPS_POINTER, _INTEROP_POINTER, _MAKER_NOTE = 0x0112, 0x8769, 0x8825, 0xA005, 0x927C
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
_FIRST_TAG = 0x00FE
"""Below lie the tags of GPS directories (EXIF 2.32, table 15), which mean nothing in others."""

_ELSEWHERE = {
    0x0111, 0x0117, 0x0144, 0x0145, 0x014A, 0x0201, 0x0202, 0x02BC, 0x83BB, 0x8649, 0x8773, _GPS_POINTER, 0xC634,
    0xEA1C,
}  # fmt: skip
"""Image data, thumbnails, sub-images, XMP, IPTC, Photoshop's resources, profile, GPS, private data of DNG, padding."""

_INTEROP_NAMES = (b"R98\0", b"R03\0", b"THM\0")
_LATITUDE, _LONGITUDE = 2, 4
_ASCII, _UNICODE = 2, b"UNICODE\0"
_USER_COMMENT, _WINDOWS_TEXTS = 0x9286, range(0x9C9B, 0x9CA0)
_MAX_ENTRIES = 1000
_PLACE_MAKERS = (b"GPS", b"+GPS", b"LocationInfo", b"Panasonic", b"LEICA")
"""In maker notes: those of Panasonic and Leica have tags for country, city and landmark; others name GPS in words."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """``position``: of the 12 bytes; ``start`` and ``size``: of the value, inside them or elsewhere."""

    tag: int
    kind: int
    count: int
    position: int
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class CleanedExif:
    """A TIFF structure without ``Exif`` header; ``dropped``: what had to go beside place and thumbnail, in words."""

    block: bytes
    dropped: tuple[str, ...] = ()


def cleaned_exif(exif: bytes, places: Places, *, orientation: int = 1, room: int) -> CleanedExif | None:
    """EXIF (with or without ``Exif`` header) without place, thumbnail and whatever no directory refers to, in at most
    ``room`` bytes and with this orientation where it had one. None if it is malformed.
    """
    try:
        block = _Block(exif.removeprefix(b"Exif\0\0"), places)
        block.gather()
        if sum(entry.size for entries in block.kept.values() for entry in entries) > len(block.data):
            return None  # values that lie over each other
        cleaned = block.copied(orientation)
        if len(cleaned) > room:
            cleaned = block.laid_out_anew(orientation, room)
    except (struct.error, IndexError, ValueError):
        return None
    return CleanedExif(cleaned, tuple(block.dropped))


def exif_coordinates(exif: bytes | None) -> set[tuple[bytes, float]]:
    """Latitudes and longitudes of every GPS directory in sight: as stored, and in degrees."""
    found: set[tuple[bytes, float]] = set()
    if exif is None:
        return found
    block = _Block(exif.removeprefix(b"Exif\0\0"), Places())
    try:
        for start in block.gps_directories():
            for entry in block.entries(start):
                if entry.tag in (_LATITUDE, _LONGITUDE) and entry.size == 24:
                    raw = block.value(entry)
                    found |= coordinates_of_rationals(raw, block.order)
    except (struct.error, IndexError, ValueError):
        pass
    return found


def _as_text(entry: _Entry, value: bytes) -> bytes:
    """A value that people may have written, in UTF-8 or as it is; nothing for others."""
    if entry.tag in _WINDOWS_TEXTS:
        return value.decode("utf-16-le", "replace").encode("utf-8", "replace")
    if entry.tag != _USER_COMMENT:
        return value if entry.kind == _ASCII else b""
    return value[8:].replace(b"\0", b"") if value.startswith(_UNICODE) else value[8:]


@dataclass(slots=True)
class _Block:
    """An EXIF block: the entries of its directories that are kept, by the directory's offset."""

    data: bytes
    places: Places
    order: str = "<"
    main: int = 0
    kept: dict[int, list[_Entry]] = field(default_factory=dict)
    children: dict[int, int] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)

    def gather(self) -> None:
        """Choose the entries that stay. Raises: ValueError, struct.error for no TIFF structure."""
        self.main = self._first()
        self._keep(self.main, lambda entry: entry.tag >= _FIRST_TAG and entry.tag not in _ELSEWHERE)
        exif = self._child(self.main, _EXIF_POINTER)
        if exif is None:
            return
        self._keep(exif, lambda entry: entry.tag >= _FIRST_TAG and entry.tag not in _ELSEWHERE)
        interop = self._child(exif, _INTEROP_POINTER)
        if interop is not None:
            self._keep(interop, self._is_interop)

    def gps_directories(self) -> Iterator[int]:
        """Offsets of directories that a GPS pointer of any other names."""
        directory, seen = self._first(), set[int]()
        while directory and directory not in seen:
            seen.add(directory)
            entries = self.entries(directory)
            for entry in entries:
                if entry.tag == _GPS_POINTER and entry.size == 4:
                    yield self._integer(entry)
                elif entry.tag == _EXIF_POINTER and entry.size == 4 and self._integer(entry) not in seen:
                    seen.add(self._integer(entry))
                    yield from (self._integer(e) for e in self.entries(self._integer(entry)) if e.tag == _GPS_POINTER)
            directory = struct.unpack_from(f"{self.order}I", self.data, directory + 2 + 12 * len(entries))[0]

    def entries(self, directory: int) -> list[_Entry]:
        """All entries whose values lie in the block. Raises: ValueError, struct.error."""
        count = struct.unpack_from(f"{self.order}H", self.data, directory)[0]
        if directory < 8 or count > _MAX_ENTRIES:
            raise ValueError("no tag directory")
        found = []
        for position in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(f"{self.order}HHI", self.data, position)
            size = _SIZES.get(kind, 0) * number
            start = position + 8 if size <= 4 else struct.unpack_from(f"{self.order}I", self.data, position + 8)[0]
            if size > 0 and start + size <= len(self.data) and position + 12 <= len(self.data):
                found.append(_Entry(tag, kind, number, position, start, size))
        return found

    def value(self, entry: _Entry) -> bytes:
        """The bytes of its values."""
        return self.data[entry.start : entry.start + entry.size]

    def copied(self, orientation: int) -> bytes:
        """The kept parts where they lay, zeros between them."""
        out = bytearray(len(self.data))
        end = 8
        out[:8] = self.data[:8]
        for entries in self.kept.values():
            for entry in entries:
                if entry.size > 4:
                    out[entry.start : entry.start + entry.size] = self.value(entry)
                    end = max(end, entry.start + entry.size)
        for directory, entries in self.kept.items():
            table = b"".join(self._patched(entry, orientation) for entry in entries)
            head = struct.pack(f"{self.order}H", len(entries))
            body = head + table + bytes(4)
            out[directory : directory + len(body)] = body
            end = max(end, directory + len(body))
        return bytes(out[:end])

    def laid_out_anew(self, orientation: int, room: int) -> bytes:
        """Without the maker note, then without the longest values, until it fits."""
        every = sorted((entry for entries in self.kept.values() for entry in entries), key=lambda entry: -entry.size)
        every.sort(key=lambda entry: entry.tag != _MAKER_NOTE)
        needed = 8 + sum(6 + 12 * len(entries) for entries in self.kept.values()) + sum(e.size + 1 for e in every)
        for entry in every:
            if needed <= room:
                break
            needed -= 12 + entry.size + 1
            self._remove(entry)
            name = "its maker note" if entry.tag == _MAKER_NOTE else f"its tag 0x{entry.tag:04X}"
            self.dropped.append(f"{name} of {entry.size} bytes: a JPEG has no room for it")
        return self._written(orientation)

    def _written(self, orientation: int) -> bytes:
        out = bytearray(self.data[:4] + struct.pack(f"{self.order}I", 8))
        places, at = {}, 8
        for directory, entries in self.kept.items():
            places[directory] = at
            at += 2 + 12 * len(entries) + 4
        values = b""
        for entries in self.kept.values():
            out += struct.pack(f"{self.order}H", len(entries))
            for entry in entries:
                raw = self._patched(entry, orientation)
                if entry.position in self.children:
                    raw = raw[:8] + struct.pack(f"{self.order}I", places[self.children[entry.position]])
                elif entry.size > 4:
                    raw = raw[:8] + struct.pack(f"{self.order}I", at + len(values))
                    values += self.value(entry) + bytes(entry.size & 1)
                out += raw
            out += bytes(4)
        return bytes(out) + values

    def _first(self) -> int:
        if self.data[:4] not in (b"II*\0", b"MM\0*"):
            raise ValueError("not a TIFF structure")
        self.order = "<" if self.data[:2] == b"II" else ">"
        first: int = struct.unpack_from(f"{self.order}I", self.data, 4)[0]
        return first

    def _keep(self, directory: int, wanted: Callable[[_Entry], bool]) -> None:
        """Note the entries of a directory that may stay; one that lies over another is left out."""
        self.kept[directory] = []
        for entry in self.entries(directory):
            if not wanted(entry) or entry.tag in (_EXIF_POINTER, _INTEROP_POINTER):
                continue
            value = self.value(entry)
            if entry.tag == _MAKER_NOTE and any(mark in value for mark in _PLACE_MAKERS):
                self.dropped.append("its maker note, which may say where the photo was taken")
            elif self.places.named_in(value) or self.places.told_by(_as_text(entry, value)):
                self.dropped.append(f"its tag 0x{entry.tag:04X}, which says where the photo was taken")
            else:
                self.kept[directory].append(entry)

    def _child(self, parent: int, pointer: int) -> int | None:
        """The directory that a pointer names, if it is readable and lies apart from those before."""
        entry = next((entry for entry in self.entries(parent) if entry.tag == pointer and entry.size == 4), None)
        if entry is None:
            return None
        try:
            child = self._integer(entry)
            span = range(child, child + 6 + 12 * len(self.entries(child)))
        except (struct.error, ValueError):
            return None
        spans = [range(other, other + 6 + 12 * len(self.entries(other))) for other in self.kept]
        if any(span.start < other.stop and other.start < span.stop for other in spans):
            return None
        self.kept[parent] = sorted([*self.kept[parent], entry], key=lambda each: each.position)
        self.children[entry.position] = child
        return child

    def _is_interop(self, entry: _Entry) -> bool:
        value = self.value(entry)
        return (entry.tag == 1 and value in _INTEROP_NAMES) or (entry.tag == 2 and entry.kind == 7 and entry.size == 4)

    def _integer(self, entry: _Entry) -> int:
        number: int = struct.unpack_from(f"{self.order}I", self.data, entry.start)[0]
        return number

    def _patched(self, entry: _Entry, orientation: int) -> bytes:
        """Its 12 bytes, with this orientation if that is what it says."""
        raw = self.data[entry.position : entry.position + 12]
        if entry.tag != _ORIENTATION or entry.kind != 3:
            return raw
        return raw[:8] + struct.pack(f"{self.order}HH", orientation, 0)

    def _remove(self, entry: _Entry) -> None:
        for directory, entries in self.kept.items():
            self.kept[directory] = [other for other in entries if other is not entry]
