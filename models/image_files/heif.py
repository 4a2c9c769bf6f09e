"""AVIF and HEIC files: the boxes that describe the primary item (ISO 14496-12, 23008-12)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from models.errors import ImageTypeUnsupportedError, ImageUndecodableError
from models.image_files.colour_signals import ColourSignal, from_code_points
from models.image_files.exif import usable_exif, with_prefix
from models.image_files.header import MAX_PARTS, ImageHeader, limited, sniff

GAIN_MAP_NOTE = "the file holds an HDR gain map, which is dropped; its base image is used"
# EXIF orientation of quarter turns anticlockwise (irot), alone and followed by a mirror (imir: 0 = top and bottom
# change places, 1 = left and right); MIAF (ISO 23000-22) section 7.3.6.7 fixes the order.
_ROTATED = {0: 1, 1: 8, 2: 3, 3: 6}
_ROTATED_MIRRORED = {(0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7, (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5}


@dataclass(slots=True)
class _Meta:
    """The meta box, sorted: properties by number, items by id."""

    primary: int = 0
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    associations: dict[int, list[int]] = field(default_factory=dict)
    types: dict[int, bytes] = field(default_factory=dict)
    locations: dict[int, tuple[int, list[tuple[int, int]]]] = field(default_factory=dict)
    item_data: bytes = b""

    def primary_properties(self) -> dict[bytes, list[bytes]]:
        """Bodies of the primary item's properties by type."""
        found: dict[bytes, list[bytes]] = {}
        for index in self.associations.get(self.primary, ()):
            if 0 < index <= len(self.properties):
                kind, body = self.properties[index - 1]
                found.setdefault(kind, []).append(body)
        return found

    def item(self, data: bytes, number: int) -> bytes:
        """Bytes of an item, from the file or from the meta box's own data; none if it claims more than there are."""
        construction, extents = self.locations.get(number, (0, []))
        source = self.item_data if construction == 1 else data
        if sum(length for _, length in extents) > len(source):
            return b""
        return b"".join(source[start : start + length] for start, length in extents)


def read_header(data: bytes) -> ImageHeader:
    """Size, depth, rotation and metadata of the primary item. The EXIF orientation is ignored, as the format says.

    Raises: ImageUndecodableError for damaged boxes; ImageTypeUnsupportedError for a sequence without a still image.
    """
    name = sniff(data)
    meta = _read_meta(data, name)
    properties = meta.primary_properties()
    if b"ispe" not in properties:
        raise ImageUndecodableError(f"the {name} does not say how large it is")
    width, height = struct.unpack_from(">II", properties[b"ispe"][0], 4)
    bits = max((value for body in properties.get(b"pixi", ()) for value in body[5:]), default=8)
    icc, signal = _colour(properties.get(b"colr", []))
    crop = _crop(properties, width, height)
    exif, _, exif_notes = usable_exif(_exif(data, meta))
    notes = (*((signal.note,) if signal.note else ()), *exif_notes, *_frame_notes(data, name))
    if _has_gain_map(meta):
        notes = (*notes, GAIN_MAP_NOTE)
    if crop is None and b"clap" in properties:
        notes = (*notes, f"the {name}'s clean aperture is no part of it; the whole image is used")
    return ImageHeader(
        name, width, height, bits, _orientation(properties), icc or signal.profile, exif, _xmp(data, meta), notes,
        gamma=signal.gamma, crop=crop,
    )  # fmt: skip


def _has_gain_map(meta: _Meta) -> bool:
    """As ISO 21496-1 has it in an item of its own, and as Apple's phones have it beside the photo."""
    derived = any(kind.startswith(b"tmap") for kind in meta.types.values())
    return derived or any(kind == b"auxC" and b":aux:hdrgainmap" in body for kind, body in meta.properties)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and body of each box."""
    return limited(_all_boxes(data))


def _all_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        if size == 1:
            size, start = struct.unpack_from(">Q", data, start)[0], start + 8
        end = len(data) if size == 0 else position + size
        if end < start or end > len(data):
            raise ImageUndecodableError("a box runs past the end of the file: it is truncated")
        yield kind, data[start:end]
        position = end


def _read_meta(data: bytes, name: str) -> _Meta:
    body = next((body for kind, body in _boxes(data) if kind == b"meta"), None)
    if body is None:
        raise ImageTypeUnsupportedError(f"this {name} is a sequence without a still image, which is not read")
    meta = _Meta()
    for kind, box in _boxes(body[4:]):
        if kind == b"pitm":
            meta.primary = int.from_bytes(box[4:6] if box[0] == 0 else box[4:8], "big")
        elif kind == b"iinf":
            meta.types = _item_types(box)
        elif kind == b"iloc":
            meta.locations = _item_locations(box)
        elif kind == b"idat":
            meta.item_data = box
        elif kind == b"iprp":
            _read_properties(meta, box)
    return meta


def _read_properties(meta: _Meta, box: bytes) -> None:
    for kind, body in _boxes(box):
        if kind == b"ipco":
            meta.properties = list(_boxes(body))
        elif kind == b"ipma":
            meta.associations |= _associations(body)


def _associations(box: bytes) -> dict[int, list[int]]:
    """Property numbers (from 1) of each item."""
    long_ids, wide = box[0] > 0, bool(box[3] & 1)
    (count,), position = struct.unpack_from(">I", box, 4), 8
    found: dict[int, list[int]] = {}
    for _ in range(count):
        item, number = struct.unpack_from(">IB" if long_ids else ">HB", box, position)
        position += 5 if long_ids else 3
        indices = struct.unpack_from(f">{number}{'H' if wide else 'B'}", box, position)
        position += number * (2 if wide else 1)
        found[item] = [index & (0x7FFF if wide else 0x7F) for index in indices]
    return found


def _item_types(box: bytes) -> dict[int, bytes]:
    """Type of each item; a MIME item has its content type behind."""
    found: dict[int, bytes] = {}
    for kind, body in _boxes(box[6:] if box[0] == 0 else box[8:]):
        if kind == b"infe" and body[0] >= 2:
            at = 6 if body[0] == 2 else 8
            found[int.from_bytes(body[4:at], "big")] = body[at + 2 :]
    return found


def _item_locations(box: bytes) -> dict[int, tuple[int, list[tuple[int, int]]]]:
    """Construction method (0 file, 1 item data) and extents of each item."""
    version = box[0]
    offset_size, length_size = box[4] >> 4, box[4] & 15
    base_size, index_size = box[5] >> 4, box[5] & 15 if version else 0
    reader = _Integers(box, 6)
    found: dict[int, tuple[int, list[tuple[int, int]]]] = {}
    total = 0
    for _ in range(reader.take(4 if version == 2 else 2)):
        item = reader.take(4 if version == 2 else 2)
        construction = reader.take(2) & 15 if version else 0
        reader.take(2)
        base = reader.take(base_size)
        extents: list[tuple[int, int]] = []
        count = reader.take(2)
        total += count
        if total > MAX_PARTS:
            raise ImageUndecodableError("an item table has far more extents than any encoder writes")
        for _ in range(count):
            reader.take(index_size)
            extents.append((base + reader.take(offset_size), reader.take(length_size)))
        found[item] = (construction, extents)
    return found


@dataclass(slots=True)
class _Integers:
    """Reads big-endian integers of any width one after the other."""

    data: bytes
    position: int

    def take(self, size: int) -> int:
        """The next integer of ``size`` bytes, 0 if that is none. Raises: ImageUndecodableError past the end."""
        end = self.position + size
        if end > len(self.data):
            raise ImageUndecodableError("an item table is cut short")
        value = int.from_bytes(self.data[self.position : end], "big")
        self.position = end
        return value


def _exif(data: bytes, meta: _Meta) -> bytes | None:
    """The EXIF item behind its own 4-byte offset to the TIFF header."""
    for number, kind in meta.types.items():
        if kind.startswith(b"Exif"):
            block = meta.item(data, number)
            return with_prefix(block[4 + int.from_bytes(block[:4], "big") :])
    return None


def _xmp(data: bytes, meta: _Meta) -> bytes | None:
    for number, kind in meta.types.items():
        if kind.startswith(b"mime") and b"application/rdf+xml" in kind:
            return meta.item(data, number)
    return None


def _orientation(properties: dict[bytes, list[bytes]]) -> int:
    turns = properties[b"irot"][0][0] & 3 if b"irot" in properties else 0
    if b"imir" not in properties:
        return _ROTATED[turns]
    return _ROTATED_MIRRORED[turns, properties[b"imir"][0][0] & 1]


def _colour(boxes: list[bytes]) -> tuple[bytes | None, ColourSignal]:
    """The profile, and what the code points say where there is none."""
    for body in boxes:
        if body[:4] in (b"prof", b"rICC"):
            return body[4:], ColourSignal()
    for body in boxes:
        if body[:4] == b"nclx":
            return None, from_code_points(*struct.unpack_from(">HH", body, 4))
    return None, ColourSignal()


def _frame_notes(data: bytes, name: str) -> tuple[str, ...]:
    if any(kind == b"moov" for kind, _ in _boxes(data)):
        return (f"the {name} is animated; only its still image is used",)
    return ()


def _crop(properties: dict[bytes, list[bytes]], width: int, height: int) -> tuple[int, int, int, int] | None:
    """Left, top, width and height of the clean aperture (ISO 14496-12, 12.1.4), None if it is no part of the image."""
    if b"clap" not in properties:
        return None
    numbers = struct.unpack_from(">2I2I2i2i", properties[b"clap"][0])
    if not all(numbers[1::2]):
        return None
    wide, high, across, down = (Fraction(numbers[i], numbers[i + 1]) for i in (0, 2, 4, 6))
    left, top = (width - wide) / 2 + across, (height - high) / 2 + down
    if any(number.denominator != 1 for number in (wide, high, left, top)):
        return None
    inside = left >= 0 and top >= 0 and left + wide <= width and top + high <= height and wide > 0 and high > 0
    return (int(left), int(top), int(wide), int(high)) if inside else None
