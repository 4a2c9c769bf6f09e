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

import imagecodecs
import numpy as np
from PIL import Image, ImageCms

from tests.assets.broken_files import (
    bmp_header,
    interlaced_png,
    iso_box,
    jpeg_of_many_scans,
    lab_profile,
    patched_frame,
    png_of_zeros,
    raw_png,
    run_length_bmp,
    scene_with_alpha,
    top_down_bmp,
    webp_canvas,
    with_chunk,
    with_comment,
    with_flipped_bits,
    with_flipped_byte,
    with_reversed_profile_chunks,
    without_segments,
    ycck_jpeg,
    zero_quantization_table,
)
from tests.assets.encoder_killers import KILLERS
from tests.assets.phone_files import phone_files
from tests.assets.photos import SCENE_HEIGHT, SCENE_WIDTH, encoded, scene, scene_jpeg, scene_png
from tests.assets.rare_uploads import rare_uploads


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
    yield HostileImage("heic", "IMG_0001.HEIC", iso_box(b"ftyp", b"heic\x00\x00\x00\x00mif1heic") + bytes(200), refused)
    yield HostileImage("fli", "clip.fli", struct.pack("<IHHHH", 128, 0xAF11, 1, 64, 64) + bytes(116), refused)
    yield HostileImage("random-bytes", "noise.jpg", np.random.default_rng(3).bytes(5000), refused)
    yield HostileImage("jpeg-magic-only", "start.jpg", b"\xff\xd8\xff", refused)
    yield HostileImage("png-magic-only", "start.png", b"\x89PNG\r\n\x1a\n", refused)


def _broken_jpegs() -> Iterator[HostileImage]:
    whole = scene_jpeg()
    for percent in (10, 50, 99):
        cut = whole[: len(whole) * percent // 100]
        expect = Expect.REFUSED if percent == 10 else Expect.EITHER
        yield HostileImage(f"jpeg-truncated-{percent}", "cut.jpg", cut, expect, (SCENE_WIDTH, SCENE_HEIGHT))
    either, size = Expect.EITHER, (SCENE_WIDTH, SCENE_HEIGHT)
    yield HostileImage("jpeg-no-eoi", "a.jpg", whole[:-2], Expect.DECODES, size)
    yield HostileImage("jpeg-two-soi", "a.jpg", b"\xff\xd8" + whole, either, size)
    yield HostileImage("jpeg-trailing-zip", "a.jpg", whole + b"PK\x03\x04" + bytes(300), Expect.DECODES, size)
    yield HostileImage("jpeg-zero-dqt", "a.jpg", zero_quantization_table(whole), either, size)
    yield HostileImage("jpeg-missing-dht", "a.jpg", without_segments(whole, 0xC4), either, size)
    yield HostileImage("jpeg-missing-dqt", "a.jpg", without_segments(whole, 0xDB), either, size)
    yield HostileImage("jpeg-wrong-dri", "a.jpg", whole[:2] + b"\xff\xdd\x00\x04\x00\x01" + whole[2:], either, size)
    yield HostileImage("jpeg-12-bit", "a.jpg", patched_frame(whole, precision=12), either, size)
    yield HostileImage("jpeg-arithmetic-flag", "a.jpg", patched_frame(whole, marker=0xC9), either, size)
    yield HostileImage("jpeg-lossless-flag", "a.jpg", patched_frame(whole, marker=0xC3), either, size)
    yield HostileImage("jpeg-zero-height", "a.jpg", patched_frame(whole, height=0), Expect.REFUSED)
    yield HostileImage("jpeg-taller-than-data", "a.jpg", patched_frame(whole, height=4000), either, (SCENE_WIDTH, 4000))
    yield HostileImage("jpeg-65500-square", "a.jpg", patched_frame(whole, height=65500, width=65500), Expect.REFUSED)
    yield HostileImage("jpeg-flipped-bits", "a.jpg", with_flipped_bits(whole), either, size)
    yield HostileImage("jpeg-10000-scans", "a.jpg", jpeg_of_many_scans(10_000), either, size)
    yield HostileImage("jpeg-corrupt-icc", "a.jpg", scene_jpeg(icc_profile=b"no profile at all" * 30), either, size)
    yield HostileImage("jpeg-icc-wrong-order", "a.jpg", with_reversed_profile_chunks(whole), either, size)


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
    yield HostileImage(
        "jpeg-stray-bytes", "a.jpg", whole[:20] + b"stray" + whole[20:], decodes, (SCENE_WIDTH, SCENE_HEIGHT)
    )


def _odd_jpegs() -> Iterator[HostileImage]:
    decodes, size = Expect.DECODES, (SCENE_WIDTH, SCENE_HEIGHT)
    picture = Image.fromarray(scene())
    yield HostileImage("jpeg-plain", "a.jpg", scene_jpeg(), decodes, size)
    yield HostileImage("jpeg-progressive", "a.jpg", scene_jpeg(progressive=True), decodes, size)
    yield HostileImage("jpeg-quality-1", "a.jpg", scene_jpeg(quality=1), decodes, size)
    yield HostileImage("jpeg-grey", "a.jpg", encoded(picture.convert("L"), "JPEG"), decodes, size)
    yield HostileImage("jpeg-cmyk", "a.jpg", encoded(picture.convert("CMYK"), "JPEG"), decodes, size)
    yield HostileImage("jpeg-ycck", "a.jpg", ycck_jpeg(), decodes, size)
    yield HostileImage("jpeg-adobe-rgb-coded", "a.jpg", scene_jpeg(keep_rgb=True), decodes, size)
    yield HostileImage("jpeg-444", "a.jpg", scene_jpeg(subsampling="4:4:4"), decodes, size)
    for subsampling in ("411", "440", "422"):
        data = bytes(imagecodecs.jpeg8_encode(scene(), level=90, subsampling=subsampling))
        yield HostileImage(f"jpeg-{subsampling}", "a.jpg", data, decodes, size)
    mpo = encoded(picture, "MPO", save_all=True, append_images=[picture.resize((48, 32))])
    yield HostileImage("mpo", "a.mpo", mpo, decodes, size)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield HostileImage("jpeg-srgb-icc", "a.jpg", scene_jpeg(icc_profile=srgb), decodes, size)
    yield HostileImage("jpeg-lab-icc", "a.jpg", scene_jpeg(icc_profile=lab_profile()), Expect.EITHER, size)
    yield HostileImage("jpeg-named-png", "photo.png", scene_jpeg(), decodes, size)
    yield HostileImage("jpeg-path-name", "../../etc/passwd", scene_jpeg(), decodes, size)
    yield HostileImage(
        "jpeg-pdf-polyglot", "a.jpg", with_comment(scene_jpeg(), b"%PDF-1.7 <svg onload=alert(1)>"), decodes, size
    )


def _exif_jpegs() -> Iterator[HostileImage]:
    for orientation in range(10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        size = (SCENE_HEIGHT, SCENE_WIDTH) if orientation in (5, 6, 7, 8) else (SCENE_WIDTH, SCENE_HEIGHT)
        yield HostileImage(f"exif-orientation-{orientation}", "a.jpg", scene_jpeg(exif=exif), Expect.DECODES, size)
    looped = b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 8)
    yield HostileImage("exif-loop", "a.jpg", scene_jpeg(exif=looped), Expect.DECODES, (SCENE_WIDTH, SCENE_HEIGHT))
    garbage = b"Exif\x00\x00" + b"\xff" * 500
    yield HostileImage("exif-garbage", "a.jpg", scene_jpeg(exif=garbage), Expect.DECODES, (SCENE_WIDTH, SCENE_HEIGHT))


def _odd_pngs() -> Iterator[HostileImage]:
    decodes, either, size = Expect.DECODES, Expect.EITHER, (SCENE_WIDTH, SCENE_HEIGHT)
    picture, whole = Image.fromarray(scene()), scene_png()
    yield HostileImage("png-named-jpg", "photo.jpg", whole, decodes, size)
    for percent in (10, 50, 99):
        yield HostileImage(f"png-truncated-{percent}", "a.png", whole[: len(whole) * percent // 100], either, size)
    yield HostileImage("png-bad-crc", "a.png", with_flipped_byte(whole, whole.index(b"IDAT") + 20), either, size)
    yield HostileImage("png-bad-header-crc", "a.png", with_flipped_byte(whole, 29), either, size)
    yield HostileImage("png-zero-width", "a.png", raw_png(0, SCENE_HEIGHT, 8, 2, b""), Expect.REFUSED)
    yield HostileImage("png-no-idat", "a.png", raw_png(SCENE_WIDTH, SCENE_HEIGHT, 8, 2, None), Expect.REFUSED)
    for bits in (1, 2, 4):
        packed = b"".join(
            b"\x00" + bytes((i * 37) % 256 for i in range(SCENE_WIDTH * bits // 8)) for _ in range(SCENE_HEIGHT)
        )
        yield HostileImage(
            f"png-grey-{bits}-bit", "a.png", raw_png(SCENE_WIDTH, SCENE_HEIGHT, bits, 0, packed), decodes, size
        )
    yield HostileImage("png-palette", "a.png", encoded(picture.convert("P"), "PNG"), decodes, size)
    yield HostileImage(
        "png-palette-transparent", "a.png", encoded(picture.convert("P"), "PNG", transparency=3), decodes, size
    )
    yield HostileImage("png-rgb-transparent", "a.png", scene_png(transparency=(0, 0, 0)), decodes, size)
    yield HostileImage("png-alpha", "a.png", encoded(scene_with_alpha(), "PNG"), decodes, size)
    yield HostileImage("png-grey-alpha", "a.png", encoded(picture.convert("LA"), "PNG"), decodes, size)
    deep = scene().astype(np.uint16) * 257
    yield HostileImage("png-rgb-16-bit", "a.png", bytes(imagecodecs.png_encode(deep)), either, size)
    yield HostileImage("png-grey-16-bit", "a.png", bytes(imagecodecs.png_encode(deep[..., 0].copy())), either, size)
    yield HostileImage("png-interlaced", "a.png", interlaced_png(), decodes, (8, 8))
    frames = [picture.rotate(angle) for angle in (90, 180)]
    animated = encoded(picture, "PNG", save_all=True, append_images=frames, duration=50)
    yield HostileImage("apng", "a.png", animated, decodes, size)
    bomb = b"x\x00\x00" + zlib.compress(bytes(40_000_000), 9)
    yield HostileImage("png-iccp-bomb", "a.png", with_chunk(whole, b"iCCP", bomb), either, size)
    text_bomb = b"Comment\x00\x00" + zlib.compress(bytes(40_000_000), 9)
    yield HostileImage("png-ztxt-bomb", "a.png", with_chunk(whole, b"zTXt", text_bomb), either, size)
    yield HostileImage("png-many-chunks", "a.png", with_chunk(whole, b"teXt", b"x", count=20_000), either, size)


def _modern() -> Iterator[HostileImage]:
    decodes, either, size = Expect.DECODES, Expect.EITHER, (SCENE_WIDTH, SCENE_HEIGHT)
    picture = Image.fromarray(scene())
    webp = encoded(picture, "WEBP", quality=80)
    yield HostileImage("webp", "a.webp", webp, decodes, size)
    yield HostileImage("webp-lossless", "a.webp", encoded(picture, "WEBP", lossless=True), decodes, size)
    yield HostileImage("webp-alpha", "a.webp", encoded(scene_with_alpha(), "WEBP"), decodes, size)
    animated = encoded(picture, "WEBP", save_all=True, append_images=[picture.rotate(180)], duration=50)
    yield HostileImage("webp-animated", "a.webp", animated, decodes, size)
    yield HostileImage("webp-truncated", "a.webp", webp[: len(webp) // 2], either, size)
    yield HostileImage("webp-header-only", "a.webp", webp[:16], Expect.REFUSED)
    avif = encoded(picture, "AVIF", quality=70)
    yield HostileImage("avif", "a.avif", avif, decodes, size)
    yield HostileImage("avif-alpha", "a.avif", encoded(scene_with_alpha(), "AVIF"), decodes, size)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield HostileImage(
        "avif-rotated", "a.avif", encoded(picture, "AVIF", exif=exif), decodes, (SCENE_HEIGHT, SCENE_WIDTH)
    )
    for bits in (10, 12):
        deep = (scene().astype(np.uint16) << (bits - 8)).astype(np.uint16)
        data = bytes(imagecodecs.avif_encode(deep, level=80, bitspersample=bits))
        yield HostileImage(f"avif-{bits}-bit", "a.avif", data, either, size)
    yield HostileImage("avif-truncated", "a.avif", avif[: len(avif) * 3 // 4], either, size)
    yield HostileImage("avif-box-of-size-zero", "a.avif", avif[:32] + bytes(64), Expect.REFUSED)


def _old_formats() -> Iterator[HostileImage]:
    decodes, either, size = Expect.DECODES, Expect.EITHER, (SCENE_WIDTH, SCENE_HEIGHT)
    picture = Image.fromarray(scene())
    yield HostileImage("gif", "a.gif", encoded(picture, "GIF"), decodes, size)
    animated = encoded(picture, "GIF", save_all=True, append_images=[picture.rotate(180)], duration=50)
    yield HostileImage("gif-animated", "a.gif", animated, decodes, size)
    yield HostileImage("gif-script-polyglot", "a.gif", encoded(picture, "GIF") + b"*/alert(1)//", decodes, size)
    yield HostileImage("gif-65535-screen", "a.gif", b"GIF89a\xff\xff\xff\xff\x00\x00\x00;", Expect.REFUSED)
    yield HostileImage("bmp", "a.bmp", encoded(picture, "BMP"), decodes, size)
    yield HostileImage("bmp-top-down", "a.bmp", top_down_bmp(), decodes, size)
    yield HostileImage("bmp-rle", "a.bmp", run_length_bmp(), either, (8, 4))
    yield HostileImage("bmp-size-overflow", "a.bmp", bmp_header(0x7FFFFFFF, 0x7FFFFFFF) + bytes(64), Expect.REFUSED)
    yield HostileImage("bmp-truncated", "a.bmp", encoded(picture, "BMP")[:2000], either, size)
    yield HostileImage("tiff", "a.tif", encoded(picture, "TIFF"), decodes, size)
    yield HostileImage("tiff-lzw", "a.tif", encoded(picture, "TIFF", compression="tiff_lzw"), decodes, size)
    yield HostileImage("tiff-jpeg", "a.tif", encoded(picture, "TIFF", compression="jpeg"), either, size)
    pages = encoded(picture, "TIFF", save_all=True, append_images=[picture.resize((20, 20))])
    yield HostileImage("tiff-two-pages", "a.tif", pages, decodes, size)
    deep = (scene()[..., 0].astype(np.uint16) * 257).astype(np.uint16)
    yield HostileImage("tiff-16-bit-lsb", "a.tif", encoded(Image.fromarray(deep), "TIFF"), either, size)
    big_endian = Image.frombytes("I;16B", (SCENE_WIDTH, SCENE_HEIGHT), deep.astype(">u2").tobytes())
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
        flat = encoded(Image.new("RGB", (SCENE_WIDTH, SCENE_HEIGHT), (colour,) * 3), "PNG")
        yield HostileImage(f"all-{name}", "a.png", flat, Expect.DECODES, (SCENE_WIDTH, SCENE_HEIGHT))
    noise = np.random.default_rng(1).integers(0, 256, (SCENE_HEIGHT, SCENE_WIDTH, 3), dtype=np.uint8)
    yield HostileImage(
        "pure-noise", "a.png", encoded(Image.fromarray(noise), "PNG"), Expect.DECODES, (SCENE_WIDTH, SCENE_HEIGHT)
    )


def _bombs() -> Iterator[HostileImage]:
    refused = Expect.REFUSED
    yield HostileImage("png-177-megapixels", "a.png", png_of_zeros(13312, 13312), refused)
    yield HostileImage("webp-canvas-too-large", "a.webp", webp_canvas(16384, 16384), refused)
    tiff = struct.pack("<2sHIH", b"II", 42, 8, 3) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, 60000), (257, 60000), (258, 8))
    )
    yield HostileImage("tiff-3600-megapixels", "a.tif", tiff + bytes(400), refused)
