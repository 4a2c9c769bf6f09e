"""Format and size from the header, held against every odd upload and against what the header must not cost."""

import io
import struct
import time

import pytest
from PIL import Image

from app.http.image_headers import ImageHeaderError, read_image_header
from models.decode import decode_image
from models.errors import LimenError
from models.image_files.read import DEFAULT_LIMITS, SizeLimits, read_header
from tests.assets.broken_files import png_of_zeros
from tests.assets.hostile_images import Expect, HostileImage, hostile_images
from tests.assets.pace import in_time
from tests.assets.photos import encoded
from workers.contracts import FailureCode
from workers.settings import BrokerSettings

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


def test_the_web_process_and_the_workers_read_alike() -> None:
    """Whatever has no readable header for one has none for the other, and the sizes are the same."""
    for image in IMAGES:
        try:
            there = read_header(image.data)
            DEFAULT_LIMITS.check(there.width, there.height)
        except LimenError as error:
            code = error.code
            with pytest.raises(ImageHeaderError) as refusal:
                read_image_header(io.BytesIO(image.data), DEFAULT_LIMITS)
            assert refusal.value.code == code
        else:
            here = read_image_header(io.BytesIO(image.data), DEFAULT_LIMITS)
            assert (here.width, here.height) == (there.width, there.height)


def bitmap(header_size: int) -> bytes:
    """A bitmap of 4 x 2 pixels with a header of this many bytes."""
    if header_size == 12:
        head = struct.pack("<IHHHH", 12, 4, 2, 1, 24)
    else:
        head = struct.pack("<IiiHHIIiiII", header_size, 4, 2, 1, 24, 0, 24, 0, 0, 0, 0).ljust(header_size, b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + 24, 0, 0, 14 + len(head)) + head + bytes(range(24))


def big_tiff() -> bytes:
    """A BigTIFF of 4 x 2 grey pixels."""
    tags = ((256, 4), (257, 2), (258, 8), (259, 1), (262, 1), (273, 16), (277, 1), (278, 2), (279, 8))
    entries = b"".join(struct.pack("<HHQQ", tag, 4, 1, value) for tag, value in tags)
    return (
        struct.pack("<2sHHHQ", b"II", 43, 8, 0, 24)
        + bytes(range(8))
        + struct.pack("<Q", len(tags))
        + entries
        + bytes(8)
    )


def gif_without_canvas() -> bytes:
    """A GIF whose canvas has no size, only its frame."""
    data = bytearray(encoded(Image.new("P", (4, 2), 1), "GIF"))
    data[6:10] = bytes(4)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [*(bitmap(size) for size in (12, 40, 52, 56, 64, 108, 124)), big_tiff(), gif_without_canvas()],
    ids=["OS/2 1", "3", "52", "56", "OS/2 2", "4", "5", "BigTIFF", "GIF"],
)
def test_odd_makes_are_read_by_all(data: bytes) -> None:
    header = read_image_header(io.BytesIO(data), DEFAULT_LIMITS)
    assert (header.width, header.height) == (4, 2)
    assert decode_image(data).pixels.shape == (2, 4, 3)


def test_limits_of_the_settings_are_those_of_the_reader() -> None:
    settings = BrokerSettings()
    assert SizeLimits(settings.max_pixels, settings.max_side, settings.max_aspect) == DEFAULT_LIMITS
