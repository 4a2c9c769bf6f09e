"""Images as phones, cameras and editors really send them, and as attackers do."""

import io
import struct
import sys
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from models import icc
from models.decode import apply_orientation, decode_image
from models.errors import ImageTooLargeError, ImageTypeUnsupportedError, ImageUndecodableError, LimenError
from models.image_files.jpeg import can_be_recoded
from models.types import RgbImage
from tests.assets.hostile_images import Expect, HostileImage, hostile_images, png_of_zeros, scene
from tests.assets.pace import in_time
from tests.assets.photos import encoded

ORIENTATION = 0x0112


def profile(name: str, **options: Any) -> bytes:
    return bytes(imagecodecs.cms_profile(name, **options))


def wide_gamut_profile() -> bytes:
    """Display P3's primaries with gamma 2.2."""
    primaries = [0.68, 0.32, 1, 0.265, 0.69, 1, 0.15, 0.06, 1]
    return profile("rgb", whitepoint=[0.3127, 0.329, 1], primaries=primaries, gamma=2.2)


def ink_profile() -> bytes:
    """The smallest valid CMYK output profile: an 8-bit A2B0 table of 2 points a channel, inks absorbing in Lab."""
    grid = np.stack(np.meshgrid(*[np.array([0.0, 1.0])] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    light = np.clip((1 - grid[:, :3]) * (1 - grid[:, 3:]), 0, 1)
    lab = ImageCms.createProfile("LAB")
    srgb = Image.fromarray((light * 255).astype(np.uint8)[None])
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), lab, "RGB", "LAB")
    table = np.asarray(ImageCms.applyTransform(srgb, transform)).reshape(-1, 3).copy()
    table[:, 1:] ^= 0 if table[0, 1] > 100 else 128
    identity = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + identity * 4 + table.tobytes() + identity * 3
    lut += bytes(-len(lut) % 4)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"text" + bytes(4) + b"none\0" + bytes(3)
    desc = b"desc" + bytes(4) + struct.pack(">I", 4) + b"ink\0" + bytes(79)
    tags, body, start = b"", b"", 128 + 4 + 4 * 12
    for name, content in ((b"A2B0", lut), (b"wtpt", white), (b"cprt", text), (b"desc", desc)):
        tags += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", 0, b"test", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    blob = header.ljust(128, b"\0") + struct.pack(">I", 4) + tags + body
    return struct.pack(">I", len(blob)) + blob[4:]


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


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "video"),
        (b"  <svg xmlns='x'/>", "SVG"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"%!PS-Adobe", "EPS"),
        (b"8BPS\0\1", "PSD"),
        (b"\xff\x0a\x00", "JPEG XL"),
        (b"P6\n3 3\n255\n", "PNM"),
        (b"hello, world", "text"),
        (b"", "empty"),
    ],
)
def test_names_what_it_will_not_read(data: bytes, found: str) -> None:
    with pytest.raises(ImageTypeUnsupportedError, match=found):
        decode_image(data)


@pytest.mark.parametrize("image_format", ["PNG", "BMP", "TIFF", "WEBP", "GIF", "AVIF", "JPEG"])
def test_the_format_is_told_by_content_and_pixels_are_those_of_pillow(image_format: str) -> None:
    options = {"lossless": True} if image_format == "WEBP" else {}
    data = encoded(scene(61, 43), image_format, **options)
    image = decode_image(data)
    with Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(opened.convert("RGB"))
        name = {"WEBP": "WebP"}.get(image_format, image_format)
    assert image.source_format == name
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.native_pixels is image.pixels
    assert image.warnings == ()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once_and_reset(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x010F] = "Maker"
    data = encoded(scene(), "PNG", exif=exif)
    image = decode_image(data)
    with Image.open(io.BytesIO(data)) as opened:
        np.testing.assert_array_equal(image.pixels, np.asarray(ImageOps.exif_transpose(opened)))
    assert image.exif is not None
    kept = Image.Exif()
    kept.load(image.exif)
    assert (kept[ORIENTATION], kept[0x010F]) == (1, "Maker")


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_orientation_is_read_in_every_format(image_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    smooth = np.repeat(np.repeat(scene(12, 8), 8, axis=0), 8, axis=1)
    image = decode_image(encoded(smooth, image_format, exif=exif, quality=95))
    expected = apply_orientation(smooth, orientation)
    assert image.pixels.shape == expected.shape
    assert np.abs(image.pixels.astype(int) - expected).mean() < 4


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_reported(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = decode_image(encoded(scene(), "JPEG", exif=exif))
    assert image.pixels.shape == scene().shape
    assert any("orientation" in warning for warning in image.warnings)


def test_xmp_orientation_is_reset_too() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    image = decode_image(encoded(scene(), "JPEG", xmp=xmp))
    assert image.xmp == xmp.replace(b'"6"', b'"1"')


def test_an_rgb_profile_is_kept_and_converted_for_the_models() -> None:
    wide = wide_gamut_profile()
    image = decode_image(encoded(scene(), "PNG", icc_profile=wide))
    assert image.icc_profile == wide
    np.testing.assert_array_equal(image.native_pixels, scene())
    expected = ImageCms.profileToProfile(
        Image.fromarray(scene()),
        io.BytesIO(wide),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert expected is not None
    assert np.abs(image.pixels.astype(int) - np.asarray(expected)).max() <= 1
    assert np.abs(image.pixels.astype(int) - scene()).max() > 5
    np.testing.assert_array_equal(image.to_srgb(image.native_pixels), image.pixels)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_profiles_are_found_in_every_format(image_format: str) -> None:
    wide = wide_gamut_profile()
    assert decode_image(encoded(scene(), image_format, icc_profile=wide)).icc_profile == wide


def test_an_srgb_profile_is_kept_and_converts_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = decode_image(encoded(scene(), "PNG", icc_profile=srgb))
    assert image.icc_profile == srgb
    assert image.pixels is image.native_pixels
    assert image.to_srgb(image.native_pixels) is image.native_pixels
    assert image.warnings == ()


def test_a_corrupt_profile_is_dropped_with_a_warning() -> None:
    good = wide_gamut_profile()
    for bad in (b"not a profile" * 20, good[:200], good[:36] + b"xxxx" + good[40:]):
        image = decode_image(encoded(scene(), "PNG", icc_profile=bad))
        assert image.icc_profile is None
        np.testing.assert_array_equal(image.pixels, scene())
        assert any("profile" in warning for warning in image.warnings)


def test_a_grey_profile_is_converted_and_dropped() -> None:
    linear = profile("gray", gamma=1.0)
    grey = scene()[:, :, 0].copy()
    image = decode_image(encoded(grey, "PNG", icc_profile=linear))
    assert image.icc_profile is None
    assert any("dropped" in warning for warning in image.warnings)
    darkest = grey == 50
    assert int(np.median(image.pixels[darkest])) == pytest.approx(255 * 1.055 * (50 / 255) ** (1 / 2.4) - 14, abs=3)


def test_a_grey_photo_with_an_rgb_profile_is_rgb() -> None:
    wide = wide_gamut_profile()
    image = decode_image(encoded(scene()[:, :, 0].copy(), "JPEG", icc_profile=wide))
    assert image.icc_profile == wide


@pytest.mark.parametrize("colour_model", ["cmyk", "ycck"])
def test_inverted_adobe_cmyk(colour_model: str) -> None:
    cmyk = np.asarray(Image.fromarray(scene()).convert("CMYK"))
    stored = 255 - cmyk  # as Photoshop writes it
    data = bytes(imagecodecs.jpeg8_encode(stored, level=98, colorspace="cmyk", outcolorspace=colour_model))
    image = decode_image(data)
    assert np.abs(image.pixels.astype(int) - scene()).mean() < 6
    assert any("CMYK" in warning for warning in image.warnings)


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
def test_a_cmyk_profile_is_used_and_dropped(image_format: str) -> None:
    cmyk = np.zeros((32, 48, 4), np.uint8)
    cmyk[:, 16:32, 0] = 255
    cmyk[:, 32:, 3] = 255
    picture = Image.frombytes("CMYK", (48, 32), cmyk.tobytes())
    image = decode_image(encoded(picture, image_format, icc_profile=ink_profile(), **_best(image_format)))
    assert image.icc_profile is None
    assert any("converted to sRGB" in warning for warning in image.warnings)
    paper, cyan, black = (image.pixels[16, x].astype(int) for x in (8, 24, 40))
    assert paper.min() > 245
    assert cyan[0] < 60 < 200 < cyan[2]
    assert black.max() < 12


def _best(image_format: str) -> dict[str, Any]:
    return {"quality": 100} if image_format == "JPEG" else {}


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_lab_tiff(compression: str) -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(Image.fromarray(scene()), to_lab)
    assert lab is not None
    image = decode_image(encoded(lab, "TIFF", compression=compression))
    assert np.abs(image.pixels.astype(int) - scene()).mean() < 3


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA"])
@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_few_bits_palettes_and_grey_look_as_in_pillow(mode: str, image_format: str) -> None:
    picture = Image.fromarray(scene()).convert(mode)
    image = decode_image(encoded(picture, image_format))
    np.testing.assert_array_equal(image.pixels, np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_reaches_white(bits: int) -> None:
    levels = np.arange(2**bits, dtype=np.uint8)[None].repeat(4, axis=0)
    data = bytes(imagecodecs.tiff_encode(levels.copy(), bitspersample=bits, photometric="minisblack"))
    expected = (levels.astype(int) * 255 + (2**bits - 1) // 2) // (2**bits - 1)
    np.testing.assert_array_equal(decode_image(data).pixels[:, :, 0], expected)


def test_a_white_is_zero_tiff_is_not_a_negative() -> None:
    grey = scene()[:, :, 0].copy()
    data = bytes(imagecodecs.tiff_encode(255 - grey, photometric="miniswhite"))
    np.testing.assert_array_equal(decode_image(data).pixels[:, :, 0], grey)


DEEP = np.random.default_rng(2).integers(0, 65536, (40, 56, 3), dtype=np.uint16)
ROUNDED = ((DEEP.astype(np.int64) * 255 + 32767) // 65535).astype(np.uint8)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_16_bit_tiff_is_rounded(order: str, planes: str) -> None:
    # a copy: for a file of the other byte order libtiff swaps the bytes of what it is given
    stored = (DEEP if planes == "contig" else np.moveaxis(DEEP, 2, 0)).copy(order="C")
    data = bytes(imagecodecs.tiff_encode(stored, photometric="rgb", planarconfig=planes, byteorder=order))
    image = decode_image(data)
    np.testing.assert_array_equal(image.pixels, ROUNDED)
    assert image.bit_depth == 16


def test_16_bit_png_is_rounded_not_cut() -> None:
    image = decode_image(bytes(imagecodecs.png_encode(DEEP)))
    np.testing.assert_array_equal(image.pixels, ROUNDED)
    assert image.bit_depth == 16
    grey = decode_image(bytes(imagecodecs.png_encode(DEEP[:, :, 0].copy())))
    np.testing.assert_array_equal(grey.pixels[:, :, 0], ROUNDED[:, :, 0])


@pytest.mark.parametrize("bits", [10, 12])
def test_deep_avif_is_scaled_from_its_own_depth(bits: int) -> None:
    flat = np.full((32, 32, 3), 2**bits - 1, np.uint16)
    flat[:, 16:] = 2 ** (bits - 1)
    image = decode_image(bytes(imagecodecs.avif_encode(flat, level=100, bitspersample=bits)))
    assert image.bit_depth == bits
    assert image.pixels[5, 5].tolist() == [255] * 3
    assert image.pixels[5, 25].tolist() == [128] * 3


def test_12_bit_jpeg_is_scaled() -> None:
    deep = (scene().astype(np.uint32) * 4095 // 255).astype(np.uint16)
    image = decode_image(bytes(imagecodecs.jpeg8_encode(deep, level=95, bitspersample=12)))
    assert image.bit_depth == 12
    assert np.abs(image.pixels.astype(int) - scene()).mean() < 5


def test_a_float_tiff_is_refused() -> None:
    data = encoded(Image.fromarray(np.zeros((8, 8), np.float32)), "TIFF")
    with pytest.raises(ImageTypeUnsupportedError, match="floating-point"):
        decode_image(data)


def test_alpha_lies_on_white() -> None:
    alpha = np.broadcast_to(np.linspace(0, 255, 96).astype(np.uint8), (64, 96))
    picture = Image.fromarray(np.dstack([scene(), alpha]))
    expected = (scene().astype(int) * alpha[:, :, None] + 255 * (255 - alpha[:, :, None].astype(int)) + 127) // 255
    for image_format, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})):
        image = decode_image(encoded(picture, image_format, **options))
        np.testing.assert_array_equal(image.pixels, expected)
        assert any("white" in warning for warning in image.warnings)


def test_an_opaque_alpha_channel_is_no_loss() -> None:
    assert decode_image(encoded(Image.fromarray(scene()).convert("RGBA"), "PNG")).warnings == ()


def test_a_transparent_palette_entry_is_white() -> None:
    picture = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "P")
    picture.putpalette([10, 20, 30, 200, 100, 50])
    for image_format in ("PNG", "GIF"):
        image = decode_image(encoded(picture, image_format, transparency=0))
        assert image.pixels[0].tolist() == [[255, 255, 255], [200, 100, 50]]


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_used(image_format: str) -> None:
    frames = [Image.new("RGB", (24, 16), colour) for colour in ("red", "blue", "green")]
    options = {"lossless": True} if image_format == "WEBP" else {}
    image = decode_image(encoded(frames[0], image_format, save_all=True, append_images=frames[1:], **options))
    assert image.pixels[8, 8].tolist() == [255, 0, 0]
    assert any("animated" in warning for warning in image.warnings)


def test_of_an_avif_sequence_the_still_image_is_used() -> None:
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "blue")]
    image = decode_image(encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:]))
    assert image.pixels[8, 8, 0] > 240
    assert any("animated" in warning for warning in image.warnings)


def test_of_many_pages_the_first_is_used() -> None:
    pages = [Image.new("RGB", (24, 16), colour) for colour in ("red", "blue")]
    image = decode_image(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert image.pixels[8, 8].tolist() == [255, 0, 0]
    assert any("page" in warning for warning in image.warnings)


def test_of_a_multi_picture_file_the_first_is_used() -> None:
    pictures = [Image.fromarray(scene()), Image.fromarray(scene(48, 32))]
    image = decode_image(encoded(pictures[0], "MPO", save_all=True, append_images=pictures[1:]))
    assert image.pixels.shape == scene().shape
    assert any("MPO" in warning for warning in image.warnings)


def test_a_gain_map_is_dropped_and_said_so() -> None:
    plain = encoded(scene(), "JPEG")
    marker = b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4)
    ultra_hdr = plain[:2] + b"\xff\xe2" + struct.pack(">H", len(marker) + 2) + marker + plain[2:] + plain
    image = decode_image(ultra_hdr)
    np.testing.assert_array_equal(image.pixels, decode_image(plain).pixels)
    assert any("gain map" in warning for warning in image.warnings)


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


def test_corrupt_png_profile_and_text_bombs_cost_nothing() -> None:
    bomb = zlib.compress(bytes(50_000_000))
    data = encoded(scene(), "PNG")
    chunk = b"p\0\0" + bomb
    framed = struct.pack(">I", len(chunk)) + b"iCCP" + chunk + struct.pack(">I", zlib.crc32(b"iCCP" + chunk))
    image = decode_image(data[:33] + framed + data[33:])
    assert image.icc_profile is None
    assert any("profile" in warning for warning in image.warnings)


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


def test_profiles_are_told_apart() -> None:
    assert icc.colour_space(wide_gamut_profile()) == "rgb"
    assert icc.colour_space(ink_profile()) == "cmyk"
    assert icc.colour_space(b"short") is None
    assert icc.is_srgb(profile("srgb"))
    assert not icc.is_srgb(wide_gamut_profile())
    with pytest.raises(ValueError, match="profile"):
        icc.to_srgb(scene(), b"short")


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
