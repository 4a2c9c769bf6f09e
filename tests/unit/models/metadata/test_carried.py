"""What goes into the file beside the pixels."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from models.metadata.carried import Metadata, insert_segments, metadata_segments
from models.metadata.exif import cleaned_exif, exif_coordinates
from models.metadata.places import places_of
from models.types import RgbImage
from models.varjpeg.photo import encode_jpeg
from tests.assets.photos import jpeg

PIXELS = np.zeros((16, 16, 3), np.uint8)
ORIENTATION, MAKE, EXIF_IFD, GPS_IFD = 0x0112, 0x010F, 0x8769, 0x8825


def exif(order: str = "<", *, thumbnail: bool = False) -> bytes:
    block = Image.Exif()
    block.endian = order
    block[ORIENTATION] = 6
    block[MAKE] = "Limen Camera Works"
    block.get_ifd(EXIF_IFD)[ExifTags.Base.ExposureTime] = 0.004
    gps = block.get_ifd(GPS_IFD)
    gps[1], gps[2] = "N", (52.0, 31.0, 12.25)
    data = block.tobytes()
    if not thumbnail:
        return data
    image, stream = Image.new("RGB", (8, 8)), io.BytesIO()
    image.save(stream, "JPEG", exif=data)
    return data


def exif_without_place(data: bytes) -> bytes | None:
    cleaned = cleaned_exif(data, places_of(exif_coordinates(data)), room=65_527)
    return None if cleaned is None else cleaned.block


def image(**metadata: Any) -> RgbImage:
    return RgbImage(PIXELS, PIXELS, **metadata)


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_is_kept_upright_and_without_place(order: str) -> None:
    data = encode_jpeg(image(exif=exif(order)), quality=50, metadata="keep-all").data
    kept = Image.open(io.BytesIO(data)).getexif()
    assert kept[ORIENTATION] == 1
    assert kept[MAKE] == "Limen Camera Works"
    assert float(kept.get_ifd(EXIF_IFD)[ExifTags.Base.ExposureTime]) == pytest.approx(0.004)
    assert GPS_IFD not in kept


def test_no_trace_of_the_place_is_left() -> None:
    original = exif()
    seconds = (49).to_bytes(4, "little") + (4).to_bytes(4, "little")  # 12.25 as a TIFF rational
    assert seconds in original
    cleaned = exif_without_place(original)
    assert cleaned is not None
    assert seconds not in cleaned


def test_thumbnail_goes() -> None:
    plain = exif().removeprefix(b"Exif\x00\x00")
    directory = int.from_bytes(plain[4:8], "little")
    pointer = directory + 2 + 12 * int.from_bytes(plain[directory : directory + 2], "little")
    picture = b"\xff\xd8 a thumbnail \xff\xd9"
    ifd1 = (2).to_bytes(2, "little")
    start = len(plain) + 2 + 24 + 4
    for tag, value in ((0x0201, start), (0x0202, len(picture))):
        ifd1 += tag.to_bytes(2, "little") + b"\x04\x00\x01\x00\x00\x00" + value.to_bytes(4, "little")
    whole = plain[:pointer] + len(plain).to_bytes(4, "little") + plain[pointer + 4 :] + ifd1 + bytes(4) + picture
    cleaned = exif_without_place(whole)
    assert cleaned is not None
    assert b"thumbnail" not in cleaned
    assert len(cleaned) < len(whole)


@pytest.mark.parametrize(
    ("policy", "kept"), [("keep-icc", {"icc"}), ("keep-all", {"icc", "exif", "xmp"}), ("strip", set())]
)
def test_policies(policy: str, kept: set[str]) -> None:
    source = image(exif=exif(), xmp=b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>', icc_profile=b"profile")
    segments = metadata_segments(source, Metadata(policy))
    found = {
        name
        for name, mark in {"icc": b"ICC_PROFILE\x00", "exif": b"Exif\x00\x00", "xmp": b"ns.adobe.com/xap"}.items()
        if mark in segments
    }
    assert found == kept


def test_xmp_with_a_position_is_left_out() -> None:
    assert metadata_segments(image(xmp=b"<exif:GPSLatitude>52</exif:GPSLatitude>"), Metadata.KEEP_ALL) == b""


def test_long_profiles_are_split_and_joined_again() -> None:
    profile = np.random.default_rng(0).bytes(150_000)
    data = insert_segments(jpeg(PIXELS), metadata_segments(image(icc_profile=profile), Metadata.KEEP_ICC))
    assert Image.open(io.BytesIO(data)).info["icc_profile"] == profile
    assert data.count(b"ICC_PROFILE\x00") == 3


def test_a_profile_too_long_for_jpeg_is_left_out() -> None:
    assert metadata_segments(image(icc_profile=bytes(17_000_000)), Metadata.KEEP_ICC) == b""


@pytest.mark.parametrize(
    "data", [b"", b"Exif\x00\x00", b"II*\x00\xff\xff\xff\x7f", b"Exif\x00\x00MM\x00*\x00\x00\x00\x08"]
)
def test_malformed_exif_is_left_out(data: bytes) -> None:
    assert exif_without_place(data) is None


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_exif_is_cleaned_or_left_out(data: st.DataObject) -> None:
    block = bytearray(exif())
    for _ in range(data.draw(st.integers(1, 6))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    cleaned = exif_without_place(bytes(block))
    assert cleaned is None or len(cleaned) <= len(block)
