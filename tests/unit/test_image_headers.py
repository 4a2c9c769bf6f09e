"""Format and size from the header, held against every odd upload and against what the header must not cost."""

import io
import time

import pytest
from PIL import Image

from app.image_headers import ImageHeaderError, read_image_header
from tests.assets.hostile_images import Expect, HostileImage, hostile_images, png_of_zeros
from tests.assets.pace import in_time
from workers.contracts import FailureCode

IMAGES = hostile_images()


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_every_upload_is_sized_or_refused_at_once(image: HostileImage) -> None:
    began = time.perf_counter()
    try:
        header = read_image_header(io.BytesIO(image.data))
    except ImageHeaderError:
        assert image.expect is not Expect.DECODES
    else:
        assert header.width > 0
        assert header.height > 0
        if image.size is not None:  # the header's size is the one before rotation
            assert sorted((header.width, header.height)) == sorted(image.size)
    assert in_time(time.perf_counter() - began, 0.5)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("size", [(1, 1), (37, 5), (640, 3)])
def test_sizes_agree_with_what_the_encoder_was_given(image_format: str, size: tuple[int, int]) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", size, (10, 120, 200)).save(buffer, image_format)
    header = read_image_header(buffer)
    assert (header.width, header.height) == size
    assert header.media_type == f"image/{image_format.lower()}"


def test_heic_is_named_in_the_refusal() -> None:
    heic = next(image for image in IMAGES if image.name == "heic")
    with pytest.raises(ImageHeaderError, match="HEIC") as refusal:
        read_image_header(io.BytesIO(heic.data))
    assert refusal.value.code is FailureCode.IMAGE_TYPE_UNSUPPORTED


def test_an_image_of_177_megapixels_in_516_kilobytes_is_sized_without_decoding() -> None:
    data = png_of_zeros(13312, 13312)
    assert len(data) < 530_000
    began = time.perf_counter()
    header = read_image_header(io.BytesIO(data))
    assert (header.width, header.height) == (13312, 13312)
    assert in_time(time.perf_counter() - began, 0.05)
