"""What few files of a format have and readers honour: comments, packets and profiles, thumbnails before the picture."""

import io
import struct

import imagecodecs
import numpy as np
from PIL import Image

from models.decode import decode_image
from models.image_files.read import read_header
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions
from tests.assets.phone_files import COPYRIGHT, DEGREES, PLACE_IN_XMP, PLACE_INSIDE_XMP, WORDS, phone_photo, xmp
from tests.assets.photos import encoded


def test_a_gif_keeps_its_comments_and_xmp_without_the_place() -> None:
    packet = xmp(PLACE_IN_XMP, PLACE_INSIDE_XMP)
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    extension = b"\x21\xff\x0bXMP DataXMP" + packet + trailer
    place = f"at {DEGREES[0]:.4f}, {DEGREES[1]:.4f}".encode()
    comments = b"".join(b"\x21\xfe" + bytes([len(text)]) + text + b"\0" for text in (b"by hand", place))
    data = encoded(Image.fromarray(phone_photo(40, 56)).convert("P"), "GIF")
    at = data.index(b"\x2c\0\0\0\0")
    data = data[:at] + extension + comments + data[at:]
    result = optimise_photo(
        decode_image(data), VarJpegOptions(quality=70, steering="none", metadata="keep-all"), original=data
    )
    assert decode_image(result.data).other.comments == (b"by hand",)
    assert b"dc:rights" in result.data
    assert COPYRIGHT in result.data
    assert not any(word in result.data for word in (*WORDS, b"GPSLatitude", b"48.2"))
    assert any("a comment" in warning for warning in result.warnings)


def test_zeros_between_the_blocks_of_a_gif_are_passed_over() -> None:
    data = encoded(Image.fromarray(phone_photo(40, 56)), "GIF")
    at = data.index(b"\x2c\0\0\0\0")
    np.testing.assert_array_equal(decode_image(data[:at] + bytes(3) + data[at:]).pixels, decode_image(data).pixels)


def test_the_profile_inside_a_bitmap_counts() -> None:
    pixels, profile = phone_photo(8, 8), imagecodecs.cms_profile("adobergb")
    head = struct.pack("<IiiHHIIiiII", 124, 8, -8, 1, 24, 0, 192, 0, 0, 0, 0).ljust(56, b"\0")
    head += b"DEBM" + bytes(36 + 12) + struct.pack("<IIII", 4, 124 + 192, len(profile), 0)
    rows = pixels[:, :, ::-1].tobytes()
    size = 14 + len(head) + len(rows) + len(profile)
    data = b"BM" + struct.pack("<IHHI", size, 0, 0, 138) + head + rows + profile
    assert len(head) == 124
    assert read_header(data).icc == profile
    image = decode_image(data)
    np.testing.assert_array_equal(image.native_pixels, pixels)
    assert np.abs(image.pixels.astype(int) - pixels).max() > 8


def test_a_thumbnail_before_the_picture_of_a_tiff_is_not_the_picture() -> None:
    large, small = Image.fromarray(phone_photo(40, 56)), Image.fromarray(phone_photo(10, 14))
    stream = io.BytesIO()
    small.save(stream, "TIFF", save_all=True, append_images=[large], tiffinfo={254: 1})
    data = bytearray(stream.getvalue())
    assert read_header(encoded(small, "TIFF", tiffinfo={254: 1})).width == 14
    second = data.rindex(struct.pack("<HHI", 254, 4, 1)) if data.count(struct.pack("<HHI", 254, 4, 1)) > 1 else None
    if second is not None:
        data[second + 8 : second + 12] = bytes(4)
    image = decode_image(bytes(data))
    np.testing.assert_array_equal(image.pixels, phone_photo(40, 56))
    assert any("more than one page" in warning for warning in image.warnings)
