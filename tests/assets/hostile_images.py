"""Broken, odd and hostile uploads, made in memory: what a public image service is sent sooner or later.

``hostile_images()`` lists them all. Each says what may happen: it must decode, must be refused, or either is right;
and, where it decodes, the displayed size. Nothing here may cost the service more than two seconds or a worker process.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests.assets.encoder_killers import KILLERS
from tests.assets.phone_files import phone_files
from tests.assets.photos import encoded, jpeg, png
from tests.assets.rare_uploads import rare_uploads

WIDTH, HEIGHT = 96, 64


class Expect(StrEnum):
    """What a correct service does with an upload."""

    DECODES = "decodes"
    REFUSED = "refused"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class HostileImage:
    """One upload: ``file_name`` is what the client claims; ``size`` is (width, height) as displayed, if it decodes."""

    name: str
    file_name: str
    data: bytes
    expect: Expect
    size: tuple[int, int] | None = None


def scene(width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A small colourful test picture, uint8 (height, width, 3), the same at every call."""
    rows, columns = np.mgrid[0:height, 0:width]
    ramp = np.stack(
        [columns * 255 // max(width - 1, 1), rows * 255 // max(height - 1, 1), (rows + columns) % 256], axis=-1
    )
    noise = np.random.default_rng(7).integers(-12, 13, ramp.shape)
    return np.clip(ramp + noise, 0, 255).astype(np.uint8)


def scene_jpeg(**options: Any) -> bytes:
    """A baseline JPEG of the scene."""
    return jpeg(scene(), **({"quality": 90} | options))


def scene_png(**options: Any) -> bytes:
    """A PNG of the scene."""
    return png(scene(), **options)


def hostile_images() -> tuple[HostileImage, ...]:
    """All uploads, in a fixed order; made once per process."""
    return _all_images()


@cache
def _all_images() -> tuple[HostileImage, ...]:
    makers = (
        _not_images,
        _broken_jpegs,
        _encoder_killers,
        _phone_files,
        _rare_uploads,
        _odd_makes,
        _odd_jpegs,
        _exif_jpegs,
        _odd_pngs,
        _modern,
        _old_formats,
        _odd_sizes,
        _bombs,
    )
    return tuple(image for maker in makers for image in maker())


def _not_images() -> Iterator[HostileImage]:
    refused = Expect.REFUSED
    yield HostileImage("empty", "empty.jpg", b"", refused)
    yield HostileImage("one-byte", "one.jpg", b"\xff", refused)
    yield HostileImage("html-as-jpg", "page.jpg", b"<!doctype html><title>x</title><script>alert(1)</script>", refused)
    yield HostileImage("plain-text", "notes.png", b"just some words\n" * 40, refused)
    yield HostileImage("svg", "drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', refused)
    yield HostileImage("svg-with-bom", "drawing.png", b'\xef\xbb\xbf<?xml version="1.0"?><svg width="9"/>', refused)
    yield HostileImage("pdf", "paper.pdf", b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n%%EOF", refused)
    yield HostileImage("eps", "logo.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", refused)
    yield HostileImage("psd", "layers.psd", b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 64, 96, 8, 3) + bytes(64), refused)
    yield HostileImage("zip", "photo.zip", b"PK\x03\x04" + bytes(200), refused)
    yield HostileImage(
        "heic", "IMG_0001.HEIC", _iso_box(b"ftyp", b"heic\x00\x00\x00\x00mif1heic") + bytes(200), refused
    )
    yield HostileImage("fli", "clip.fli", struct.pack("<IHHHH", 128, 0xAF11, 1, 64, 64) + bytes(116), refused)
    yield HostileImage("random-bytes", "noise.jpg", np.random.default_rng(3).bytes(5000), refused)
    yield HostileImage("jpeg-magic-only", "start.jpg", b"\xff\xd8\xff", refused)
    yield HostileImage("png-magic-only", "start.png", b"\x89PNG\r\n\x1a\n", refused)


def _broken_jpegs() -> Iterator[HostileImage]:
    whole = scene_jpeg()
    for percent in (10, 50, 99):
        cut = whole[: len(whole) * percent // 100]
        expect = Expect.REFUSED if percent == 10 else Expect.EITHER
        yield HostileImage(f"jpeg-truncated-{percent}", "cut.jpg", cut, expect, (WIDTH, HEIGHT))
    either, size = Expect.EITHER, (WIDTH, HEIGHT)
    yield HostileImage("jpeg-no-eoi", "a.jpg", whole[:-2], Expect.DECODES, size)
    yield HostileImage("jpeg-two-soi", "a.jpg", b"\xff\xd8" + whole, either, size)
    yield HostileImage("jpeg-trailing-zip", "a.jpg", whole + b"PK\x03\x04" + bytes(300), Expect.DECODES, size)
    yield HostileImage("jpeg-zero-dqt", "a.jpg", _zero_quantization_table(whole), either, size)
    yield HostileImage("jpeg-missing-dht", "a.jpg", _without_segments(whole, 0xC4), either, size)
    yield HostileImage("jpeg-missing-dqt", "a.jpg", _without_segments(whole, 0xDB), either, size)
    yield HostileImage("jpeg-wrong-dri", "a.jpg", whole[:2] + b"\xff\xdd\x00\x04\x00\x01" + whole[2:], either, size)
    yield HostileImage("jpeg-12-bit", "a.jpg", _patched_frame(whole, precision=12), either, size)
    yield HostileImage("jpeg-arithmetic-flag", "a.jpg", _patched_frame(whole, marker=0xC9), either, size)
    yield HostileImage("jpeg-lossless-flag", "a.jpg", _patched_frame(whole, marker=0xC3), either, size)
    yield HostileImage("jpeg-zero-height", "a.jpg", _patched_frame(whole, height=0), Expect.REFUSED)
    yield HostileImage("jpeg-taller-than-data", "a.jpg", _patched_frame(whole, height=4000), either, (WIDTH, 4000))
    yield HostileImage("jpeg-65500-square", "a.jpg", _patched_frame(whole, height=65500, width=65500), Expect.REFUSED)
    yield HostileImage("jpeg-flipped-bits", "a.jpg", _with_flipped_bits(whole), either, size)
    yield HostileImage("jpeg-10000-scans", "a.jpg", _many_scans(10_000), either, size)
    yield HostileImage("jpeg-corrupt-icc", "a.jpg", scene_jpeg(icc_profile=b"no profile at all" * 30), either, size)
    yield HostileImage("jpeg-icc-wrong-order", "a.jpg", _icc_chunks_reversed(whole), either, size)


def _encoder_killers() -> Iterator[HostileImage]:
    for name, data in KILLERS.items():
        yield HostileImage(f"jpeg-{name.replace(' ', '-')}", "a.jpg", data, Expect.DECODES, (64, 64))


def _phone_files() -> Iterator[HostileImage]:
    for file in phone_files():
        turned = file.name[-1] in "5678" and file.name.startswith("orientation")
        size = (96, 128) if turned else (128, 96)
        yield HostileImage(f"phone-{file.name.replace(' ', '-')}", "a.jpg", file.data, Expect.DECODES, size)


def _rare_uploads() -> Iterator[HostileImage]:
    outcomes = {True: Expect.DECODES, False: Expect.REFUSED, None: Expect.EITHER}
    for upload in rare_uploads():
        yield HostileImage(upload.name, upload.file_name, upload.data, outcomes[upload.decodes], upload.size)


def _odd_makes() -> Iterator[HostileImage]:
    """What browsers and viewers open though its header is rare or a part is missing."""
    decodes, whole = Expect.DECODES, scene_jpeg()
    head = struct.pack("<IHHHH", 12, 4, 2, 1, 24)
    bitmap = b"BM" + struct.pack("<IHHI", 14 + len(head) + 24, 0, 0, 14 + len(head)) + head + bytes(24)
    yield HostileImage("bmp-os2", "a.bmp", bitmap, decodes, (4, 2))
    tags = ((256, 4), (257, 2), (258, 8), (259, 1), (262, 1), (273, 16), (277, 1), (278, 2), (279, 8))
    entries = b"".join(struct.pack("<HHQQ", tag, 4, 1, value) for tag, value in tags)
    big = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 24) + bytes(8) + struct.pack("<Q", len(tags)) + entries + bytes(8)
    yield HostileImage("tiff-big", "a.tif", big, decodes, (4, 2))
    gif = encoded(Image.new("P", (4, 2), 1), "GIF")
    yield HostileImage("gif-no-canvas", "a.gif", gif[:6] + bytes(4) + gif[10:], decodes, (4, 2))
    yield HostileImage("jpeg-stray-bytes", "a.jpg", whole[:20] + b"stray" + whole[20:], decodes, (WIDTH, HEIGHT))


def _odd_jpegs() -> Iterator[HostileImage]:
    decodes, size = Expect.DECODES, (WIDTH, HEIGHT)
    picture = Image.fromarray(scene())
    yield HostileImage("jpeg-plain", "a.jpg", scene_jpeg(), decodes, size)
    yield HostileImage("jpeg-progressive", "a.jpg", scene_jpeg(progressive=True), decodes, size)
    yield HostileImage("jpeg-quality-1", "a.jpg", scene_jpeg(quality=1), decodes, size)
    yield HostileImage("jpeg-grey", "a.jpg", encoded(picture.convert("L"), "JPEG"), decodes, size)
    yield HostileImage("jpeg-cmyk", "a.jpg", encoded(picture.convert("CMYK"), "JPEG"), decodes, size)
    yield HostileImage("jpeg-ycck", "a.jpg", _ycck_jpeg(), decodes, size)
    yield HostileImage("jpeg-adobe-rgb-coded", "a.jpg", scene_jpeg(keep_rgb=True), decodes, size)
    yield HostileImage("jpeg-444", "a.jpg", scene_jpeg(subsampling="4:4:4"), decodes, size)
    for subsampling in ("411", "440", "422"):
        data = bytes(imagecodecs.jpeg8_encode(scene(), level=90, subsampling=subsampling))
        yield HostileImage(f"jpeg-{subsampling}", "a.jpg", data, decodes, size)
    mpo = encoded(picture, "MPO", save_all=True, append_images=[picture.resize((48, 32))])
    yield HostileImage("mpo", "a.mpo", mpo, decodes, size)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield HostileImage("jpeg-srgb-icc", "a.jpg", scene_jpeg(icc_profile=srgb), decodes, size)
    yield HostileImage("jpeg-lab-icc", "a.jpg", scene_jpeg(icc_profile=_lab_profile()), Expect.EITHER, size)
    yield HostileImage("jpeg-named-png", "photo.png", scene_jpeg(), decodes, size)
    yield HostileImage("jpeg-path-name", "../../etc/passwd", scene_jpeg(), decodes, size)
    yield HostileImage(
        "jpeg-pdf-polyglot", "a.jpg", _with_comment(scene_jpeg(), b"%PDF-1.7 <svg onload=alert(1)>"), decodes, size
    )


def _exif_jpegs() -> Iterator[HostileImage]:
    for orientation in range(10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        size = (HEIGHT, WIDTH) if orientation in (5, 6, 7, 8) else (WIDTH, HEIGHT)
        yield HostileImage(f"exif-orientation-{orientation}", "a.jpg", scene_jpeg(exif=exif), Expect.DECODES, size)
    looped = b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 8)
    yield HostileImage("exif-loop", "a.jpg", scene_jpeg(exif=looped), Expect.DECODES, (WIDTH, HEIGHT))
    garbage = b"Exif\x00\x00" + b"\xff" * 500
    yield HostileImage("exif-garbage", "a.jpg", scene_jpeg(exif=garbage), Expect.DECODES, (WIDTH, HEIGHT))


def _odd_pngs() -> Iterator[HostileImage]:
    decodes, either, size = Expect.DECODES, Expect.EITHER, (WIDTH, HEIGHT)
    picture, whole = Image.fromarray(scene()), scene_png()
    yield HostileImage("png-named-jpg", "photo.jpg", whole, decodes, size)
    for percent in (10, 50, 99):
        yield HostileImage(f"png-truncated-{percent}", "a.png", whole[: len(whole) * percent // 100], either, size)
    yield HostileImage("png-bad-crc", "a.png", _flip_byte(whole, whole.index(b"IDAT") + 20), either, size)
    yield HostileImage("png-bad-header-crc", "a.png", _flip_byte(whole, 29), either, size)
    yield HostileImage("png-zero-width", "a.png", _raw_png(0, HEIGHT, 8, 2, b""), Expect.REFUSED)
    yield HostileImage("png-no-idat", "a.png", _raw_png(WIDTH, HEIGHT, 8, 2, None), Expect.REFUSED)
    for bits in (1, 2, 4):
        packed = b"".join(b"\x00" + bytes((i * 37) % 256 for i in range(WIDTH * bits // 8)) for _ in range(HEIGHT))
        yield HostileImage(f"png-grey-{bits}-bit", "a.png", _raw_png(WIDTH, HEIGHT, bits, 0, packed), decodes, size)
    yield HostileImage("png-palette", "a.png", encoded(picture.convert("P"), "PNG"), decodes, size)
    yield HostileImage(
        "png-palette-transparent", "a.png", encoded(picture.convert("P"), "PNG", transparency=3), decodes, size
    )
    yield HostileImage("png-rgb-transparent", "a.png", scene_png(transparency=(0, 0, 0)), decodes, size)
    yield HostileImage("png-alpha", "a.png", encoded(_with_alpha(), "PNG"), decodes, size)
    yield HostileImage("png-grey-alpha", "a.png", encoded(picture.convert("LA"), "PNG"), decodes, size)
    deep = scene().astype(np.uint16) * 257
    yield HostileImage("png-rgb-16-bit", "a.png", bytes(imagecodecs.png_encode(deep)), either, size)
    yield HostileImage("png-grey-16-bit", "a.png", bytes(imagecodecs.png_encode(deep[..., 0].copy())), either, size)
    yield HostileImage("png-interlaced", "a.png", _interlaced_png(), decodes, (8, 8))
    frames = [picture.rotate(angle) for angle in (90, 180)]
    animated = encoded(picture, "PNG", save_all=True, append_images=frames, duration=50)
    yield HostileImage("apng", "a.png", animated, decodes, size)
    bomb = b"x\x00\x00" + zlib.compress(bytes(40_000_000), 9)
    yield HostileImage("png-iccp-bomb", "a.png", _with_chunk(whole, b"iCCP", bomb), either, size)
    text_bomb = b"Comment\x00\x00" + zlib.compress(bytes(40_000_000), 9)
    yield HostileImage("png-ztxt-bomb", "a.png", _with_chunk(whole, b"zTXt", text_bomb), either, size)
    yield HostileImage("png-many-chunks", "a.png", _with_chunk(whole, b"teXt", b"x", count=20_000), either, size)


def _modern() -> Iterator[HostileImage]:
    decodes, either, size = Expect.DECODES, Expect.EITHER, (WIDTH, HEIGHT)
    picture = Image.fromarray(scene())
    webp = encoded(picture, "WEBP", quality=80)
    yield HostileImage("webp", "a.webp", webp, decodes, size)
    yield HostileImage("webp-lossless", "a.webp", encoded(picture, "WEBP", lossless=True), decodes, size)
    yield HostileImage("webp-alpha", "a.webp", encoded(_with_alpha(), "WEBP"), decodes, size)
    animated = encoded(picture, "WEBP", save_all=True, append_images=[picture.rotate(180)], duration=50)
    yield HostileImage("webp-animated", "a.webp", animated, decodes, size)
    yield HostileImage("webp-truncated", "a.webp", webp[: len(webp) // 2], either, size)
    yield HostileImage("webp-header-only", "a.webp", webp[:16], Expect.REFUSED)
    avif = encoded(picture, "AVIF", quality=70)
    yield HostileImage("avif", "a.avif", avif, decodes, size)
    yield HostileImage("avif-alpha", "a.avif", encoded(_with_alpha(), "AVIF"), decodes, size)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield HostileImage("avif-rotated", "a.avif", encoded(picture, "AVIF", exif=exif), decodes, (HEIGHT, WIDTH))
    for bits in (10, 12):
        deep = (scene().astype(np.uint16) << (bits - 8)).astype(np.uint16)
        data = bytes(imagecodecs.avif_encode(deep, level=80, bitspersample=bits))
        yield HostileImage(f"avif-{bits}-bit", "a.avif", data, either, size)
    yield HostileImage("avif-truncated", "a.avif", avif[: len(avif) * 3 // 4], either, size)
    yield HostileImage("avif-box-of-size-zero", "a.avif", avif[:32] + bytes(64), Expect.REFUSED)


def _old_formats() -> Iterator[HostileImage]:
    decodes, either, size = Expect.DECODES, Expect.EITHER, (WIDTH, HEIGHT)
    picture = Image.fromarray(scene())
    yield HostileImage("gif", "a.gif", encoded(picture, "GIF"), decodes, size)
    animated = encoded(picture, "GIF", save_all=True, append_images=[picture.rotate(180)], duration=50)
    yield HostileImage("gif-animated", "a.gif", animated, decodes, size)
    yield HostileImage("gif-script-polyglot", "a.gif", encoded(picture, "GIF") + b"*/alert(1)//", decodes, size)
    yield HostileImage("gif-65535-screen", "a.gif", b"GIF89a\xff\xff\xff\xff\x00\x00\x00;", Expect.REFUSED)
    yield HostileImage("bmp", "a.bmp", encoded(picture, "BMP"), decodes, size)
    yield HostileImage("bmp-top-down", "a.bmp", _top_down_bmp(), decodes, size)
    yield HostileImage("bmp-rle", "a.bmp", _run_length_bmp(), either, (8, 4))
    yield HostileImage("bmp-size-overflow", "a.bmp", _bmp_header(0x7FFFFFFF, 0x7FFFFFFF) + bytes(64), Expect.REFUSED)
    yield HostileImage("bmp-truncated", "a.bmp", encoded(picture, "BMP")[:2000], either, size)
    yield HostileImage("tiff", "a.tif", encoded(picture, "TIFF"), decodes, size)
    yield HostileImage("tiff-lzw", "a.tif", encoded(picture, "TIFF", compression="tiff_lzw"), decodes, size)
    yield HostileImage("tiff-jpeg", "a.tif", encoded(picture, "TIFF", compression="jpeg"), either, size)
    pages = encoded(picture, "TIFF", save_all=True, append_images=[picture.resize((20, 20))])
    yield HostileImage("tiff-two-pages", "a.tif", pages, decodes, size)
    deep = (scene()[..., 0].astype(np.uint16) * 257).astype(np.uint16)
    yield HostileImage("tiff-16-bit-lsb", "a.tif", encoded(Image.fromarray(deep), "TIFF"), either, size)
    big_endian = Image.frombytes("I;16B", (WIDTH, HEIGHT), deep.astype(">u2").tobytes())
    yield HostileImage("tiff-16-bit-msb", "a.tif", encoded(big_endian, "TIFF"), either, size)
    floats = scene()[..., 0].astype(np.float32) / 255
    yield HostileImage("tiff-float", "a.tif", encoded(Image.fromarray(floats), "TIFF"), either, size)
    floats[5:9, 5:9] = np.nan
    yield HostileImage("tiff-float-nan", "a.tif", encoded(Image.fromarray(floats), "TIFF"), either, size)
    cmyk = encoded(picture.convert("CMYK"), "TIFF")
    yield HostileImage("tiff-cmyk", "a.tif", cmyk, either, size)
    yield HostileImage("tiff-loop", "a.tif", b"II*\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x00", Expect.REFUSED)
    yield HostileImage("tiff-truncated", "a.tif", encoded(picture, "TIFF")[:3000], either, size)


def _odd_sizes() -> Iterator[HostileImage]:
    shapes = ((1, 1), (7, 7), (8, 8), (1, 150), (150, 1), (13, 29), (63, 65), (257, 131))
    for width, height in shapes:
        data = encoded(Image.fromarray(scene(width, height)), "PNG")
        yield HostileImage(f"size-{width}x{height}", "a.png", data, Expect.DECODES, (width, height))
    tall = encoded(Image.new("RGB", (1, 16384), (90, 120, 30)), "PNG")
    yield HostileImage("size-1x16384", "a.png", tall, Expect.EITHER, (1, 16384))
    wide = encoded(Image.new("L", (20000, 40), 90), "PNG")
    yield HostileImage("size-20000x40", "a.png", wide, Expect.REFUSED)
    for name, colour in (("black", 0), ("white", 255)):
        flat = encoded(Image.new("RGB", (WIDTH, HEIGHT), (colour,) * 3), "PNG")
        yield HostileImage(f"all-{name}", "a.png", flat, Expect.DECODES, (WIDTH, HEIGHT))
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    yield HostileImage("pure-noise", "a.png", encoded(Image.fromarray(noise), "PNG"), Expect.DECODES, (WIDTH, HEIGHT))


def _bombs() -> Iterator[HostileImage]:
    refused = Expect.REFUSED
    yield HostileImage("png-177-megapixels", "a.png", png_of_zeros(13312, 13312), refused)
    yield HostileImage("webp-canvas-too-large", "a.webp", _webp_canvas(16384, 16384), refused)
    tiff = struct.pack("<2sHIH", b"II", 42, 8, 3) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, 60000), (257, 60000), (258, 8))
    )
    yield HostileImage("tiff-3600-megapixels", "a.tif", tiff + bytes(400), refused)


def png_of_zeros(width: int, height: int) -> bytes:
    """An RGB PNG of one colour whose file is a thousandth of its pixels: 13312 x 13312 take about 516 KB.

    The deflate stream repeats one fully flushed block, so the pixels are never in memory.
    """
    total = height * (1 + 3 * width)
    block = 1 << 20
    packer = zlib.compressobj(9)
    first = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    blocks, rest = divmod(total, block)
    tail = zlib.compressobj(9, zlib.DEFLATED, -15)
    end = tail.compress(bytes(rest)) + tail.flush()
    checksum = struct.pack(">I", (total % 65521) << 16 | 1)  # Adler-32 of zeros
    return _raw_png(width, height, 8, 2, None, idat=first + again * (blocks - 1) + end + checksum)


def _iso_box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _raw_png(
    width: int, height: int, bits: int, colour: int, rows: bytes | None, *, idat: bytes | None = None
) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    packed = zlib.compress(rows) if rows is not None else idat
    body = _chunk(b"IDAT", packed) if packed is not None else b""
    return b"\x89PNG\r\n\x1a\n" + header + body + _chunk(b"IEND", b"")


def _interlaced_png() -> bytes:
    """An 8x8 grey Adam7 PNG: seven passes of the sizes that the format prescribes."""
    passes = ((1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4))
    rows = b"".join((b"\x00" + bytes(range(10, 10 + width))) * height for width, height in passes)
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _with_chunk(data: bytes, kind: bytes, content: bytes, *, count: int = 1) -> bytes:
    return data[:33] + _chunk(kind, content) * count + data[33:]


def _flip_byte(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0x5A]) + data[position + 1 :]


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each marker segment before the scan data of a JPEG."""
    position = 2
    while data[position + 1] != 0xDA:
        length = int.from_bytes(data[position + 2 : position + 4])
        yield data[position + 1], position, position + 2 + length
        position += 2 + length


def _without_segments(data: bytes, marker: int) -> bytes:
    for found, start, end in reversed(list(_segments(data))):
        if found == marker:
            data = data[:start] + data[end:]
    return data


def _zero_quantization_table(data: bytes) -> bytes:
    _, start, _ = next(segment for segment in _segments(data) if segment[0] == 0xDB)
    return data[: start + 5] + bytes(64) + data[start + 69 :]


def _patched_frame(
    data: bytes, *, marker: int = 0xC0, precision: int = 8, height: int = HEIGHT, width: int = WIDTH
) -> bytes:
    _, start, _ = next(segment for segment in _segments(data) if segment[0] == 0xC0)
    patch = struct.pack(">BBHBHH", 0xFF, marker, 17, precision, height, width)
    return data[:start] + patch + data[start + len(patch) :]


def _with_flipped_bits(data: bytes) -> bytes:
    damaged = bytearray(data)
    for position in np.random.default_rng(5).integers(len(data) // 3, len(data) - 2, 30):
        damaged[position] ^= 0x10
    return bytes(damaged)


def _with_comment(data: bytes, text: bytes) -> bytes:
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + data[2:]


def _many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated ``count`` times."""
    data = scene_jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def _icc_chunks_reversed(data: bytes) -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    half = len(profile) // 2
    parts = ((2, profile[half:]), (1, profile[:half]))
    segments = b"".join(
        b"\xff\xe2" + struct.pack(">H", 16 + len(part)) + b"ICC_PROFILE\x00" + bytes([number, 2]) + part
        for number, part in parts
    )
    return data[:2] + segments + data[2:]


def _lab_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def _ycck_jpeg() -> bytes:
    """Four components with Adobe transform 2: YCCK, inverted, as Photoshop writes CMYK."""
    cmyk = np.asarray(Image.fromarray(scene()).convert("CMYK"))
    data = imagecodecs.jpeg8_encode(cmyk, level=90, colorspace="cmyk", outcolorspace="ycck")
    return bytes(data)


def _with_alpha() -> Image.Image:
    alpha = np.broadcast_to(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, WIDTH))
    return Image.fromarray(np.dstack([scene(), alpha]))


def _bmp_header(width: int, height: int, *, bits: int = 24, compression: int = 0, offset: int = 54) -> bytes:
    size = 0x7FFFFFFF if width > 1 << 20 else offset + abs(width * height) * 3
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 2835, 2835, 0, 0)
    return struct.pack("<2sIHHI", b"BM", size, 0, 0, offset) + info


def _top_down_bmp() -> bytes:
    return _bmp_header(WIDTH, -HEIGHT) + scene()[..., ::-1].tobytes()


def _run_length_bmp() -> bytes:
    palette = b"".join(bytes([i, i, i, 0]) for i in range(256))
    rows = b"\x08\x40\x00\x00" * 4 + b"\x00\x01"
    return _bmp_header(8, 4, bits=8, compression=1, offset=54 + 1024) + palette + rows


def _webp_canvas(width: int, height: int) -> bytes:
    canvas = bytes([0, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body
