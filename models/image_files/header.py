"""What a file says of itself before a pixel is decoded; the web process asks here too, and loads no numpy for it."""

import importlib.util
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from models.errors import ImageTypeUnsupportedError, ImageUndecodableError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OtherMetadata:
    """What few files have beside profile, EXIF and XMP, as it came.

    ``resources``: Photoshop's, IPTC among them; ``extended_xmp``: the packet that goes with the main one; ``comments``:
    in whatever character set; ``density``: unit (0 the pixel's shape, 1 per inch, 2 per centimetre), across and down;
    ``texts``: keyword and UTF-8 text of each, as PNG has them; ``unkept``: what no other file can take over, in words.
    """

    resources: bytes | None = None
    extended_xmp: bytes | None = None
    comments: tuple[bytes, ...] = ()
    density: tuple[int, int, int] | None = None
    texts: tuple[tuple[str, bytes], ...] = ()
    unkept: tuple[str, ...] = ()


NO_OTHER = OtherMetadata()


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """One file's header. ``width`` and ``height`` are as stored, before ``orientation`` (EXIF's 1..8) is applied.

    ``exif`` starts with ``Exif\\0\\0``; ``orientation`` is the raw number and may be invalid; ``notes`` say in plain
    words what will not be in the decoded image. ``gamma``: the exponent that makes samples light, where it is not
    sRGB's curve; ``crop``: left, top, width and height of what is shown of the stored rows, None for all.
    """

    format: str
    width: int
    height: int
    bit_depth: int = 8
    orientation: int = 1
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: tuple[str, ...] = ()
    other: OtherMetadata = NO_OTHER
    gamma: float | None = None
    crop: tuple[int, int, int, int] | None = None


class _Signature(NamedTuple):
    """``is_image``: what begins so is a picture, and nothing else begins so by chance."""

    offset: int
    magic: bytes
    name: str
    is_image: bool = True


READ: tuple[_Signature, ...] = (
    _Signature(0, b"\xff\xd8\xff", "JPEG"),
    _Signature(0, b"\x89PNG\r\n\x1a\n", "PNG"),
    _Signature(8, b"WEBP", "WebP"),
    _Signature(0, b"II*\0", "TIFF"),
    _Signature(0, b"MM\0*", "TIFF"),
    _Signature(0, b"II+\0", "TIFF"),
    _Signature(0, b"MM\0+", "TIFF"),
    _Signature(0, b"GIF87a", "GIF"),
    _Signature(0, b"GIF89a", "GIF"),
    _Signature(0, b"BM", "BMP"),
)

NOT_READ: tuple[_Signature, ...] = (
    _Signature(0, b"VJPG", "a VarJPEG container, which has its own decoder (varjpeg-decode)", is_image=False),
    _Signature(0, b"%PDF", "a PDF document", is_image=False),
    _Signature(0, b"%!PS", "a PostScript (EPS) document", is_image=False),
    _Signature(0, b"\xc5\xd0\xd3\xc6", "a PostScript (EPS) document", is_image=False),
    _Signature(0, b"8BPS", "a Photoshop (PSD) document"),
    _Signature(0, b"\xff\x0a", "a JPEG XL image"),
    _Signature(0, b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    _Signature(0, b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    _Signature(0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    _Signature(0, b"\xff\xd8", "a JPEG start marker with nothing behind it", is_image=False),
    _Signature(0, b"\0\0\1\0", "a Windows icon (ICO)", is_image=False),
    _Signature(0, b"\x8aMNG", "an MNG animation", is_image=False),
    _Signature(0, b"qoif", "a QOI image"),
    _Signature(0, b"\x76\x2f\x31\x01", "an OpenEXR image"),
    _Signature(0, b"#?RADIANCE", "a Radiance HDR image"),
    _Signature(0, b"FLIF", "a FLIF image"),
    _Signature(0, b"PK\3\4", "a ZIP archive", is_image=False),
    _Signature(0, b"\x1f\x8b", "a gzip archive", is_image=False),
    _Signature(0, b"\x1aE\xdf\xa3", "a Matroska or WebM video", is_image=False),
    _Signature(0, b"RIFF", "a RIFF file that is no WebP", is_image=False),
)

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"}
_TEXT_STARTS = ((b"<svg", "an SVG drawing"), (b"<!doctype html", "an HTML page"), (b"<html", "an HTML page"))


BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})
"""OS/2 1 and 2, and Windows' from 3 to 5."""

MAX_PARTS = 100_000
"""Segments, chunks or boxes of one file; encoders write a few thousand into the largest."""


def limited(parts: Iterable[T]) -> Iterator[T]:
    """The parts of a file, up to ``MAX_PARTS``. Raises: ImageUndecodableError where there are more."""
    for count, part in enumerate(parts):
        if count == MAX_PARTS:
            raise ImageUndecodableError("the file has far more parts than any encoder writes")
        yield part


def begins_like_an_image(start: bytes) -> bool:
    """Whether a file's first 64 bytes are those of a picture, be it one that is read or not."""
    if start[4:8] == b"ftyp":
        return bool(_brands(start) & (_AVIF_BRANDS | _HEIC_BRANDS | {b"mif1", b"msf1"}))
    if start.startswith(b"BM"):
        return int.from_bytes(start[14:18], "little") in BMP_HEADER_SIZES
    return any(each.is_image and start.startswith(each.magic, each.offset) for each in (*READ, *NOT_READ))


def heic_is_read() -> bool:
    """Whether the extra ``heic`` is installed, whose decoder has a licence of its own."""
    return importlib.util.find_spec("pillow_heif") is not None


def sniff(data: bytes) -> str:
    """Format of the bytes by content, one of ``READ``, ``AVIF`` or ``HEIC``.

    Raises: ImageTypeUnsupportedError that names what was found instead.
    """
    if not data:
        raise ImageTypeUnsupportedError("the file is empty")
    if data[4:8] == b"ftyp":
        return _sniff_ftyp(data)
    for signature in READ:
        if data.startswith(signature.magic, signature.offset):
            return signature.name
    heic = "HEIC, " if heic_is_read() else ""
    raise ImageTypeUnsupportedError(
        f"this is {_describe(data)}; images are read as JPEG, PNG, WebP, AVIF, {heic}TIFF, BMP or GIF"
    )


def _sniff_ftyp(data: bytes) -> str:
    """AVIF or HEIC, or an error for any other file of the ISO base media family."""
    brands = _brands(data)
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIC_BRANDS:
        if not heic_is_read():
            raise ImageTypeUnsupportedError(
                "this is a HEIC image, which is read where the extra heic is installed; or save it as JPEG, PNG or AVIF"
            )
        return "HEIC"
    if b"mif1" in brands:
        raise ImageTypeUnsupportedError("this is a HEIF image with neither AV1 nor HEVC, which is not read")
    raise ImageTypeUnsupportedError("this is a video or another ISO media file, not an image")


def _brands(data: bytes) -> set[bytes]:
    """What the first box of an ISO media file says it is."""
    size = min(len(data), max(16, struct.unpack_from(">I", data)[0]), 4096)
    return {data[8:12], *(data[i : i + 4] for i in range(16, size - 3, 4))}


def _describe(data: bytes) -> str:
    """What bytes that are no readable image look like, with an article."""
    for signature in NOT_READ:
        if data.startswith(signature.magic, signature.offset):
            return signature.name
    head = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, name in _TEXT_STARTS:
        if head.startswith(start) or (head.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and start in head):
            return name
    if head[:1] == b"p" and head[1:2] in b"1234567fF" and head[2:3].isspace():
        return "a PNM image"
    if all(32 <= byte < 127 or byte in b"\t\n\r\f" for byte in data[:256]):
        return "text"
    return "no image that is known"
