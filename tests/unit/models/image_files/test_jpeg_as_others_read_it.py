"""JPEGs that every reader shows are read, and warned of where something is missing."""

import numpy as np
import pytest

from models.decode import CUT_NOTE, decode_image
from models.errors import ImageUndecodableError
from models.image_files.jpeg import NO_END_NOTE, STRAY_BYTES_NOTE
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions
from tests.assets.phone_files import beside, phone_jpeg, phone_photo, segment

WHOLE = phone_jpeg()
PROGRESSIVE = phone_jpeg(progressive=True)
PIXELS = decode_image(WHOLE).pixels


def scan_start(data: bytes) -> int:
    return data.index(b"\xff\xda") + 2 + int.from_bytes(data[data.index(b"\xff\xda") + 2 :][:2], "big")


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (WHOLE[:-2], NO_END_NOTE),
        (WHOLE[:-1], NO_END_NOTE),
        (PROGRESSIVE[:-2], NO_END_NOTE),
        (WHOLE[:-2] + bytes(300), NO_END_NOTE),
        (beside(WHOLE, b"\0" * 7), STRAY_BYTES_NOTE),
        (beside(WHOLE, segment(0xEA, b"x"), b"stray"), STRAY_BYTES_NOTE),
        (beside(WHOLE, b"\xff" * 9), None),
        (beside(WHOLE, b"\xff\xd3\xff\xd0"), STRAY_BYTES_NOTE),
        (WHOLE[:-2] + b"\xff\xd1" + WHOLE[-2:], None),
    ],
    ids=["no end", "half an end", "progressive", "zeros", "padding", "stray", "fill", "restarts", "restart at the end"],
)
def test_what_every_reader_shows_is_read(data: bytes, note: str | None) -> None:
    image = decode_image(data)
    np.testing.assert_array_equal(image.pixels, PIXELS)
    assert image.warnings == (() if note is None else (note,))
    result = optimise_photo(image, VarJpegOptions(quality=70, steering="none"), original=data)
    assert len(result.data) <= len(data)
    assert np.abs(decode_image(result.data).pixels.astype(int) - PIXELS).mean() < 8


@pytest.mark.parametrize(
    "whole", [WHOLE, PROGRESSIVE, phone_jpeg(phone_photo()[:, :, 0])], ids=["plain", "progressive", "grey"]
)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
def test_a_cut_scan_is_refused_or_warned_of(whole: bytes, share: float) -> None:
    cut = whole[: scan_start(whole) + int(share * (len(whole) - 2 - scan_start(whole)))]
    with pytest.raises(ImageUndecodableError, match="truncated"):
        decode_image(cut)
    assert CUT_NOTE in decode_image(cut + b"\xff\xd9").warnings


def test_a_progressive_file_that_lacks_whole_scans_is_warned_of() -> None:
    last = PROGRESSIVE.rindex(b"\xff\xda")
    assert CUT_NOTE in decode_image(PROGRESSIVE[:last] + b"\xff\xd9").warnings


def test_a_zero_in_a_quantization_table_does_not_keep_it_from_being_shown() -> None:
    at = WHOLE.index(b"\xff\xdb") + 5
    data = WHOLE[: at + 40] + b"\0" + WHOLE[at + 41 :]
    result = optimise_photo(decode_image(data), VarJpegOptions(quality=90, steering="none"), original=data)
    assert len(result.data) <= len(data)


def test_sound_files_are_not_warned_of() -> None:
    flat = np.full((64, 64, 3), 128, np.uint8)
    for data in (
        WHOLE,
        PROGRESSIVE,
        phone_jpeg(flat),
        phone_jpeg(flat, progressive=True),
        phone_jpeg(phone_photo(17, 33), subsampling=0),
    ):
        assert decode_image(data).warnings == ()
