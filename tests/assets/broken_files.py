"""Parts of files that no sound program writes, and files with parts broken, missing or out of place."""

import struct
import zlib
from collections.abc import Iterator

import imagecodecs
import numpy as np
from PIL import Image, ImageCms

from tests.assets.photos import SCENE_HEIGHT, SCENE_WIDTH, scene, scene_jpeg


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
    return raw_png(width, height, 8, 2, None, idat=first + again * (blocks - 1) + end + checksum)


def iso_box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def raw_png(width: int, height: int, bits: int, colour: int, rows: bytes | None, *, idat: bytes | None = None) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    packed = zlib.compress(rows) if rows is not None else idat
    body = png_chunk(b"IDAT", packed) if packed is not None else b""
    return b"\x89PNG\r\n\x1a\n" + header + body + png_chunk(b"IEND", b"")


def interlaced_png() -> bytes:
    """An 8x8 grey Adam7 PNG: seven passes of the sizes that the format prescribes."""
    passes = ((1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4))
    rows = b"".join((b"\x00" + bytes(range(10, 10 + width))) * height for width, height in passes)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def with_chunk(data: bytes, kind: bytes, content: bytes, *, count: int = 1) -> bytes:
    return data[:33] + png_chunk(kind, content) * count + data[33:]


def with_flipped_byte(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0x5A]) + data[position + 1 :]


def segments_of(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each marker segment before the scan data of a JPEG."""
    position = 2
    while data[position + 1] != 0xDA:
        length = int.from_bytes(data[position + 2 : position + 4])
        yield data[position + 1], position, position + 2 + length
        position += 2 + length


def without_segments(data: bytes, marker: int) -> bytes:
    for found, start, end in reversed(list(segments_of(data))):
        if found == marker:
            data = data[:start] + data[end:]
    return data


def zero_quantization_table(data: bytes) -> bytes:
    _, start, _ = next(segment for segment in segments_of(data) if segment[0] == 0xDB)
    return data[: start + 5] + bytes(64) + data[start + 69 :]


def patched_frame(
    data: bytes, *, marker: int = 0xC0, precision: int = 8, height: int = SCENE_HEIGHT, width: int = SCENE_WIDTH
) -> bytes:
    _, start, _ = next(segment for segment in segments_of(data) if segment[0] == 0xC0)
    patch = struct.pack(">BBHBHH", 0xFF, marker, 17, precision, height, width)
    return data[:start] + patch + data[start + len(patch) :]


def with_flipped_bits(data: bytes) -> bytes:
    damaged = bytearray(data)
    for position in np.random.default_rng(5).integers(len(data) // 3, len(data) - 2, 30):
        damaged[position] ^= 0x10
    return bytes(damaged)


def with_comment(data: bytes, text: bytes) -> bytes:
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + data[2:]


def jpeg_of_many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated ``count`` times."""
    data = scene_jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def with_reversed_profile_chunks(data: bytes) -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    half = len(profile) // 2
    parts = ((2, profile[half:]), (1, profile[:half]))
    segments = b"".join(
        b"\xff\xe2" + struct.pack(">H", 16 + len(part)) + b"ICC_PROFILE\x00" + bytes([number, 2]) + part
        for number, part in parts
    )
    return data[:2] + segments + data[2:]


def lab_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def ycck_jpeg() -> bytes:
    """Four components with Adobe transform 2: YCCK, inverted, as Photoshop writes CMYK."""
    cmyk = np.asarray(Image.fromarray(scene()).convert("CMYK"))
    data = imagecodecs.jpeg8_encode(cmyk, level=90, colorspace="cmyk", outcolorspace="ycck")
    return bytes(data)


def scene_with_alpha() -> Image.Image:
    alpha = np.broadcast_to(np.linspace(0, 255, SCENE_WIDTH).astype(np.uint8), (SCENE_HEIGHT, SCENE_WIDTH))
    return Image.fromarray(np.dstack([scene(), alpha]))


def bmp_header(width: int, height: int, *, bits: int = 24, compression: int = 0, offset: int = 54) -> bytes:
    size = 0x7FFFFFFF if width > 1 << 20 else offset + abs(width * height) * 3
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 2835, 2835, 0, 0)
    return struct.pack("<2sIHHI", b"BM", size, 0, 0, offset) + info


def top_down_bmp() -> bytes:
    return bmp_header(SCENE_WIDTH, -SCENE_HEIGHT) + scene()[..., ::-1].tobytes()


def run_length_bmp() -> bytes:
    palette = b"".join(bytes([i, i, i, 0]) for i in range(256))
    rows = b"\x08\x40\x00\x00" * 4 + b"\x00\x01"
    return bmp_header(8, 4, bits=8, compression=1, offset=54 + 1024) + palette + rows


def webp_canvas(width: int, height: int) -> bytes:
    canvas = bytes([0, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body
