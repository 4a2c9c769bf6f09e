"""JPEG files (ITU-T T.81): the marker segments, and the samples."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import imagecodecs
import numpy as np

from models.errors import ImageTypeUnsupportedError, ImageUndecodableError
from models.image_files.exif import PREFIX as EXIF_PREFIX
from models.image_files.exif import usable_exif
from models.image_files.header import ImageHeader, Raster, Samples, Space, limited

_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
_ICC_PREFIX = b"ICC_PROFILE\0"
_GAIN_MAP_MARKS = (
    b"urn:iso:std:iso:ts:21496:-1",
    b"http://ns.adobe.com/hdr-gain-map/",
    b"http://ns.apple.com/HDRGainMap/",
)
_SOI, _EOI, _SOS, _DQT, _APP0, _APP1, _APP2, _APP14 = 0xD8, 0xD9, 0xDA, 0xDB, 0xE0, 0xE1, 0xE2, 0xEE
_FRAMES_READ = {0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA}
_HUFFMAN_FRAMES = {0xC0, 0xC1, 0xC2}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")

GAIN_MAP_NOTE = "the file holds an HDR gain map, which is dropped; the standard-range image is used"
MAX_SCAN_PIXELS = 2_000_000_000
"""Scans times pixels: 31 scans of the largest image, about ten seconds; encoders write 1 to 12."""
MAX_SCANS = 1000


@dataclass(slots=True)
class _Segments:
    """What the walk over the marker segments gathers."""

    frame: bytes = b""
    frame_marker: int = 0
    scans: int = 0
    adobe_transform: int | None = None
    icc_parts: list[bytes] = field(default_factory=list)
    exif: bytes | None = None
    xmp: bytes | None = None
    multi_picture: bool = False
    gain_map: bool = False


def read_header(data: bytes) -> ImageHeader:
    """Walk all segments to the end-of-image marker.

    Raises: ImageUndecodableError for a truncated or damaged file, ImageTypeUnsupportedError for a JPEG process that no
    one uses for photos (hierarchical, arithmetic lossless).
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
    return ImageHeader(
        "JPEG", width, height, precision, orientation, icc, exif, segments.xmp,
        (*icc_notes, *exif_notes, *_picture_notes(segments)),
    )  # fmt: skip


def decode(data: bytes, header: ImageHeader) -> Raster:
    """Samples in the file's colour model; YCbCr comes as RGB, YCCK as CMYK (0 = no ink)."""
    samples: Samples = imagecodecs.jpeg8_decode(data)
    if samples.ndim == 2:
        return Raster(samples, Space.GREY, header.bit_depth)
    if samples.shape[2] == 3:
        return Raster(samples, Space.RGB, header.bit_depth)
    if _gather(data).adobe_transform is not None:  # Adobe's CMYK and YCCK are stored inverted
        np.invert(samples, out=samples)
    return Raster(samples, Space.CMYK, header.bit_depth)


def can_be_recoded(data: bytes) -> bool:
    """Whether ``data`` is an 8-bit Huffman JPEG, grey or YCbCr: other decoders show its coefficients alike.

    Raises: ImageUndecodableError, ImageTypeUnsupportedError for a damaged or unusual JPEG.
    """
    segments = _gather(data)
    frame = segments.frame
    as_usual = segments.frame_marker in _HUFFMAN_FRAMES and frame[0] == 8 and frame[5] in (1, 3)
    in_ycbcr = segments.adobe_transform in (None, 1) and frame[6::3][:3] != b"RGB"
    return as_usual and in_ycbcr


def _gather(data: bytes) -> _Segments:
    segments = _Segments()
    for marker, body, _ in limited(marker_segments(data)):
        if marker in _FRAMES and not segments.frame:
            if marker not in _FRAMES_READ:
                raise ImageTypeUnsupportedError(f"this JPEG process (SOF{marker - 0xC0}) is not read")
            segments.frame, segments.frame_marker = body, marker
        elif marker == _DQT:
            _check_quantization(body)
        elif marker == _SOS:
            segments.scans += 1
        elif marker in (_APP1, _APP2, _APP14):
            _gather_application(segments, marker, body)
    return segments


def _gather_application(segments: _Segments, marker: int, body: bytes) -> None:
    if marker == _APP14:
        if body.startswith(b"Adobe") and len(body) >= 12:
            segments.adobe_transform = body[11]
    elif body.startswith(EXIF_PREFIX) and segments.exif is None:
        segments.exif = body
    elif body.startswith(_XMP_PREFIX) and segments.xmp is None:
        segments.xmp = body[len(_XMP_PREFIX) :]
    elif body.startswith(_ICC_PREFIX):
        segments.icc_parts.append(body[len(_ICC_PREFIX) :])
    elif body.startswith(b"MPF\0"):
        segments.multi_picture = True
    segments.gain_map = segments.gain_map or any(mark in body for mark in _GAIN_MAP_MARKS)


def marker_segments(data: bytes) -> Iterator[tuple[int, bytes, slice]]:
    """Each segment up to the end of the first image: marker, content, and where entropy-coded data follow it.

    Raises: ImageUndecodableError where they break off.
    """
    position = 2
    while True:
        if position + 1 >= len(data):
            raise ImageUndecodableError("the JPEG ends before its end-of-image marker: it is truncated")
        if data[position] != 0xFF:
            raise ImageUndecodableError(f"no JPEG marker at byte {position}")
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == _EOI:
            return
        if marker == _SOI:
            raise ImageUndecodableError("a second start-of-image marker inside the JPEG")
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        end = position + 2 + length
        if length < 2 or end > len(data):
            raise ImageUndecodableError("a JPEG segment runs past the end of the file: it is truncated")
        after = _after_entropy_data(data, end) if marker == _SOS else end
        yield marker, data[position + 4 : end], slice(end, after)
        position = after


def _after_entropy_data(data: bytes, start: int) -> int:
    """Position of the next marker that is no restart marker."""
    found = _NEXT_MARKER.search(data, start)
    if found is None:
        raise ImageUndecodableError("the JPEG ends inside its image data: it is truncated")
    return found.end() - 2


def _check_quantization(body: bytes) -> None:
    """Raises: ImageUndecodableError if a table is cut short or has a zero, which T.81 section B.2.4.1 forbids."""
    position = 0
    while position < len(body):
        wide = body[position] >> 4
        table = body[position + 1 : position + 1 + (128 if wide else 64)]
        if len(table) != (128 if wide else 64):
            raise ImageUndecodableError("a JPEG quantization table is cut short")
        entries = np.frombuffer(table, dtype=">u2" if wide else np.uint8)
        if not entries.all():
            raise ImageUndecodableError("a JPEG quantization table holds a zero")
        position += 1 + len(table)


def _join_icc(parts: list[bytes]) -> tuple[bytes | None, tuple[str, ...]]:
    """The profile of the numbered APP2 parts in whatever order they came (ICC.1 annex B.4)."""
    if not parts:
        return None, ()
    numbered = {part[0]: part[2:] for part in parts if len(part) > 2}
    total = max((part[1] for part in parts if len(part) > 2), default=0)
    if sorted(numbered) != list(range(1, total + 1)):
        return None, ("parts of the colour profile are missing; colours are read as sRGB",)
    return b"".join(numbered[number] for number in sorted(numbered)), ()


def _picture_notes(segments: _Segments) -> tuple[str, ...]:
    if segments.gain_map:
        return (GAIN_MAP_NOTE,)
    if segments.multi_picture:
        return ("the file holds more than one image (MPO); only the first is used",)
    return ()
