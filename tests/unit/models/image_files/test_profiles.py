"""Colour profiles of uploads: kept, converted for the models, or dropped and said so; inks and Lab."""

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from models import icc
from models.decode import decode_image
from tests.assets.photos import encoded, scene
from tests.unit.models.image_files.profiles import ink_profile, profile, wide_gamut_profile


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


def test_corrupt_png_profile_and_text_bombs_cost_nothing() -> None:
    bomb = zlib.compress(bytes(50_000_000))
    data = encoded(scene(), "PNG")
    chunk = b"p\0\0" + bomb
    framed = struct.pack(">I", len(chunk)) + b"iCCP" + chunk + struct.pack(">I", zlib.crc32(b"iCCP" + chunk))
    image = decode_image(data[:33] + framed + data[33:])
    assert image.icc_profile is None
    assert any("profile" in warning for warning in image.warnings)


def test_profiles_are_told_apart() -> None:
    assert icc.colour_space(wide_gamut_profile()) == "rgb"
    assert icc.colour_space(ink_profile()) == "cmyk"
    assert icc.colour_space(b"short") is None
    assert icc.is_srgb(profile("srgb"))
    assert not icc.is_srgb(wide_gamut_profile())
    with pytest.raises(ValueError, match="profile"):
        icc.to_srgb(scene(), b"short")
