"""Format and size of an image from its first bytes, by content and never by name; no pixel is decoded.

Only what the worker decodes is recognised. Sizes are those that the file announces, before any rotation.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from workers.contracts import FailureCode

MAX_JPEG_SCANS = 500
"""More scans than any encoder writes; libjpeg-turbo's own fuzz targets stop at the same number."""
_MAX_PARTS = 4096
"""Segments, boxes or directory entries looked at before a file counts as broken."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image file says about itself; ``width`` and ``height`` in pixels, both positive."""

    media_type: str
    width: int
    height: int


class ImageHeaderError(Exception):
    """The bytes are no image that is read, or a broken one; ``code`` says which."""

    def __init__(self, code: FailureCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def read_image_header(file: BinaryIO) -> ImageHeader:
    """Format and size of the image in ``file``, which must be seekable. Raises: ImageHeaderError."""
    file.seek(0)
    start = file.read(64)
    media_type, reader = _reader_for(start)
    try:
        width, height = reader(file)
    except (struct.error, IndexError, EOFError, OverflowError, ValueError) as error:
        raise _broken(media_type) from error
    if width < 1 or height < 1:
        raise _broken(media_type)
    return ImageHeader(media_type, width, height)


_Reader = Callable[[BinaryIO], tuple[int, int]]


def _reader_for(start: bytes) -> tuple[str, _Reader]:
    if start.startswith(b"\xff\xd8\xff"):
        return "image/jpeg", _jpeg_size
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png", _png_size
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp", _webp_size
    if start[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif", _gif_size
    if start[:4] in (b"II*\x00", b"MM\x00*"):
        return "image/tiff", _tiff_size
    if start[:2] == b"BM" and start[14:18] in (
        b"\x0c\0\0\0",
        b"\x28\0\0\0",
        b"\x34\0\0\0",
        b"\x38\0\0\0",
        b"\x6c\0\0\0",
        b"\x7c\0\0\0",
    ):
        return "image/bmp", _bmp_size
    if start[4:8] == b"ftyp":
        return _iso_reader(start)
    raise ImageHeaderError(FailureCode.IMAGE_TYPE_UNSUPPORTED, _what_it_is(start))


def _iso_reader(start: bytes) -> tuple[str, _Reader]:
    brands = start[8 : min(int.from_bytes(start[:4]), len(start))]
    if b"avif" in brands or b"avis" in brands:
        return "image/avif", _avif_size
    if any(brand in brands for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")):
        detail = "This is a HEIC photo, which is not read; export it as JPEG, PNG or AVIF."
    else:
        detail = "This is a video or another file of the MP4 family, not an image that is read."
    raise ImageHeaderError(FailureCode.IMAGE_TYPE_UNSUPPORTED, detail)


_OTHER_TYPES = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (b"8BPS", "a Photoshop document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\0\0\x01\0", "an icon"),
    (b"II+\0", "a BigTIFF image"),
    (b"MM\0+", "a BigTIFF image"),
)


def _what_it_is(start: bytes) -> str:
    read = "Send JPEG, PNG, WebP, AVIF, TIFF, BMP or GIF."
    for magic, name in _OTHER_TYPES:
        if start.startswith(magic):
            return f"This is {name}, which is not read. {read}"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<svg", b"<?xml")):
        return f"This is an SVG or XML document, which is not read. {read}"
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<script")):
        return f"This is an HTML page, not an image. {read}"
    return f"These bytes are no image that is read. {read}"


def _broken(media_type: str) -> ImageHeaderError:
    return ImageHeaderError(FailureCode.IMAGE_UNDECODABLE, f"The header of this {media_type} file is damaged.")


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _jpeg_size(file: BinaryIO) -> tuple[int, int]:
    """Size from the first frame header (T.81, B.2.2); also refuses more scans than ``MAX_JPEG_SCANS``."""
    file.seek(2)
    for _ in range(_MAX_PARTS):
        marker = _next_jpeg_marker(file)
        if marker in (0x01, 0xD8) or 0xD0 <= marker <= 0xD7:
            continue
        if marker in (0xD9, 0xDA):
            raise ValueError("scan or end before the frame header")
        length = int.from_bytes(_exactly(file, 2))
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            _, height, width = struct.unpack(">BHH", _exactly(file, 5))
            _limit_jpeg_scans(file)
            return width, height
        file.seek(length - 2, 1)
    raise ValueError("too many segments")


def _next_jpeg_marker(file: BinaryIO) -> int:
    if _exactly(file, 1) != b"\xff":
        raise ValueError("no marker")
    code = 0xFF
    while code == 0xFF:  # any number of fill bytes may precede the code
        code = _exactly(file, 1)[0]
    return code


def _limit_jpeg_scans(file: BinaryIO) -> None:
    """Each scan costs a pass over all blocks, so a small file of thousands of scans decodes for minutes."""
    scans, tail = 0, b""
    while chunk := file.read(1 << 20):
        scans += (tail + chunk).count(b"\xff\xda")
        tail = chunk[-1:]
    if scans > MAX_JPEG_SCANS:
        detail = f"This JPEG has {scans} scans; at most {MAX_JPEG_SCANS} are decoded."
        raise ImageHeaderError(FailureCode.IMAGE_UNDECODABLE, detail)


def _png_size(file: BinaryIO) -> tuple[int, int]:
    file.seek(8)
    _, kind, width, height = struct.unpack(">I4sII", _exactly(file, 16))
    if kind != b"IHDR":
        raise ValueError("no IHDR")
    return width, height


def _gif_size(file: BinaryIO) -> tuple[int, int]:
    file.seek(6)
    width, height = struct.unpack("<HH", _exactly(file, 4))
    return width, height


def _bmp_size(file: BinaryIO) -> tuple[int, int]:
    file.seek(14)
    (header_size,) = struct.unpack("<I", _exactly(file, 4))
    layout = "<HH" if header_size == 12 else "<ii"
    width, height = struct.unpack(layout, _exactly(file, struct.calcsize(layout)))
    return width, abs(height)  # a negative height stores the rows from the top


def _webp_size(file: BinaryIO) -> tuple[int, int]:
    file.seek(12)
    kind, _, data = struct.unpack("<4sI10s", _exactly(file, 18))
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
    if kind == b"VP8L" and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[6:10])
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("no frame header")


def _tiff_size(file: BinaryIO) -> tuple[int, int]:
    """ImageWidth and ImageLength (tags 256 and 257, SHORT or LONG) of the first directory."""
    file.seek(0)
    order = "<" if _exactly(file, 2) == b"II" else ">"
    _, offset = struct.unpack(f"{order}HI", _exactly(file, 6))
    file.seek(offset)
    (count,) = struct.unpack(f"{order}H", _exactly(file, 2))
    if count > _MAX_PARTS:
        raise ValueError("too many tags")
    sizes: dict[int, int] = {}
    for _ in range(count):
        tag, kind, _, value = struct.unpack(f"{order}HHI4s", _exactly(file, 12))
        if tag in (256, 257) and kind in (3, 4):
            (sizes[tag],) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", value)
    return sizes.get(256, 0), sizes.get(257, 0)


def _avif_size(file: BinaryIO) -> tuple[int, int]:
    """The largest spatial extent (ISO/IEC 23008-12, ``meta/iprp/ipco/ispe``): no item of the file is larger."""
    meta = _box(file, 0, _end_of(file), b"meta")
    properties = _box(file, meta[0] + 4, meta[1], b"iprp")
    container = _box(file, *properties, b"ipco")
    sizes = []
    for kind, start, _ in _boxes(file, *container):
        if kind == b"ispe":
            file.seek(start + 4)
            width, height = struct.unpack(">II", _exactly(file, 8))
            sizes.append((width, height))
    return max(sizes, key=lambda size: size[0] * size[1])


def _box(file: BinaryIO, start: int, end: int, wanted: bytes) -> tuple[int, int]:
    for kind, content, content_end in _boxes(file, start, end):
        if kind == wanted:
            return content, content_end
    raise ValueError(f"no box {wanted!r}")


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of the content of each box between two positions (ISO/IEC 14496-12, 4.2)."""
    for _ in range(_MAX_PARTS):
        if start + 8 > end:
            return
        file.seek(start)
        size, kind = struct.unpack(">I4s", _exactly(file, 8))
        content = start + 8
        if size == 1:
            (size,) = struct.unpack(">Q", _exactly(file, 8))
            content += 8
        box_end = end if size == 0 else start + size
        if box_end < content:
            raise ValueError("a box is smaller than its header")
        yield kind, content, min(box_end, end)
        start = box_end


def _end_of(file: BinaryIO) -> int:
    return file.seek(0, 2)
