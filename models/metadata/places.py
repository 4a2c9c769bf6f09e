"""Coordinates that a file names, to find them again wherever else they may stand, in whatever encoding."""

import math
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_DECIMALS = 4
"""Eleven metres; numbers with fewer are too common to be taken for a place."""

_SHORTEST_NAME = 3
"""Bytes; codes of countries and states are too short to tell from other words."""

_DEGREES_AND_MINUTES = re.compile(
    r"^\s*(\d{1,3})\s*,\s*(\d{1,2}(?:\.\d+)?)(?:\s*,\s*(\d{1,2}(?:\.\d+)?))?\s*[NSEWnsew]?\s*$"
)
_DECIMAL = re.compile(r"^\s*[+-]?(\d{1,3}\.\d{3,})\s*$")

_RATIONALS = re.compile(r"^\s*(\d+)/(\d+),\s*(\d+)/(\d+),\s*(\d+)/(\d+)\s*$")
"""As ImageMagick writes EXIF's into texts."""

_MARKS = rb"[\d.,\s'\"\xc2\xb0\xe2\x80\xb2\xb3]{0,24}"
"""Of minutes and seconds."""
_PAIR = re.compile(
    rb"\bgeo:-?\d|"  # RFC 5870
    rb"[+-]\d{2,6}\.\d{2,9}[+-]\d{3,7}\.\d{2,9}|"  # ISO 6709
    rb"\d" + _MARKS + rb"[NS]\b[\s,;/]{0,4}\d" + _MARKS + rb"[EW]\b|"  # 48.2096 N, 16.3701 E
    rb"(?<![\d.])-?[1-9]\d?\.\d{4,15}\s{0,4}[,;/ ]\s{0,4}-?1?\d{1,2}\.\d{4,15}(?![\d.])"  # 48.2096, 16.3701
)


@dataclass(frozen=True, slots=True)
class Places:
    """Byte strings that stand for the coordinates of a photo, and what its place is called, in small letters."""

    encodings: frozenset[bytes] = frozenset()
    names: frozenset[bytes] = frozenset()

    def named_in(self, data: bytes) -> bool:
        """Whether ``data`` holds one of them."""
        return any(encoding in data for encoding in self.encodings)

    def told_by(self, text: bytes) -> bool:
        """Whether a text is a name of the place, as a keyword is, or one of several in ``Country|City``; or holds one
        of its coordinates, or any pair of coordinates that people and maps would understand.
        """
        called = self.names and any(part.strip(b" \0").lower() in self.names for part in text.split(b"|"))
        return bool(called) or _PAIR.search(text) is not None or self.named_in(text)


def places_of(coordinates: Iterable[tuple[bytes, float]], names: Iterable[str] = ()) -> Places:
    """``coordinates``: the bytes that stand for each, and its degrees; ``names``: values of properties of a place."""
    encodings: set[bytes] = set()
    for raw, degrees in coordinates:
        if degrees:
            encodings |= {raw, *_encodings(abs(degrees))} - {b""}
    known = {name.strip(" \0").lower().encode("utf-8", "replace") for name in names}
    return Places(frozenset(encodings), frozenset(name for name in known if len(name) >= _SHORTEST_NAME))


def coordinates_of_rationals(raw: bytes, order: str) -> set[tuple[bytes, float]]:
    """Degrees, minutes and seconds as three TIFF rationals, and what the other byte order makes of them."""
    numbers = struct.unpack(f"{order}6I", raw)
    if not all(numbers[1::2]):
        return set()
    degrees = sum(numbers[2 * i] / numbers[2 * i + 1] / 60**i for i in range(3))
    return {(struct.pack(f"{each}6I", *numbers), degrees) for each in "<>"}


def coordinate_of_text(text: str) -> set[tuple[bytes, float]]:
    """A coordinate as XMP writes it, ``48,12.5N``, or in degrees with three decimals or more; else nothing."""
    if found := _DECIMAL.match(text):
        return {(b"", float(found[1]))}
    if found := _RATIONALS.match(text):
        numbers = [int(number) for number in found.groups()]
        in_range = all(number < 2**32 for number in numbers)
        return coordinates_of_rationals(struct.pack("<6I", *numbers), "<") if in_range else set()
    if found := _DEGREES_AND_MINUTES.match(text):
        degrees = int(found[1]) + float(found[2]) / 60 + float(found[3] or 0) / 3600
        return {(text.strip().rstrip("NSEWnsew").encode(), degrees)}
    return set()


def _encodings(degrees: float) -> Iterator[bytes]:
    """As text in degrees, with minutes, with seconds; as IEEE numbers of either sign and byte order."""
    scale = 10**_DECIMALS
    minutes = degrees % 1 * 60
    texts = {f"{math.floor(degrees * scale) / scale:.{_DECIMALS}f}", f"{degrees:.{_DECIMALS}f}"}
    texts |= {text.replace(".", ",") for text in texts}
    texts |= {f"{int(degrees)},{minutes:.4f}", f"{int(degrees)},{math.floor(minutes * 1000) / 1000:.3f}"}
    for text in texts:
        yield text.encode()
        yield text.encode("utf-16-le")
        yield text.encode("utf-16-be")
    for value in (degrees, -degrees):
        yield from (struct.pack(form, value) for form in ("<d", ">d", "<f", ">f"))
