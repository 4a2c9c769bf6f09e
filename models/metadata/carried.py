"""What of a photo's metadata goes into a JPEG: colour profile, EXIF, XMP, IPTC, comments, density; never the place.

Each kind is cleaned in a module of its own: ``exif_cleaning``, ``xmp_cleaning``, ``iptc_cleaning``. Coordinates that
one of them names are looked for in all (``places``).
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from models import icc
from models.image_files.exif import orientation_block
from models.metadata.exif import cleaned_exif, exif_coordinates
from models.metadata.iptc import PHOTOSHOP, cleaned_resources, iptc_place_names
from models.metadata.places import Places, coordinate_of_text, places_of
from models.metadata.xmp import XmpDamagedError, cleaned_xmp, names_a_place, xmp_coordinates, xmp_place_names
from models.types import RgbImage

_EXIF_HEADER = b"Exif\x00\x00"
XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\x00"
_EXTENDED_HEADER = b"http://ns.adobe.com/xmp/extension/\x00"
_ICC_HEADER = b"ICC_PROFILE\x00"
_MAX_SEGMENT = 65533  # T.81 B.1.1.4: a two-byte length that counts itself
_APP0, _APP1, _APP2, _APP13, _COM = 0xE0, 0xE1, 0xE2, 0xED, 0xFE
_NO_ROOM = "a JPEG has no room for it"


class Metadata(StrEnum):
    """``KEEP_ICC``: the colour profile alone. ``KEEP_ALL``: all else too, never the place. ``STRIP``: nothing.

    A profile that means sRGB is left out by all: without one a JPEG is sRGB.
    """

    KEEP_ICC = "keep-icc"
    KEEP_ALL = "keep-all"
    STRIP = "strip"


@dataclass(frozen=True, slots=True)
class KeptMetadata:
    """Whole ``segments`` to write after the start marker, a JFIF header first if there is a density to keep; and what
    was not kept, in words."""

    segments: bytes
    dropped: tuple[str, ...] = ()


def metadata_segments(image: RgbImage, policy: Metadata, *, orientation: int = 1, with_profile: bool = True) -> bytes:
    """Those of ``kept_metadata``."""
    return kept_metadata(image, policy, orientation=orientation, with_profile=with_profile).segments


def kept_metadata(
    image: RgbImage, policy: Metadata, *, orientation: int = 1, with_profile: bool = True
) -> KeptMetadata:
    """Segments for an encoding of ``image`` whose pixels are stored in ``orientation``, EXIF's 1..8."""
    segments, dropped = b"", list[str]()
    if policy is Metadata.KEEP_ALL:
        segments += _everything(image, orientation, dropped)
    if orientation != 1 and _EXIF_HEADER not in segments:
        segments += segment(_APP1, orientation_block(orientation))
    if policy is not Metadata.STRIP and with_profile and image.icc_profile and not means_srgb(image):
        profile = icc_segments(image.icc_profile)
        segments += profile
        if not profile:
            dropped.append(f"the colour profile of {len(image.icc_profile)} bytes: {_NO_ROOM}")
    return KeptMetadata(segments, tuple(dict.fromkeys(dropped)))


def segment(marker: int, payload: bytes) -> bytes:
    """A JPEG marker segment: 0xFF, marker, length, payload. T.81 B.1.1.4."""
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


def insert_segments(jpeg: bytes, segments: bytes) -> bytes:
    """``jpeg`` with whole ``segments`` after its start marker and JFIF header; theirs, if they have one, counts."""
    head = after_start(jpeg)
    return jpeg[: 2 if has_jfif_header(segments) else head] + segments + jpeg[head:]


def has_jfif_header(segments: bytes) -> bool:
    """Whether ``segments`` begin with one."""
    return segments[:2] == b"\xff\xe0"


def after_start(jpeg: bytes) -> int:
    """Offset of what follows the start marker and the JFIF header, if there is one."""
    return 4 + int.from_bytes(jpeg[4:6], "big") if has_jfif_header(jpeg[2:]) else 2


def icc_segments(profile: bytes) -> bytes:
    """The profile in numbered APP2 segments; nothing if it needs more than 255. ICC.1 annex B.4."""
    room = _MAX_SEGMENT - len(_ICC_HEADER) - 2
    chunks = [profile[start : start + room] for start in range(0, len(profile), room)]
    if len(chunks) > 255:
        return b""
    return b"".join(
        segment(_APP2, _ICC_HEADER + bytes([number, len(chunks)]) + chunk)
        for number, chunk in enumerate(chunks, start=1)
    )


def known_places(image: RgbImage) -> Places:
    """The coordinates and names of the place that EXIF, XMP, IPTC and texts of a photo give."""
    packets = image.xmp, image.other.extended_xmp
    texts = {text.decode("utf-8", "replace") for keyword, text in image.other.texts if names_a_place(keyword)}
    coordinates = exif_coordinates(image.exif).union(*map(xmp_coordinates, packets), *map(coordinate_of_text, texts))
    names = texts.union(*map(xmp_place_names, packets), iptc_place_names(image.other.resources))
    return places_of(coordinates, names)


def means_srgb(image: RgbImage) -> bool:
    """Whether the profile of an image is there and says what a file without one says."""
    profile = image.icc_profile
    if profile is None or image.pixels is not image.native_pixels:
        return False
    try:
        return icc.colour_space(profile) == "rgb" and icc.is_srgb(profile)
    except ValueError:
        return False


def _everything(image: RgbImage, orientation: int, dropped: list[str]) -> bytes:
    places = known_places(image)
    dropped += image.other.unkept
    return b"".join(
        (
            _density(image),
            _exif(image, places, orientation, dropped),
            _xmp(image, places, dropped),
            _resources(image, places, dropped),
            _comments(image, places, dropped),
            _texts(image, places, dropped),
        )
    )


def _density(image: RgbImage) -> bytes:
    """A JFIF header of its own, where the usual one, of square pixels without a size, would say something else."""
    density = image.other.density
    if density is None or density[0] not in (0, 1, 2) or not all(0 < n < 65536 for n in density[1:]):
        return b""
    unit, across, down = density
    if unit == 0 and across == down:
        return b""
    numbers = bytes([1, 1, unit]) + across.to_bytes(2, "big") + down.to_bytes(2, "big")
    return segment(_APP0, b"JFIF\0" + numbers + b"\0\0")


def _exif(image: RgbImage, places: Places, orientation: int, dropped: list[str]) -> bytes:
    if not image.exif:
        return b""
    cleaned = cleaned_exif(image.exif, places, orientation=orientation, room=_MAX_SEGMENT - len(_EXIF_HEADER))
    if cleaned is None:
        dropped.append("the EXIF data: they are damaged")
        return b""
    dropped += [f"of the EXIF data {part}" for part in cleaned.dropped]
    return segment(_APP1, _EXIF_HEADER + cleaned.block)


def _xmp(image: RgbImage, places: Places, dropped: list[str]) -> bytes:
    """The main packet, and the extended one by a new digest in it."""
    extended = _cleaned_extended(image, places, dropped)
    digest = hashlib.md5(extended, usedforsecurity=False).hexdigest().upper() if extended else None
    if not image.xmp:
        dropped += ["the extended XMP data: the packet that they belong to is missing"] if extended else []
        return b""
    try:
        packet = cleaned_xmp(image.xmp, places, extended=digest)
    except XmpDamagedError:
        dropped.append("the XMP data: they cannot be read, and may say where the photo was taken")
        return b""
    if len(packet) + len(XMP_HEADER) > _MAX_SEGMENT:
        dropped.append(f"the XMP data of {len(packet)} bytes: {_NO_ROOM}")
        return b""
    return segment(_APP1, XMP_HEADER + packet) + (_extended_segments(extended, digest) if extended and digest else b"")


def _cleaned_extended(image: RgbImage, places: Places, dropped: list[str]) -> bytes | None:
    if not image.other.extended_xmp:
        return None
    try:
        return cleaned_xmp(image.other.extended_xmp, places)
    except XmpDamagedError:
        dropped.append("the extended XMP data: they cannot be read, and may say where the photo was taken")
        return None


def _extended_segments(packet: bytes, digest: str) -> bytes:
    """XMP part 3, 1.1.3.1: digest, whole size and offset before each part."""
    head = _EXTENDED_HEADER + digest.encode() + len(packet).to_bytes(4, "big")
    room = _MAX_SEGMENT - len(head) - 4
    return b"".join(
        segment(_APP1, head + start.to_bytes(4, "big") + packet[start : start + room])
        for start in range(0, len(packet), room)
    )


def _resources(image: RgbImage, places: Places, dropped: list[str]) -> bytes:
    if not image.other.resources:
        return b""
    cleaned = cleaned_resources(image.other.resources, places)
    if cleaned is None:
        return b""
    room = _MAX_SEGMENT - len(PHOTOSHOP)
    if len(cleaned) > room:
        dropped.append(f"the IPTC data of {len(cleaned)} bytes: {_NO_ROOM}")
        return b""
    return segment(_APP13, PHOTOSHOP + cleaned)


def _comments(image: RgbImage, places: Places, dropped: list[str]) -> bytes:
    kept = [comment for comment in image.other.comments if not places.told_by(comment)]
    if len(kept) < len(image.other.comments):
        dropped.append("a comment that says where the photo was taken")
    fitting = [comment for comment in kept if len(comment) <= _MAX_SEGMENT]
    if len(fitting) < len(kept):
        dropped.append(f"a comment: {_NO_ROOM}")
    return b"".join(segment(_COM, comment) for comment in fitting)


def _texts(image: RgbImage, places: Places, dropped: list[str]) -> bytes:
    """Comments of the form ``Copyright: text``."""
    kept = b""
    for keyword, text in image.other.texts:
        comment = f"{keyword}: ".encode() + text
        if names_a_place(keyword) or places.told_by(comment):
            dropped.append(f"a text ({keyword}) that says where the photo was taken")
        elif len(comment) > _MAX_SEGMENT:
            dropped.append(f"a text ({keyword}) of {len(text)} bytes: {_NO_ROOM}")
        else:
            kept += segment(_COM, comment)
    return kept
