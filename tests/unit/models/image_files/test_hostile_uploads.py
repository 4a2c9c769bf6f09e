"""Images as attackers send them, and what is left of files that were cut or damaged on their way."""

import struct
import sys
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.decode import decode_image
from models.errors import ImageTooLargeError, ImageTypeUnsupportedError, ImageUndecodableError, LimenError
from models.image_files.jpeg import can_be_recoded
from models.types import RgbImage
from tests.assets.broken_files import png_of_zeros
from tests.assets.hostile_images import Expect, HostileImage, hostile_images
from tests.assets.pace import in_time
from tests.assets.photos import encoded, scene
from tests.unit.models.image_files.profiles import wide_gamut_profile

ORIENTATION = 0x0112


def decoded_or_refused(data: bytes) -> RgbImage | LimenError:
    try:
        return decode_image(data)
    except LimenError as error:
        return error


@pytest.mark.parametrize("upload", hostile_images(), ids=lambda upload: upload.name)
def test_every_odd_or_broken_image_decodes_or_names_what_is_wrong(upload: HostileImage) -> None:
    started = time.perf_counter()
    outcome = decoded_or_refused(upload.data)
    if isinstance(outcome, LimenError):
        assert upload.expect is not Expect.DECODES, outcome
        assert str(outcome)
    else:
        assert upload.expect is not Expect.REFUSED
        assert upload.size in (None, (outcome.width, outcome.height))
        assert outcome.pixels.dtype == outcome.native_pixels.dtype == np.uint8
        assert outcome.pixels.shape == outcome.native_pixels.shape == (outcome.height, outcome.width, 3)
    assert in_time(time.perf_counter() - started, 2)


def test_size_limits_come_from_the_header() -> None:
    started = time.perf_counter()
    with pytest.raises(ImageTooLargeError, match="13312 x 13312"):
        decode_image(png_of_zeros(13312, 13312))
    assert in_time(time.perf_counter() - started, 1)
    with pytest.raises(ImageTooLargeError):
        decode_image(encoded(scene(), "PNG"), max_pixels=96 * 64 - 1)
    with pytest.raises(ImageTooLargeError):
        decode_image(encoded(scene(), "PNG"), max_side=95)
    with pytest.raises(ImageTooLargeError, match="200 times"):
        decode_image(encoded(scene(201, 1), "PNG"))
    assert decode_image(encoded(scene(), "PNG"), max_pixels=96 * 64, max_side=96).width == 96


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP"])
def test_a_file_cut_anywhere_is_refused(image_format: str) -> None:
    noise = np.random.default_rng(4).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    data = encoded(noise, image_format)
    for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9):
        with pytest.raises((ImageUndecodableError, ImageTypeUnsupportedError)):
            decode_image(data[: int(len(data) * share)])


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP"])
def test_random_damage_gives_an_image_or_a_domain_error(image_format: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    extra: dict[str, Any] = (
        {} if image_format in ("GIF", "BMP") else {"exif": exif, "icc_profile": wide_gamut_profile()}
    )
    data = encoded(scene(), image_format, **extra)
    generator = np.random.default_rng(11)
    for _ in range(150):
        damaged = bytearray(data)
        for position in generator.integers(0, min(len(data), 700), 3):
            damaged[position] = generator.integers(0, 256)
        try:
            image = decode_image(bytes(damaged), max_pixels=1_000_000)
        except LimenError:
            continue
        assert image.pixels.size <= 3_000_000


def test_threads_decode_side_by_side_without_a_warning() -> None:
    files = [upload for upload in hostile_images() if upload.expect is Expect.DECODES]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ThreadPoolExecutor(8) as pool:
            first = list(pool.map(lambda upload: decode_image(upload.data).pixels, files))
            second = list(pool.map(lambda upload: decode_image(upload.data).pixels, files))
    assert not caught
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_only_usual_upright_jpegs_are_recoded_losslessly() -> None:
    usual = {
        "jpeg-plain",
        "jpeg-progressive",
        "jpeg-grey",
        "jpeg-444",
        "jpeg-411",
        "exif-orientation-1",
        "exif-orientation-6",
        "exif-garbage",
    }
    others = {
        "jpeg-cmyk",
        "jpeg-ycck",
        "jpeg-adobe-rgb-coded",
        "jpeg-12-bit",
        "jpeg-arithmetic-flag",
    }
    found = {upload.name: can_be_recoded(upload.data) for upload in hostile_images() if upload.name in usual | others}
    assert {name for name, can in found.items() if can} == usual
    assert found.keys() == usual | others


def _png_of_chunks(count: int) -> bytes:
    whole = encoded(scene(), "PNG")
    chunk = struct.pack(">I4s", 0, b"teXt") + struct.pack(">I", zlib.crc32(b"teXt"))
    return whole[:33] + chunk * count + whole[33:]


def _avif_with_endless_items() -> bytes:
    """An item table of many items with 65535 extents of no bytes each."""
    item = struct.pack(">HHH", 1, 0, 65535)
    table = bytes([0, 0, 0, 0, 0x00, 0x00]) + struct.pack(">H", 65535) + item * 65535
    box = struct.pack(">I4s", 8 + len(table), b"iloc") + table
    meta = struct.pack(">I4sI", 12 + len(box), b"meta", 0) + box
    return struct.pack(">I4s4sI4s", 20, b"ftyp", b"avif", 0, b"mif1") + meta


@pytest.mark.parametrize(
    "data",
    [
        _png_of_chunks(200_000),
        b"\xff\xd8" + b"\xff\xfe\x00\x02" * 500_000,
        b"RIFF" + struct.pack("<I", 4_000_004) + b"WEBP" + b"VP8 \0\0\0\0" * 500_000,
        b"GIF89a\1\0\1\0\0\0\0" + b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2" + b"\1\7" * 2_000_000,
        b"GIF89a\1\0\1\0\0\0\0" + b"!\xf9\0" * 2_000_000,
        b"\0\0\0\x14ftypavif\0\0\0\0mif1" + b"\0\0\0\x08free" * 500_000,
        _avif_with_endless_items(),
    ],
    ids=["PNG chunks", "JPEG segments", "WebP chunks", "GIF blocks", "GIF extensions", "AVIF boxes", "AVIF extents"],
)
def test_a_file_of_endless_parts_is_refused_at_once(data: bytes) -> None:
    started = time.process_time()
    with pytest.raises((ImageUndecodableError, ImageTypeUnsupportedError)):
        decode_image(data)
    assert in_time(time.process_time() - started, 2)


def test_a_tiff_of_giant_tiles_is_refused_before_it_takes_memory() -> None:
    tags = ((256, 8), (257, 8), (258, 8), (262, 1), (277, 1), (322, 60000), (323, 60000))
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    with pytest.raises(ImageTooLargeError, match="tiles"):
        decode_image(struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + directory + bytes(400))


def test_broken_files_use_up_no_reference_to_none() -> None:
    broken = [upload.data for upload in hostile_images() if isinstance(decoded_or_refused(upload.data), LimenError)]
    before = sys.getrefcount(None)
    for _ in range(20):
        for data in broken:
            decoded_or_refused(data)
    assert sys.getrefcount(None) > before - 50
