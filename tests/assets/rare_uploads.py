"""Uploads whose rare parts are hostile: metadata that loops, bombs or lies, and the JPEG processes no camera writes.

Each shows ``phone_photo()`` unless it says otherwise; ``hostile_images()`` hands them out with the rest.
"""

import base64
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import imagecodecs
import numpy as np

from tests.assets.encoder_killers import out_of_range
from tests.assets.phone_files import (
    beside,
    described_png,
    phone_jpeg,
    phone_photo,
    png_with,
    segment,
    ultra_hdr,
    video,
    xmp,
)
from tests.assets.photos import encoded

WIDTH, HEIGHT = 128, 96
ARITHMETIC = (
    "|KI=+N=8XW00992009620095n07C#24i6F!4HOa(5*HN|7#=bq9vmDVJuEIHGD$#8OGiLPMNnFEVo+6WRz*f+h-Gbedx3(1PGF6fjD41Ket~@d$p8x"
    "o03ZM$0Ra&J|I7de01yxb|Jncu0RaF2KLGy#bd^Y+iF|IL@LHeECyq-t%=L@5qvjlP?g8e>5dYZ"
)
"""A grey ramp of 32 x 32 pixels in arithmetic code, without its first marker, made with ``jpegtran -arithmetic``."""


@dataclass(frozen=True, slots=True)
class RareUpload:
    """``decodes``: whether it must be shown (True), must be refused (False), or either is right (None)."""

    name: str
    file_name: str
    data: bytes
    decodes: bool | None = None
    size: tuple[int, int] | None = (WIDTH, HEIGHT)


def rare_uploads() -> Iterator[RareUpload]:
    """All of them."""
    for maker in (_pngs, _gifs, _tiffs, _bitmaps, _avifs, _webps, _jpeg_processes, _jpeg_metadata, _icc_profiles):
        yield from maker()


def _looping_exif(order: str = "<") -> bytes:
    """Every pointer leads back to the directory that holds it, and so does the next one's."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, 4)
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, 8) for tag in (0x014A, 0x8769, 0x8825, 0xA005))
    return head + entries + struct.pack(f"{order}I", 8)


def _pngs() -> Iterator[RareUpload]:
    size = (56, 40)
    chunks = {
        "text-of-every-kind": None,
        "ztxt-of-an-unknown-method": [(b"zTXt", b"Comment\0\7" + zlib.compress(b"words"))],
        "ztxt-no-deflate": [(b"zTXt", b"Comment\0\0" + b"\xff" * 400)],
        "itxt-without-ends": [(b"iTXt", b"XML:com.adobe.xmp" + b"\xc3\x28" * 50)],
        "itxt-broken-xmp": [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp("")[:-40])],
        "exif-garbage": [(b"eXIf", b"\xff" * 600)],
        "exif-loop": [(b"eXIf", _looping_exif(">")), (b"eXIf", _looping_exif())],
        "exif-empty": [(b"eXIf", b"")],
        "raw-profile-too-long": [(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n99999999\n4578\n"))],
        "colour-signals-of-nonsense": [
            (b"cICP", b"\xff" * 4), (b"cHRM", bytes(32)), (b"gAMA", bytes(4)), (b"pHYs", bytes(9)),
        ],
        "mastering-cut-short": [(b"mDCV", b"\1"), (b"cLLI", b""), (b"sBIT", b"\xff" * 3), (b"tIME", b"\0")],
    }  # fmt: skip
    for name, parts in chunks.items():
        data = described_png() if parts is None else png_with(parts)
        yield RareUpload(f"png-{name}", "a.png", data, True if name.startswith(("text", "exif")) else None, size)


def _gifs() -> Iterator[RareUpload]:
    whole = encoded(phone_photo(), "GIF")
    at = 13 + 3 * (2 << (whole[10] & 7))
    trailer = bytes([1, *range(255, -1, -1), 0])
    packet = b"\x21\xff\x0bXMP DataXMP" + xmp("")
    yield RareUpload("gif-xmp", "a.gif", whole[:at] + packet + trailer + whole[at:], True)
    yield RareUpload("gif-xmp-without-end", "a.gif", whole[:at] + packet + whole[at:])
    loose = b"\x21\xfe" + b"\xff" + b"c" * 255 + b"\x21\xf9\x04"
    yield RareUpload("gif-extension-in-extension", "a.gif", whole[:at] + loose + whole[at:])


def _tiff(more: tuple[tuple[int, int, int, int], ...] = (), *, following: int = 0, strip: int | None = None) -> bytes:
    """One grey strip of 8 x 4 pixels with further entries (tag, type, count, value) and the directory that follows."""
    count = 9 + len(more)
    start = 8 + 2 + 12 * count + 4 if strip is None else strip
    usual = ((256, 8), (257, 4), (258, 8), (259, 1), (262, 1), (273, start), (277, 1), (278, 4), (279, 32))
    entries = sorted([*((tag, 4, 1, value) for tag, value in usual), *more])
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, count) + body + struct.pack("<I", following) + bytes(range(32))


def _tiffs() -> Iterator[RareUpload]:
    size = (8, 4)
    yield RareUpload("tiff-directory-loop", "a.tif", _tiff(following=8), True, size)
    yield RareUpload("tiff-next-directory-outside", "a.tif", _tiff(following=0xFFFFFFF0), None, size)
    loops = tuple((tag, 4, 1, 8) for tag in (0x014A, 0x8769, 0x8825))
    yield RareUpload("tiff-exif-loop", "a.tif", _tiff(loops), None, size)
    outside = ((0x8769, 4, 1, 0xFFFFFFF0), (34675, 7, 0x7FFFFFFF, 64), (700, 1, 0xFFFFFFFF, 8))
    yield RareUpload("tiff-metadata-outside", "a.tif", _tiff(outside), None, size)
    yield RareUpload("tiff-strip-outside", "a.tif", _tiff(strip=0x7FFFFFF0), None, size)
    many = ((0x0140, 3, 0xFFFFFFFF, 8), (0x0152, 3, 0xFFFFFFFF, 8))
    yield RareUpload("tiff-four-billion-values", "a.tif", _tiff(many), None, size)


def _bitmap(kind: bytes, profile: tuple[int, int], behind: bytes = b"", *, pixels: int = 138) -> bytes:
    """A BMP of 4 x 2 pixels with the header of version 5: colour space ``kind``, the profile's (offset, bytes)."""
    head = struct.pack("<IiiHHIIiiII", 124, 4, 2, 1, 24, 0, 24, 2835, 2835, 0, 0) + bytes(16) + kind
    head += bytes(48) + struct.pack("<4I", 4, *profile, 0)
    return b"BM" + struct.pack("<IHHI", 162 + len(behind), 0, 0, pixels) + head + bytes(range(24)) + behind


def _bitmaps() -> Iterator[RareUpload]:
    size = (4, 2)
    yield RareUpload("bmp-profile-outside", "a.bmp", _bitmap(b"DEBM", (0xFFFFFF00, 0xFFFFFFFF)), True, size)
    path = b"/etc/hostname\0"
    yield RareUpload("bmp-profile-in-another-file", "a.bmp", _bitmap(b"KNIL", (148, len(path)), path), True, size)
    yield RareUpload("bmp-profile-garbage", "a.bmp", _bitmap(b"DEBM", (148, 400), b"\xff" * 400), None, size)
    yield RareUpload("bmp-pixels-outside", "a.bmp", _bitmap(b"BGRs", (0, 0), pixels=0x7FFFFFFF), None, size)


def _avifs() -> Iterator[RareUpload]:
    alpha = np.dstack([phone_photo(), np.full((HEIGHT, WIDTH), 200, np.uint8)])
    two = encoded(alpha, "AVIF")
    second = two.index(b"av01", two.index(b"infe", two.index(b"infe") + 4))
    yield RareUpload("avif-gain-map", "a.avif", two[:second] + b"tmap" + two[second + 4 :])
    whole = encoded(phone_photo(), "AVIF")
    located = whole.index(b"iloc")
    size = int.from_bytes(whole[located - 4 : located], "big")
    end = located - 4 + size
    yield RareUpload("avif-item-outside", "a.avif", whole[: end - 8] + b"\x7f" * 8 + whole[end:])
    huge = struct.pack(">I4sQ", 1, b"free", 1 << 63)
    start = int.from_bytes(whole[:4], "big")
    yield RareUpload("avif-box-of-2-to-the-63", "a.avif", whole[:start] + huge + whole[start:])


def _riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP"
    for kind, content in chunks:
        body += kind + struct.pack("<I", len(content)) + content + bytes(len(content) & 1)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webps() -> Iterator[RareUpload]:
    image = encoded(phone_photo(), "WEBP", quality=80)
    frame = image[20 : 20 + struct.unpack("<I", image[16:20])[0]]

    def canvas(flags: int, width: int = WIDTH, height: int = HEIGHT) -> tuple[bytes, bytes]:
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        return b"VP8X", bytes([flags, 0, 0, 0]) + sides

    metadata = ((b"EXIF", _looping_exif()), (b"XMP ", b"<x:xmpmeta"), (b"EXIF", b"\xff" * 33))
    yield RareUpload("webp-metadata-of-nonsense", "a.webp", _riff(canvas(0x0C), (b"VP8 ", frame), *metadata))
    odd = ((b"ABCD", b"odd"), (b"\0\0\0\0", b""), (b"ICCP", b"no profile"))
    yield RareUpload("webp-chunks-nobody-knows", "a.webp", _riff(canvas(0x20), *odd, (b"VP8 ", frame)))
    yield RareUpload("webp-two-frames", "a.webp", _riff(canvas(0), (b"VP8 ", frame), (b"VP8 ", frame)))
    yield RareUpload("webp-canvas-of-another-size", "a.webp", _riff(canvas(0, 90, 33), (b"VP8 ", frame)), None, None)
    long = _riff(canvas(0x20), (b"ICCP", b"x" * 10), (b"VP8 ", frame))
    at = long.index(b"ICCP") + 4
    yield RareUpload("webp-chunk-past-the-end", "a.webp", long[:at] + b"\xf0\xff\xff\xff" + long[at + 4 :])


def _jpeg_processes() -> Iterator[RareUpload]:
    yield RareUpload("jpeg-dc-of-15-bits", "a.jpg", out_of_range(15, "dc"), None, (64, 64))
    arithmetic = b"\xff\xd8" + base64.b85decode(ARITHMETIC)
    yield RareUpload("jpeg-arithmetic", "a.jpg", arithmetic, None, (32, 32))
    deep = phone_photo().astype(np.uint16) * 16
    yield RareUpload("jpeg-twelve-bits", "a.jpg", bytes(imagecodecs.jpeg8_encode(deep, bitspersample=12)))
    yield RareUpload("jpeg-lossless", "a.jpg", bytes(imagecodecs.jpeg8_encode(phone_photo(), lossless=True)))
    frame = bytes([8, 0, HEIGHT, 0, WIDTH, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0])
    hierarchical = beside(phone_jpeg(), segment(0xDE, frame)).replace(b"\xff\xc0", b"\xff\xc5", 1)
    yield RareUpload("jpeg-hierarchical", "a.jpg", hierarchical)
    progressive = phone_jpeg(progressive=True)
    scans = [at for at in range(len(progressive) - 1) if progressive[at : at + 2] == b"\xff\xda"]
    yield RareUpload("jpeg-first-scan-only", "a.jpg", progressive[: scans[1]] + b"\xff\xd9")
    yield RareUpload("jpeg-without-its-first-scan", "a.jpg", progressive[: scans[0]] + progressive[scans[1] :])
    whole = phone_jpeg()
    height = whole.index(b"\xff\xc0") + 5
    later = whole[:height] + bytes(2) + whole[height + 2 : -2] + segment(0xDC, struct.pack(">H", HEIGHT)) + b"\xff\xd9"
    yield RareUpload("jpeg-height-behind-the-scan", "a.jpg", later)


def _jpeg_metadata() -> Iterator[RareUpload]:
    exif = segment(0xE1, b"Exif\0\0" + _looping_exif(">"))
    yield RareUpload("jpeg-exif-loop", "a.jpg", beside(phone_jpeg(), exif, exif), True)
    entries = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 0x010E, 2, 0xFFFFFFFF, 26) * 4000
    yield RareUpload("jpeg-exif-of-65535-entries", "a.jpg", beside(phone_jpeg(), segment(0xE1, entries)), True)
    index = b"MPF\0II*\0" + struct.pack("<IHHHII", 8, 1, 0xB002, 7, 0xFFFFFFF0, 0xFFFFFFF0) + bytes(4)
    yield RareUpload("jpeg-index-outside", "a.jpg", beside(phone_jpeg(), segment(0xE2, index)), True)
    inner = ultra_hdr(behind=video())
    yield RareUpload("jpeg-gain-map-cut-off", "a.jpg", inner[: -len(video()) - 500], True)
    packet = b"http://ns.adobe.com/xap/1.0/\0"
    laughs = b'<!DOCTYPE a [<!ENTITY a "ha">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12)
    )
    bomb = laughs + b"]>" + xmp("", "&m;")
    yield RareUpload("jpeg-xmp-entities", "a.jpg", beside(phone_jpeg(), segment(0xE1, packet + bomb)), True)
    deep = packet + b"<a>" * 20_000
    yield RareUpload("jpeg-xmp-deep", "a.jpg", beside(phone_jpeg(), segment(0xE1, deep)), True)
    part = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFF0) + b"x" * 99
    yield RareUpload("jpeg-xmp-extension-of-4-gigabytes", "a.jpg", beside(phone_jpeg(), segment(0xE1, part)), True)
    resource = (
        b"Photoshop 3.0\0" + b"8BIM\x04\x04\xff" + b"n" * 40 + struct.pack(">I", 0xFFFFFFFF) + b"\x1c\x02\x50\xff\xff"
    )
    yield RareUpload("jpeg-photoshop-outside", "a.jpg", beside(phone_jpeg(), segment(0xED, resource)), True)


def _icc_profiles() -> Iterator[RareUpload]:
    def chunked(parts: list[tuple[int, int, bytes]]) -> bytes:
        head = b"ICC_PROFILE\0"
        return beside(
            phone_jpeg(), *(segment(0xE2, head + bytes([number, count]) + part) for number, count, part in parts)
        )

    def profile(tables: list[tuple[bytes, bytes]], *, count: int | None = None) -> bytes:
        head = bytearray(128)
        head[8:24], head[36:40] = b"\x02\x10\0\0mntrRGB Lab ", b"acsp"
        struct.pack_into(">3i", head, 68, 63190, 65536, 54061)
        at, listed, content = 132 + 12 * len(tables), b"", b""
        for name, table in tables:
            listed += name + struct.pack(">II", at + len(content), len(table))
            content += table
        body = struct.pack(">I", len(tables) if count is None else count) + listed + content
        struct.pack_into(">I", head, 0, 128 + len(body))
        return bytes(head) + body

    table = b"mft1\0\0\0\0" + bytes([15, 15, 255, 0]) + bytes(36) + bytes(8000)
    bombs = {
        "table-of-255-to-the-15": profile([(b"A2B0", table)]),
        "four-billion-tags": profile([], count=0xFFFFFFFF),
        "curve-of-four-billion": profile([(b"rTRC", b"curv\0\0\0\0\xff\xff\xff\xff" + bytes(64))]),
    }
    for name, data in bombs.items():
        yield RareUpload(f"jpeg-icc-{name}", "a.jpg", chunked([(1, 1, data)]))
    yield RareUpload("jpeg-icc-parts-of-nothing", "a.jpg", chunked([(0, 0, b"x"), (255, 1, b"y"), (1, 255, b"z")]))
    same = [(1, 2, b"acsp" * 10_000)] * 60
    yield RareUpload("jpeg-icc-one-part-sixty-times", "a.jpg", chunked(same))
