"""IPTC captions (IIM 4.2) inside Photoshop's image resources, without the place."""

import struct
from collections.abc import Iterator

from models.metadata.places import Places

PHOTOSHOP = b"Photoshop 3.0\0"
_SIGNATURE, _IIM = b"8BIM", 0x0404
_KEPT_RESOURCES = {0x03ED, 0x0404, 0x040A, 0x040B}
"""Resolution, IPTC, copyright flag and URL; others hold thumbnails, or EXIF and XMP once more."""

_PLACE_DATASETS = {26, 27, 90, 92, 95, 100, 101, 103}
"""Of record 2: content location, city, sublocation, province, country; 103, a reference to where it was sent from."""


def cleaned_resources(body: bytes, places: Places) -> bytes | None:
    """The resources of an APP13 segment, behind its name, that have no place in them; None if nothing is left.

    A part that is damaged ends what is kept.
    """
    out = b""
    for number, name, data in _resources(body.removeprefix(PHOTOSHOP)):
        if number not in _KEPT_RESOURCES:
            continue
        kept = _without_place(data, places) if number == _IIM else data
        if kept and not places.named_in(kept):
            out += _SIGNATURE + struct.pack(">H", number) + name + struct.pack(">I", len(kept)) + kept
            out += bytes(len(kept) & 1)
    return out or None


def iptc_place_names(body: bytes | None) -> set[str]:
    """The values of datasets that name a place."""
    blocks = [data for number, _, data in _resources((body or b"").removeprefix(PHOTOSHOP)) if number == _IIM]
    values = [value for block in blocks for record, number, value in _datasets(block) if _is_place(record, number)]
    return {value.decode("utf-8", "replace") for value in values}


def _is_place(record: int, number: int) -> bool:
    return record == 2 and number in _PLACE_DATASETS


def _resources(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, padded Pascal name and content of each."""
    position = 0
    while data[position : position + 4] == _SIGNATURE and position + 12 <= len(data):
        number = int.from_bytes(data[position + 4 : position + 6], "big")
        name_size = data[position + 6] + 1
        name_end = position + 6 + name_size + (name_size & 1)
        size = int.from_bytes(data[name_end : name_end + 4], "big")
        end = name_end + 4 + size
        if end > len(data):
            return
        yield number, data[position + 6 : name_end], data[name_end + 4 : end]
        position = end + (size & 1)


def _without_place(iim: bytes, places: Places) -> bytes:
    """The datasets but those of a place."""
    kept = [
        (record, number, value)
        for record, number, value in _datasets(iim)
        if not _is_place(record, number) and not places.told_by(value)
    ]
    return b"".join(struct.pack(">BBBH", 0x1C, record, number, len(value)) + value for record, number, value in kept)


def _datasets(iim: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Record, number and value of each. IIM 4.2, section 1.5: 0x1C, record, number, length, value."""
    position = 0
    while iim[position : position + 1] == b"\x1c" and position + 5 <= len(iim):
        record, number, length = struct.unpack_from(">BBH", iim, position + 1)
        end = position + 5 + length
        if length & 0x8000 or end > len(iim):
            return
        yield record, number, iim[position + 5 : end]
        position = end
