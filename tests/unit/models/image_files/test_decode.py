"""Images as phones, cameras and editors really send them: formats, depths, alpha and files of many pictures."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from models.decode import decode_image
from models.errors import ImageTypeUnsupportedError
from tests.assets.photos import encoded, scene


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
