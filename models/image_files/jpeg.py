"""JPEG files (ITU-T T.81): the marker segments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from models.errors import ImageTypeUnsupportedError, ImageUndecodableError
from models.image_files.exif import PREFIX as EXIF_PREFIX
from models.image_files.exif import usable_exif
from models.image_files.header import ImageHeader, OtherMetadata, limited

_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_PREFIX = b"http://ns.adobe.com/xmp/extension/\0"
_ICC_PREFIX = b"ICC_PROFILE\0"
_PHOTOSHOP_PREFIX = b"Photoshop 3.0\0"
GAIN_MAP_MARKS = (
    b"urn:iso:std:iso:ts:21496:-1",
    b"http://ns.adobe.com/hdr-gain-map/",
    b"http://ns.apple.com/HDRGainMap/",
)
_GAIN_MAP_USED = re.compile(rb"urn:iso:std:iso:ts:21496:-1|(?<!xmlns:)\b(?:hdrgm|HDRGainMap):\w")
"""Names of spaces may be declared and not used."""

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_APP0, _APP1, _APP2, _APP11, _APP13, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xEF
_WITHOUT_WORTH = (b"Ducky", b"JFXX\0", b"AVI1\0")
"""An encoder's setting, a thumbnail, fields of film."""

_MAX_NAMED = 20
_FRAMES_READ = {0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA}
_HUFFMAN_FRAMES = {0xC0, 0xC1, 0xC2}
_PROGRESSIVE_FRAMES = {0xC2, 0xCA}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_SEGMENT_START = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")
"""Restart markers and TEM stand alone and are passed over where they have no place."""

GAIN_MAP_NOTE = "the file holds an HDR gain map, which is dropped; the standard-range image is used"
VIDEO_NOTE = "the video behind the picture (a motion photo) is not kept"
_VIDEO_BRANDS = (b"ftypmp4", b"ftypisom", b"ftypqt", b"ftypiso", b"ftypavc1", b"ftypmsnv", b"ftyp3gp", b"ftypM4V")
STRAY_BYTES_NOTE = "the JPEG has stray bytes between its segments, which are passed over"
NO_END_NOTE = "the JPEG has no end marker; its image data are read to the end of the file"
MAX_SCAN_PIXELS = 2_000_000_000
"""Scans times pixels: 31 scans of the largest image, about ten seconds; encoders write 1 to 12."""
MAX_SCANS = 1000


@dataclass(slots=True)
class Damage:
    """What is wrong with a file of which all can still be read; ``end``: behind its end marker, 0 if there is none."""

    stray_bytes: bool = False
    no_end_marker: bool = False
    end: int = 0


@dataclass(slots=True)
class _Segments:
    """What the walk over the marker segments gathers."""

    frame: bytes = b""
    frame_marker: int = 0
    scans: int = 0
    adobe_transform: int | None = None
    icc_parts: list[bytes] = field(default_factory=list)
    extended: list[bytes] = field(default_factory=list)
    resources: list[bytes] = field(default_factory=list)
    comments: list[bytes] = field(default_factory=list)
    density: tuple[int, int, int] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    unkept: list[str] = field(default_factory=list)
    multi_picture: bool = False
    gain_map: bool = False
    damage: Damage = field(default_factory=Damage)


def read_header(data: bytes) -> ImageHeader:
    """Walk all segments to the end of the first image.

    Raises: ImageUndecodableError for a file that is damaged or ends before its image data, ImageTypeUnsupportedError
    for a JPEG process that no one uses for photos (hierarchical, arithmetic lossless).
    """
    segments = _gather(data)
    frame = segments.frame
    if len(frame) < 6:
        raise ImageUndecodableError("the JPEG has no frame header")
    precision, height, width = frame[0], int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    if height == 0:
        raise ImageTypeUnsupportedError("a JPEG that gives its height after the data (DNL) is not read")
    if frame[5] not in (1, 3, 4):
        raise ImageTypeUnsupportedError(f"a JPEG of {frame[5]} components is not read")
    if segments.scans > min(MAX_SCANS, max(1, MAX_SCAN_PIXELS // max(1, width * height))):
        raise ImageUndecodableError(f"the JPEG has {segments.scans} scans, far more than any encoder writes")
    icc, icc_notes = _join_icc(segments.icc_parts)
    exif, orientation, exif_notes = usable_exif(segments.exif)
    behind = _trailer_notes(data, segments)
    notes = (*icc_notes, *exif_notes, *_picture_notes(segments), *_damage_notes(segments.damage), *behind)
    return ImageHeader(
        "JPEG", width, height, precision, orientation, icc, exif, segments.xmp, notes, _other(segments)
    )  # fmt: skip


def can_be_recoded(data: bytes) -> bool:
    """Whether ``data`` is an 8-bit Huffman JPEG, grey or YCbCr: other decoders show its coefficients alike.

    Raises: ImageUndecodableError, ImageTypeUnsupportedError for a damaged or unusual JPEG.
    """
    segments = _gather(data)
    frame = segments.frame
    as_usual = segments.frame_marker in _HUFFMAN_FRAMES and frame[0] == 8 and frame[5] in (1, 3)
    in_ycbcr = segments.adobe_transform in (None, 1) and frame[6::3][:3] != b"RGB"
    return as_usual and in_ycbcr


def is_progressive(data: bytes) -> bool:
    """Whether it refines the whole picture scan by scan."""
    return _gather(data).frame_marker in _PROGRESSIVE_FRAMES


def _gather(data: bytes) -> _Segments:
    segments = _Segments()
    for marker, body, _ in limited(marker_segments(data, segments.damage)):
        if marker in _FRAMES and not segments.frame:
            if marker not in _FRAMES_READ:
                raise ImageTypeUnsupportedError(f"this JPEG process (SOF{marker - 0xC0}) is not read")
            segments.frame, segments.frame_marker = body, marker
        elif marker == _SOS:
            segments.scans += 1
        elif marker == _COM:
            segments.comments.append(body)
        elif _APP0 <= marker <= _APP15:
            _gather_application(segments, marker, body)
    if (
        segments.multi_picture and segments.damage.end
    ):  # Apple's maps say what they are, the picture before them does not
        behind = segments.damage.end
        segments.gain_map = segments.gain_map or any(data.find(mark, behind) >= 0 for mark in GAIN_MAP_MARKS)
    return segments


def _gather_application(segments: _Segments, marker: int, body: bytes) -> None:
    segments.gain_map = segments.gain_map or bool(_GAIN_MAP_USED.search(body))
    if marker == _APP14:
        if body.startswith(b"Adobe") and len(body) >= 12:
            segments.adobe_transform = body[11]
    elif marker == _APP0:
        if body.startswith(b"JFIF\0") and len(body) >= 12 and segments.density is None:
            segments.density = body[7], int.from_bytes(body[8:10], "big"), int.from_bytes(body[10:12], "big")
    elif marker == _APP13 and body.startswith(_PHOTOSHOP_PREFIX):
        segments.resources.append(body[len(_PHOTOSHOP_PREFIX) :])
    elif marker == _APP1 and body.startswith(_EXTENDED_PREFIX):
        segments.extended.append(body[len(_EXTENDED_PREFIX) :])
    elif marker == _APP1 and body.startswith(EXIF_PREFIX) and segments.exif is None:
        segments.exif = body
    elif marker == _APP1 and body.startswith(_XMP_PREFIX) and segments.xmp is None:
        segments.xmp = body[len(_XMP_PREFIX) :]
    elif marker == _APP2 and body.startswith(_ICC_PREFIX):
        segments.icc_parts.append(body[len(_ICC_PREFIX) :])
    elif marker == _APP2 and body.startswith(b"MPF\0"):
        segments.multi_picture = True
    elif not body.startswith((*_WITHOUT_WORTH, GAIN_MAP_MARKS[0])):
        segments.unkept.append(_in_words(marker, body))


def _in_words(marker: int, body: bytes) -> str:
    """What a segment is that is not read, to be named where all should be kept."""
    if marker == _APP11:
        return "the APP11 data (Content Credentials or alike), which hold for the original file only"
    if body.startswith(EXIF_PREFIX):
        return "a second block of EXIF data"
    if body.startswith(_XMP_PREFIX[:-1]):
        return "a second or misnamed XMP packet"
    name = body[:16].split(b"\0")[0]
    told = f" ({name.decode()})" if name.isalnum() else ""
    return f"APP{marker - _APP0} data{told}"


def marker_segments(data: bytes, damage: Damage | None = None) -> Iterator[tuple[int, bytes, slice]]:
    """Each segment up to the end of the first image: marker, content, and where entropy-coded data follow it.

    As libjpeg reads: bytes and markers that have no place between segments are passed over, and once there were image
    data the end of the file ends the image. ``damage`` takes note of both.
    Raises: ImageUndecodableError where the segments break off before any image data.
    """
    damage = Damage() if damage is None else damage
    position, scans = 2, 0
    while True:
        found = _next_segment(data, position)
        if found is None:
            break
        damage.stray_bytes = damage.stray_bytes or bool(data[position : found - 1].strip(b"\xff"))
        marker = data[found]
        if marker == _EOI:
            damage.end = found + 1
            return
        if marker == _SOI:
            raise ImageUndecodableError("a second start-of-image marker inside the JPEG")
        length = int.from_bytes(data[found + 1 : found + 3], "big")
        end = found + 1 + length
        if end > len(data):
            break
        if length < 2:
            raise ImageUndecodableError(f"a JPEG segment of {length} bytes at byte {found}")
        scans += marker == _SOS
        after = _after_entropy_data(data, end) if marker == _SOS else end
        yield marker, data[found + 3 : end], slice(end, after)
        position = after
    if not scans:
        raise ImageUndecodableError("the JPEG ends before its image data: it is truncated")
    damage.no_end_marker = True


def _next_segment(data: bytes, start: int) -> int | None:
    """Position of the next marker's code that begins a segment or ends the image, None at the end of the file."""
    found = _SEGMENT_START.search(data, start)
    return None if found is None else found.end() - 1


def _after_entropy_data(data: bytes, start: int) -> int:
    """Position of the next marker that is no restart marker, or of the end of the file."""
    found = _NEXT_MARKER.search(data, start)
    return len(data) if found is None else found.end() - 2


def _join_icc(parts: list[bytes]) -> tuple[bytes | None, tuple[str, ...]]:
    """The profile of the numbered APP2 parts in whatever order they came (ICC.1 annex B.4)."""
    if not parts:
        return None, ()
    numbered = {part[0]: part[2:] for part in parts if len(part) > 2}
    total = max((part[1] for part in parts if len(part) > 2), default=0)
    if sorted(numbered) != list(range(1, total + 1)):
        return None, ("parts of the colour profile are missing; colours are read as sRGB",)
    return b"".join(numbered[number] for number in sorted(numbered)), ()


def _other(segments: _Segments) -> OtherMetadata:
    extended = _join_extended(segments.extended)
    if segments.extended and extended is None:
        segments.unkept.append("the extended XMP data: parts of them are missing")
    return OtherMetadata(
        b"".join(segments.resources) or None,
        extended,
        tuple(segments.comments),
        segments.density,
        unkept=tuple(dict.fromkeys(segments.unkept))[:_MAX_NAMED],
    )


def _join_extended(parts: list[bytes]) -> bytes | None:
    """The packet of the numbered parts: digest of 32 bytes, whole size, offset, content (XMP part 3, 1.1.3.1)."""
    if not parts:
        return None
    digest, total = parts[0][:32], int.from_bytes(parts[0][32:36], "big")
    placed = sorted((int.from_bytes(part[36:40], "big"), part[40:]) for part in parts if part[:32] == digest)
    whole = b"".join(content for _, content in placed)
    return whole if len(whole) == total else None


def _damage_notes(damage: Damage) -> tuple[str, ...]:
    notes = (STRAY_BYTES_NOTE,) if damage.stray_bytes else ()
    return (*notes, NO_END_NOTE) if damage.no_end_marker else notes


def _trailer_notes(data: bytes, segments: _Segments) -> tuple[str, ...]:
    """What lies behind a picture that has no index of further images, or behind the last of these."""
    end = segments.damage.end
    behind = data[end:].strip(b"\0\xff\r\n ") if end else b""
    if b"ftyp" in behind and any(brand in behind for brand in _VIDEO_BRANDS):
        return (VIDEO_NOTE,)
    if not behind or segments.multi_picture or segments.gain_map:
        return ()
    return (f"{len(data) - end} bytes behind the end of the JPEG are not kept",)


def _picture_notes(segments: _Segments) -> tuple[str, ...]:
    if segments.gain_map:
        return (GAIN_MAP_NOTE,)
    if segments.multi_picture:
        return ("the file holds more than one image (MPO); only the first is used",)
    return ()
