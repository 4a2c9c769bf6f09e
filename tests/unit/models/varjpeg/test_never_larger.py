"""No result is larger than the JPEG that came in: whatever is asked, whatever its coding, profile or orientation."""

import struct
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from models.decode import decode_image
from models.varjpeg.choices import MetadataPolicy
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions
from models.varjpeg.search.goals import Encoder
from tests.assets.phone_files import beside, exif_block, phone_jpeg, phone_photo, segment, tiff
from tests.assets.photos import encoded, jpeg

SMALL: dict[str, Any] = {"quality": 25, "optimize": True, "progressive": True}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def turned(orientation: int, height: int, width: int) -> bytes:
    tag = tiff({0: [(0x0112, 3, 1, struct.pack("<H", orientation))]})
    return beside(phone_jpeg(phone_photo(height, width), **SMALL), segment(0xE1, b"Exif\0\0" + tag))


def grey_with_profile() -> bytes:
    profile = imagecodecs.cms_profile("gray", gamma=2.2)
    return phone_jpeg(phone_photo()[:, :, 0], icc_profile=profile, **SMALL)


def without_jfif(data: bytes) -> bytes:
    return data[:2] + data[4 + int.from_bytes(data[4:6], "big") :]


FILES = {
    "colour": phone_jpeg(**SMALL),
    "grey": phone_jpeg(phone_photo()[:, :, 0], **SMALL),
    "grey with a profile": grey_with_profile(),
    "wide gamut": phone_jpeg(icc_profile=imagecodecs.cms_profile("adobergb"), **SMALL),
    "sRGB profile": phone_jpeg(icc_profile=SRGB, **SMALL),
    "CMYK": jpeg(Image.fromarray(phone_photo()).convert("CMYK"), quality=20, optimize=True),
    "RGB": jpeg(Image.fromarray(phone_photo()), keep_rgb=True, **SMALL),
    "16 x 16": phone_jpeg(phone_photo(16, 16), quality=60, optimize=True),
    "8 x 8": without_jfif(phone_jpeg(phone_photo(8, 8), quality=60, optimize=True)),
    "1 x 1": without_jfif(phone_jpeg(phone_photo(1, 1), quality=5, optimize=True)),
    "EXIF": beside(phone_jpeg(**SMALL), segment(0xE1, b"Exif\0\0" + exif_block())),
    "12 bits": bytes(imagecodecs.jpeg8_encode(phone_photo().astype(np.uint16) * 16, level=40, bitspersample=12)),
    **{f"turned {n}": turned(n, 93, 122) for n in (3, 5, 6, 8)},
    **{f"turned {n}, whole units": turned(n, 96, 128) for n in (2, 6, 7)},
}
METRIC = {"target_metric": "ssimulacra2", "target_value": 95.0}
WISHES: tuple[dict[str, Any], ...] = (
    {"quality": 95},
    {"quality": 20},
    {"target_metric": "ssimulacra2", "target_value": 95.0},
    {"max_bytes": 10**6},
)


@pytest.mark.parametrize("metadata", ["keep-icc", "keep-all", "strip"])
@pytest.mark.parametrize("name", FILES)
def test_no_result_is_larger_than_the_jpeg_that_came_in(name: str, metadata: MetadataPolicy) -> None:
    data = FILES[name]
    image = decode_image(data)
    for wishes in WISHES:
        result = optimise_photo(image, VarJpegOptions(metadata=metadata, steering="none", **wishes), original=data)
        assert len(result.data) <= len(data), wishes
        shown = decode_image(result.data).pixels
        assert shown.shape == image.pixels.shape
        if result.chosen.encoder is Encoder.INPUT:
            assert np.abs(shown.astype(int) - image.pixels).max() <= 4
            assert any("this is the input" in warning for warning in result.warnings)


@pytest.mark.parametrize("metadata", ["keep-icc", "keep-all"])
def test_an_srgb_profile_takes_no_bytes_and_changes_no_colour(metadata: MetadataPolicy) -> None:
    for stored in ("PNG", "JPEG"):
        data = encoded(phone_photo(), stored, icc_profile=SRGB)
        with_profile = optimise_photo(
            decode_image(data), VarJpegOptions(quality=70, steering="none", metadata=metadata), original=data
        )
        other = encoded(phone_photo(), stored)
        bare = optimise_photo(decode_image(other), VarJpegOptions(quality=70, steering="none", metadata=metadata))
        assert b"ICC_PROFILE" not in with_profile.data
        assert len(with_profile.data) <= len(bare.data)


def test_what_would_better_be_gone_is_named() -> None:
    for name, words in (("CMYK", "colour model"), ("turned 6", "orientation tag")):
        result = optimise_photo(
            decode_image(FILES[name]), VarJpegOptions(quality=99, steering="none"), original=FILES[name]
        )
        assert result.chosen.encoder is Encoder.INPUT
        assert any(words in warning for warning in result.warnings)
