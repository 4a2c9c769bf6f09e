"""What keep-all keeps of files as phones write them, what it names as dropped, and that no place is left in any."""

import io
import re
import struct
import time
from typing import Any

import pytest
from PIL import Image

from models.decode import decode_image
from models.image_files.jpeg import VIDEO_NOTE, marker_segments
from models.image_files.read import DEFAULT_LIMITS, read_header
from models.image_files.tiff_tags import read_directory
from models.metadata.carried import Metadata
from models.metadata.gain_map import with_gain_map
from models.metadata.places import Places
from models.varjpeg.lossless import copied
from models.varjpeg.optimise import OptimisedPhoto, optimise_photo
from models.varjpeg.options import VarJpegOptions
from tests.assets.phone_files import (
    COPYRIGHT,
    DEGREES,
    PLACE_IN_XMP,
    XMP_MARK,
    PhoneFile,
    beside,
    described_png,
    described_tiff,
    exif,
    exif_block,
    fifty_megapixels,
    iptc,
    phone_files,
    phone_jpeg,
    phone_photo,
    place_encodings,
    segment,
    tiff,
    ultra_hdr,
    video,
    xmp,
)

FILES = phone_files()


def optimised(data: bytes, **wishes: Any) -> OptimisedPhoto:
    options: dict[str, Any] = {"quality": 70.0, "steering": "none", "metadata": "keep-all"} | wishes
    return optimise_photo(decode_image(data), VarJpegOptions.model_validate(options), original=data)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
@pytest.mark.parametrize("quality", [40.0, 100.0], ids=["encoded", "passed through"])
def test_no_place_is_left_and_all_else_is_kept_or_named(file: PhoneFile, quality: float) -> None:
    result = optimised(file.data, quality=quality)
    left = [name for name, encoding in place_encodings().items() if encoding in result.data]
    assert left == []
    assert [part for part in file.kept if part not in result.data] == []
    for words in file.warned:
        assert any(words in warning for warning in result.warnings), result.warnings
    assert len(result.data) <= len(file.data)
    with Image.open(io.BytesIO(result.data)) as image:
        image.load()


def test_fifty_megapixels_are_within_the_limits_and_keep_all_but_the_place() -> None:
    """What is quick of it: header, pixels, metadata, and the copied picture with its gain map."""
    data = ultra_hdr(fifty_megapixels(), behind=video())
    header = read_header(data)
    DEFAULT_LIMITS.check(header.width, header.height)
    image = decode_image(data)
    assert image.pixels.shape == (6120, 8160, 3)
    assert VIDEO_NOTE in image.warnings
    found = with_gain_map(copied(data, image, header, Metadata.KEEP_ALL), data)
    assert found is not None
    made, left_out = found
    assert left_out == 0
    assert [name for name, encoding in place_encodings().items() if encoding in made] == []
    assert [part for part in (COPYRIGHT, b"2026:11:26 12:00:00", b"hdrgm:GainMapMax") if part not in made] == []
    assert len(made) < len(data)
    assert read_header(made).width == 8160


def test_the_files_do_say_where_they_were_taken() -> None:
    encodings = place_encodings().values()
    silent = [file.name for file in FILES if not any(encoding in file.data for encoding in encodings)]
    assert silent == ["wide gamut", "date in the GPS directory's place"]


def test_texts_of_a_png_are_kept_as_comments_or_named() -> None:
    result = optimised(described_png())
    assert [name for name, encoding in place_encodings().items() if encoding in result.data] == []
    comments = decode_image(result.data).other.comments
    assert comments == (b"Copyright: " + COPYRIGHT, b"Description: A caption", "Title: Füße".encode())
    with Image.open(io.BytesIO(result.data)) as image:
        assert image.getexif()[0x8298] == COPYRIGHT.decode()
        assert image.getexif().get_ifd(0x8769)[0x9003] == "2026:11:26 12:00:00"
        assert image.getexif().get_ifd(0x8825) == {}
    assert b"dc:rights" in result.data
    for name in ("Comment", "exif:GPSLatitude", "City", "Source", "Broken"):
        assert any(f"({name})" in warning for warning in result.warnings), result.warnings


@pytest.mark.parametrize(
    ("added", "words"),
    [
        (segment(0xEB, b"JP\0\1\0\0\0\1jumb" + b"c2pa" * 50), "Content Credentials"),
        (segment(0xE4, b"dji" + f"{DEGREES[0]:.6f}".encode()), "APP4"),
        (segment(0xE2, b"FPXR\0" + b"x" * 100), "APP2 data (FPXR)"),
        (exif() + exif(">"), "second block of EXIF"),
        (2 * segment(0xE1, XMP_MARK + xmp(PLACE_IN_XMP)), "second or misnamed XMP"),
        (segment(0xE1, XMP_MARK[:-1] + xmp(PLACE_IN_XMP)), "second or misnamed XMP"),
        (segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 36 + b"\xff" * 4 + b"<x/>"), "extended XMP"),
        (segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + b"\0\0\0\4\0\0\0\0<x/>"), "missing"),
        (segment(0xFE, b"at 48.20960, 16.37010"), "a comment"),
    ],
)
def test_what_a_jpeg_cannot_keep_is_named(added: bytes, words: str) -> None:
    result = optimised(beside(phone_jpeg(), added))
    assert [name for name, encoding in place_encodings().items() if encoding in result.data] == []
    assert any(words in warning for warning in result.warnings), result.warnings
    assert not any("gain map" in warning for warning in result.warnings)
    unasked = optimised(beside(phone_jpeg(), added), metadata="keep-icc")
    assert unasked.warnings == ()


def test_what_is_without_worth_goes_without_a_word() -> None:
    added = segment(0xEC, b"Ducky\0\1\0\4\0\0\0\x3c\0\0"), segment(0xE0, b"JFXX\0\x10" + phone_jpeg(phone_photo(8, 8)))
    assert optimised(beside(phone_jpeg(), *added)).warnings == ()


def test_the_name_of_the_place_goes_from_keywords_too() -> None:
    listed = ("Musterstadt", "Nirgendland|Musterstadt", "cat")
    inner = "".join(f"<rdf:li>{word}</rdf:li>" for word in listed)
    packet = xmp(PLACE_IN_XMP, f"<dc:subject><rdf:Bag>{inner}</rdf:Bag></dc:subject>")
    windows = (0x9C9E, 1, 24, "Musterstadt\0".encode("utf-16-le"))
    comment = (0x9286, 7, 32, b"ASCII\0\0\0" + b"at 48.20960, 16.37010".ljust(24, b" "))
    block = tiff({0: [windows, (0x8298, 2, 25, COPYRIGHT + b"\0")], 0x8769: [comment]})
    data = beside(phone_jpeg(), segment(0xE1, b"Exif\0\0" + block), segment(0xE1, XMP_MARK + packet), iptc())
    result = optimised(data)
    assert [name for name, encoding in place_encodings().items() if encoding in result.data] == []
    assert "Musterstadt".encode("utf-16-le") not in result.data
    assert b"<rdf:li>cat</rdf:li>" in result.data
    assert COPYRIGHT in result.data
    assert {"0x9C9E", "0x9286"} <= {word for warning in result.warnings for word in re.findall(r"0x\w{4}", warning)}


def test_texts_of_a_png_are_not_kept_unasked() -> None:
    result = optimised(described_png(), metadata="keep-icc")
    assert not decode_image(result.data).other.comments
    assert not any("text" in warning for warning in result.warnings)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_keeps_exif_xmp_iptc_and_density(order: str) -> None:
    result = optimised(described_tiff(order))
    assert [name for name, encoding in place_encodings().items() if encoding in result.data] == []
    with Image.open(io.BytesIO(result.data)) as image:
        assert image.getexif()[0x8298] == COPYRIGHT.decode()
        assert image.getexif()[0x010F] == "Maker"
        assert not {256, 257, 259, 273, 279} & set(image.getexif())
        assert image.getexif().get_ifd(0x8769)[0x9003] == "2026:11:26 12:00:00"
        assert image.getexif().get_ifd(0x8825) == {}
        assert image.info["dpi"] == (300, 300)
    assert b"dc:rights" in result.data
    assert b"A caption" in result.data
    assert any("maker note" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("taken at 48.20960, 16.37010", True),
        ("geo:48.2,16.37", True),
        ("+48.2096+016.3701/", True),
        ("48°12'34.56\"N 16°22'12.34\"E", True),
        ("N. Miller, 12.5 EUR", False),
        ("f/2.8, 1/60 s, ISO 100, 48 mm", False),
        ("d 0.512345 0.612345", False),
        ("1.2345 of 6.7890", False),
        ("2026:11:26 12:00:00", False),
    ],
)
def test_pairs_of_coordinates_in_texts(text: str, told: bool) -> None:
    assert Places().told_by(text.encode()) is told


def test_long_texts_are_searched_in_no_time() -> None:
    for text in (b"1" * 60_000, b"1.23456" + b" " * 60_000, b"+12.34" * 10_000, b"1 " * 30_000):
        began = time.process_time()
        Places().told_by(text)
        assert time.process_time() - began < 1


@pytest.mark.parametrize("metadata", ["keep-icc", "strip"])
def test_nothing_at_all_is_kept_by_the_other_policies(metadata: str) -> None:
    for file in FILES:
        data = optimised(file.data, metadata=metadata).data
        kinds = {marker for marker, _, _ in marker_segments(data) if marker >= 0xE0}
        assert kinds <= {0xE0, 0xE2}
        assert not any(encoding in data for encoding in place_encodings().values())


def test_the_index_and_the_list_of_files_name_the_gain_map_as_it_lies() -> None:
    data = optimised(ultra_hdr()).data
    start = data.index(b"MPF\0") + 4
    entries = read_directory(data[start:]).raw(0xB002)
    assert entries is not None
    sizes = struct.unpack(">IIIHHIIIHH", entries)
    behind, size = start + sizes[7], sizes[6]
    assert behind + size == len(data)
    assert sizes[1] == behind
    with Image.open(io.BytesIO(data[behind:])) as image:
        assert image.size == (64, 48)
        image.load()
        assert not image.getexif()
    assert f'Item:Length="{size}"'.encode() in data


def test_xmp_claims_no_video_that_is_gone() -> None:
    for name in ("motion photo", "Ultra HDR with video"):
        file = next(file for file in FILES if file.name == name)
        data = optimised(file.data).data
        assert b"MotionPhoto" not in data
        assert b"MicroVideo" not in data


def test_extended_xmp_is_kept_clean_under_its_new_digest() -> None:
    long = xmp('dc:source="' + "v" * 70_000 + '" photoshop:City="Musterstadt"')
    digest = b"0123456789ABCDEF0123456789ABCDEF"
    main = xmp(f'xmpNote:HasExtendedXMP="{digest.decode()}"')
    head = b"http://ns.adobe.com/xmp/extension/\0" + digest + len(long).to_bytes(4, "big")
    parts = [
        segment(0xE1, head + start.to_bytes(4, "big") + long[start : start + 60_000])
        for start in range(0, len(long), 60_000)
    ]
    data = optimised(beside(phone_jpeg(), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + main), *parts)).data
    kept = decode_image(data).other.extended_xmp
    assert kept is not None
    assert b"v" * 70_000 in kept
    assert b"Musterstadt" not in data
    assert digest not in data


def test_exif_too_long_for_a_jpeg_keeps_what_fits() -> None:
    stream = io.BytesIO()
    block = exif_block(more=((0x927C, 7, 70_000, b"m" * 70_000),))
    Image.new("RGB", (32, 32), "teal").save(stream, "PNG", exif=b"Exif\0\0" + block)
    result = optimised(stream.getvalue())
    with Image.open(io.BytesIO(result.data)) as image:
        assert image.getexif()[0x8298] == "(c) 2026 A. Photographer"
        assert image.getexif().get_ifd(0x8769)[0x9003] == "2026:11:26 12:00:00"
    assert any("maker note" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    "packet",
    [
        b"<x:xmpmeta>" * 3,
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        b"<a>" * 15_000 + b"</a>" * 15_000,
        b"<a>" * 9_000 + b'<b lat="48.2096"/>' + b"</a>" * 9_000,
        b"\xff\xfe not XML",
    ],
    ids=["cut", "entities", "many", "deep", "bytes"],
)
def test_xmp_that_cannot_be_cleaned_is_named_and_left_out(packet: bytes) -> None:
    data = beside(phone_jpeg(), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet[:65_000]))
    result = optimised(data)
    assert b"ns.adobe.com/xap" not in result.data
    assert any("XMP" in warning for warning in result.warnings)
