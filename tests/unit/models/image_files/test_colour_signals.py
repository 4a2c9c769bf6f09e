"""Colours that a file describes by other means than a profile, as browsers show them; crops; inks; empty alpha."""

import io
import struct
import zlib
from collections.abc import Sequence

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models import icc
from models.decode import decode_image
from models.image_files.colour_signals import from_code_points
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions

PATCH = (200, 80, 60)
D65 = (0.3127, 0.329)
SRGB, P3, ADOBE = (
    (*D65, *corners)
    for corners in (
        (0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
        (0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
        (0.64, 0.33, 0.21, 0.71, 0.15, 0.06),
    )
)


Chunk = tuple[bytes, bytes]
Floats = NDArray[np.float64]


def to_xyz(primaries: Sequence[float]) -> Floats:
    points = np.reshape(primaries, (4, 2))
    corners = np.stack([points[1:, 0] / points[1:, 1], np.ones(3), (1 - points[1:].sum(1)) / points[1:, 1]])
    white = np.array([points[0, 0] / points[0, 1], 1, (1 - points[0].sum()) / points[0, 1]])
    return corners * np.linalg.solve(corners, white)


def shown(primaries: Sequence[float], gamma: float | None = None) -> Floats:
    """``PATCH`` in sRGB."""
    value = np.array(PATCH) / 255
    light = value**gamma if gamma else np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    light = np.clip(np.linalg.solve(to_xyz(SRGB), to_xyz(primaries) @ light), 0, 1)
    encoded: Floats = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return 255 * encoded


def patch() -> Image.Image:
    return Image.new("RGB", (64, 48), PATCH)


def png(*chunks: Chunk, picture: Image.Image | None = None) -> bytes:
    stream = io.BytesIO()
    (picture or patch()).save(stream, "PNG")
    whole = stream.getvalue()
    framed = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    return whole[:33] + b"".join(framed) + whole[33:]


def chrm(primaries: Sequence[float]) -> Chunk:
    return b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in primaries))


def gama(exponent: float) -> Chunk:
    return b"gAMA", struct.pack(">I", round(100_000 / exponent))


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([(b"cICP", bytes([12, 13, 0, 1]))], shown(P3)),
        ([gama(2.2), chrm(P3)], shown(P3, 2.2)),
        ([chrm(P3)], shown(P3)),
        ([gama(2.19921875), chrm(ADOBE)], shown(ADOBE, 2.19921875)),
        ([gama(1.0)], shown(SRGB, 1.0)),
        ([gama(1.8), chrm(SRGB)], shown(SRGB, 1.8)),
        ([gama(2.2), chrm(SRGB)], PATCH),
        ([(b"sRGB", b"\0"), gama(1.0)], PATCH),
        ([(b"cICP", bytes([1, 13, 0, 1])), gama(1.0), chrm(P3)], PATCH),
    ],
)
def test_png_chunks(chunks: list[Chunk], expected: Sequence[float] | Floats) -> None:
    image = decode_image(png(*chunks))
    assert np.abs(image.pixels[20, 20] - np.array(expected)).max() <= 3
    assert image.warnings == ()


@pytest.mark.parametrize("chunk", [(b"cICP", bytes([9, 16, 0, 1])), (b"cICP", bytes([200, 13, 0, 1])), gama(100.0)])
def test_what_is_not_honoured_is_said(chunk: Chunk) -> None:
    image = decode_image(png(chunk))
    np.testing.assert_array_equal(image.pixels[20, 20], PATCH)
    assert len(image.warnings) == 1


def test_chromaticities_that_make_no_sense_are_named() -> None:
    image = decode_image(png(chrm((*D65, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5))))
    assert any("chromaticities" in warning for warning in image.warnings)


def test_linear_samples_keep_their_bits() -> None:
    ramp = np.broadcast_to(np.arange(512, dtype=np.uint16) * 8, (4, 512)).copy()
    data = bytes(imagecodecs.png_encode(ramp))
    framed = struct.pack(">I", 4) + b"gAMA" + struct.pack(">I", 100_000)
    image = decode_image(data[:33] + framed + struct.pack(">I", zlib.crc32(framed[4:])) + data[33:])
    assert len(np.unique(image.pixels)) > 60  # of 8-bit light only 17 values lie here


def test_a_wide_gamut_is_kept_in_the_file_and_shown_alike() -> None:
    data = png(gama(2.2), chrm(P3))
    result = optimise_photo(decode_image(data), VarJpegOptions(quality=95, steering="none"), original=data)
    assert b"ICC_PROFILE" in result.data
    assert np.abs(decode_image(result.data).pixels[20, 20] - shown(P3, 2.2)).max() <= 6


def test_made_profiles_are_small_and_valid() -> None:
    profile = from_code_points(12, 13).profile
    assert profile is not None
    assert len(profile) < 600
    assert icc.colour_space(profile) == "rgb"
    white = np.full((1, 1, 3), 255, np.uint8)
    np.testing.assert_array_equal(icc.to_srgb(white, profile), white)


@pytest.mark.parametrize(
    ("primaries", "transfer", "expected"), [(12, 13, shown(P3)), (1, 1, PATCH), (1, 8, shown(SRGB, 1.0))]
)
def test_avif_code_points(primaries: int, transfer: int, expected: Sequence[float] | Floats) -> None:
    pixels = np.asarray(patch())
    data = bytes(imagecodecs.avif_encode(pixels, level=95, primaries=primaries, transfer=transfer, matrix=6))
    assert np.abs(decode_image(data).pixels[20, 20] - np.array(expected)).max() <= 3


def test_an_avif_crop_is_applied() -> None:
    y, x = np.mgrid[0:64, 0:96]
    pixels = np.stack([x * 2, y * 3, x + y], axis=2).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "AVIF", quality=95)
    whole = decode_image(stream.getvalue()).pixels
    cropped = decode_image(with_clean_aperture(stream.getvalue(), 40, 30, -8, 5)).pixels
    np.testing.assert_array_equal(cropped, whole[22:52, 20:60])


def with_clean_aperture(data: bytes, width: int, height: int, across: int, down: int) -> bytes:
    """An AVIF of Pillow's whose colour box, replaced, is a clap box: same number of properties, as large boxes."""
    clap = struct.pack(">I4s2I2I2i2i", 40, b"clap", width, 1, height, 1, across, 1, down, 1)
    start = data.index(b"colr") - 4
    size = int.from_bytes(data[start : start + 4], "big")
    grown = bytearray(data[:start] + clap + data[start + size :])
    by = len(clap) - size
    for kind in (b"meta", b"iprp", b"ipco"):
        at = data.index(kind) - 4
        grown[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + by).to_bytes(4, "big")
    at = grown.index(b"iloc") + 4
    assert grown[at] == 0
    assert grown[at + 4] == 0x44
    for item in range(int.from_bytes(grown[at + 6 : at + 8], "big")):
        place = at + 8 + item * 14 + 6
        grown[place : place + 4] = (int.from_bytes(grown[place : place + 4], "big") + by).to_bytes(4, "big")
    links = grown.index(b"ipma") + 15
    at = grown.index(4, links, links + grown[links - 1])
    grown[at] |= 0x80  # essential, as a crop has to be
    return bytes(grown)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg"])
def test_inks_of_a_cmyk_tiff_are_the_same_in_every_compression(compression: str | None) -> None:
    inks = np.zeros((64, 64, 4), np.uint8)
    inks[..., 1:3] = 255
    inks[:32, :32] = (255, 0, 0, 0)
    stream = io.BytesIO()
    Image.fromarray(inks, "CMYK").save(stream, "TIFF", compression=compression)
    pixels = decode_image(stream.getvalue()).pixels.astype(int)
    assert np.abs(pixels[50, 50] - (255, 0, 0)).max() <= 6
    assert np.abs(pixels[10, 10] - (0, 255, 255)).max() <= 6


def test_cmyk_without_adobe_marker_is_no_negative() -> None:
    stream = io.BytesIO()
    Image.new("CMYK", (64, 64), (10, 160, 180, 20)).save(stream, "JPEG", quality=95)
    data = stream.getvalue()
    start = data.index(b"\xff\xee")
    end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    assert np.abs(decode_image(data[:start] + data[end:]).pixels[20, 20].astype(int) - (226, 88, 69)).max() <= 3


@pytest.mark.parametrize(("alpha", "expected"), [(0, (10, 120, 240)), (255, (10, 120, 240))])
def test_a_bitmap_of_empty_alpha_is_shown(alpha: int, expected: Sequence[float] | Floats) -> None:
    pixel = bytes((*expected[::-1], alpha))
    head = struct.pack("<IiiHHIIiiII", 124, 16, 8, 1, 32, 3, 16 * 8 * 4, 2835, 2835, 0, 0)
    head += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = head.ljust(124, b"\0")
    data = b"BM" + struct.pack("<IHHI", 14 + 124 + 512, 0, 0, 14 + 124) + head + pixel * 128
    np.testing.assert_array_equal(decode_image(data).pixels[3, 3], expected)
