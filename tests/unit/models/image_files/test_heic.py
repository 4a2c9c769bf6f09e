"""HEIC files as phones write them, read where the extra is installed; made here by pillow-heif's own encoder."""

import importlib.util
import io
import struct
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from models.decode import apply_orientation, decode_image
from models.errors import ImageTooLargeError, ImageTypeUnsupportedError, ImageUndecodableError, LimenError
from models.image_files import header as image_header
from models.image_files.heif import GAIN_MAP_NOTE
from models.image_files.read import read_header
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions
from tests.assets.phone_files import COPYRIGHT, WORDS, exif_block, place_encodings
from tests.assets.photos import photo

LOSSLESS: dict[str, Any] = {"quality": -1, "chroma": 444}


def heic(pixels: np.ndarray[Any, np.dtype[np.uint8]], mode: str = "RGB", **options: Any) -> bytes:
    """A HEIC of (H, W, 3) pixels, as ``mode``."""
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels).convert(mode)).save(file, **(LOSSLESS | options))
    return file.getvalue()


@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 65), (1, 1), (3, 200)])
def test_pixels_and_size(height: int, width: int) -> None:
    pixels = photo(height, width)
    data = heic(pixels)
    image = decode_image(data)
    assert (image.source_format, image.bit_depth, image.warnings) == ("HEIC", 8, ())
    header = read_header(data)
    assert header.crop is None or header.crop[2:] == (width, height)
    np.testing.assert_allclose(image.pixels.astype(int), pixels, atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_once(orientation: int) -> None:
    pixels = photo(48, 64)
    tag = Image.Exif()
    tag[0x0112] = orientation
    data = heic(pixels, exif=tag.tobytes())
    image = decode_image(data)
    np.testing.assert_allclose(image.pixels.astype(int), apply_orientation(pixels, orientation), atol=1)
    assert read_header(data).orientation == orientation


def test_the_tiles_of_a_grid_are_joined() -> None:
    pixels = photo(700, 900, rise=0.2)
    image = decode_image(heic(pixels, tile_size=256, quality=90))
    assert image.pixels.shape == pixels.shape
    assert np.abs(image.pixels.astype(int) - pixels).mean() < 2


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_grey_and_alpha(mode: str) -> None:
    pixels = photo(48, 64)
    expected = np.asarray(Image.fromarray(pixels).convert(mode).convert("RGB"))
    np.testing.assert_allclose(decode_image(heic(pixels, mode)).pixels.astype(int), expected, atol=2)


def test_what_is_transparent_becomes_white_and_is_named() -> None:
    picture = np.dstack([photo(48, 64), np.zeros((48, 64), np.uint8)])
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(picture)).save(file, **LOSSLESS)
    image = decode_image(file.getvalue())
    assert image.pixels.min() > 250
    assert any("transparen" in warning or "alpha" in warning for warning in image.warnings)


def test_ten_bits() -> None:
    deep = np.random.default_rng(1).integers(0, 1 << 16, (48, 64, 3), dtype=np.uint16)
    file = io.BytesIO()
    pillow_heif.encode("RGB;16", (64, 48), deep.tobytes(), file, **LOSSLESS)
    image = decode_image(file.getvalue())
    assert image.bit_depth == 10
    np.testing.assert_allclose(image.pixels.astype(int), deep >> 8, atol=1)


def test_a_profile_is_kept_and_the_place_is_not() -> None:
    profile = imagecodecs.cms_profile("adobergb")
    data = heic(photo(96, 128), exif=exif_block(), icc_profile=profile, quality=90)
    assert any(encoding in data for encoding in place_encodings().values())
    options = VarJpegOptions(quality=70, steering="none", metadata="keep-all")
    made = optimise_photo(decode_image(data), options, original=data).data
    assert COPYRIGHT in made
    assert profile[:64] in made
    assert [name for name, encoding in place_encodings().items() if encoding in made] == []
    assert not any(word in made for word in WORDS)


def test_a_phones_gain_map_is_named() -> None:
    """Of the file's boxes, whose properties get one more; where its pixels lie is no longer true."""
    data = bytearray(heic(photo(48, 64)))
    urn = b"\0\0\0\0urn:com:apple:photo:2020:aux:hdrgainmap\0"
    box = struct.pack(">I", 8 + len(urn)) + b"auxC" + urn
    starts = [data.index(kind) - 4 for kind in (b"ipco", b"iprp", b"meta")]
    end = starts[0] + struct.unpack_from(">I", data, starts[0])[0]
    for start in starts:
        struct.pack_into(">I", data, start, struct.unpack_from(">I", data, start)[0] + len(box))
    data[end:end] = box
    assert GAIN_MAP_NOTE in read_header(bytes(data)).notes


def test_a_file_that_is_cut_short_or_changed_is_refused_by_type() -> None:
    data = heic(photo(48, 64), quality=90)
    for length in range(0, len(data), 97):
        with pytest.raises(LimenError):
            decode_image(data[:length])
    random = np.random.default_rng(7)
    for _ in range(300):
        changed = bytearray(data)
        for at in random.integers(0, len(data), 3):
            changed[at] = random.integers(256)
        try:
            read_header(bytes(changed))
            decode_image(bytes(changed), max_pixels=60_000)
        except LimenError:
            continue


def test_pictures_larger_than_the_header_says_are_never_decoded() -> None:
    large = heic(np.full((4000, 4000, 3), 90, np.uint8), quality=30)
    lying = large.replace(struct.pack(">II", 4000, 4000), struct.pack(">II", 64, 64))
    with pytest.raises(ImageUndecodableError):
        decode_image(lying)


def test_a_small_crop_of_a_huge_picture_counts_as_huge() -> None:
    """Before a pixel of it is decoded."""
    data = heic(photo(47, 65))  # coded as 66 x 64, with a crop
    huge = data.replace(struct.pack(">II", 66, 64), struct.pack(">II", 16_000, 16_000))
    with pytest.raises(ImageTooLargeError, match="16000 x 16000"):
        decode_image(huge)


def test_where_the_extra_is_missing_the_refusal_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not image_header.heic_is_read()
    with pytest.raises(ImageTypeUnsupportedError, match="the extra heic"):
        decode_image(heic(photo(48, 64)))
