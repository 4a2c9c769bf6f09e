"""Coefficients read from JPEG files: against libjpeg-turbo's pixels, against lossless re-codings, and damaged files."""

import io
from typing import Any

import mozjpeg_lossless_optimization
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.decode import apply_orientation
from models.errors import ImageUndecodableError, LimenError
from models.jpeg.bitstream import Component, jpeg_file
from models.jpeg.coefficients import JpegCoefficients, read_coefficients, turned_upright
from models.jpeg.dct import inverse_dct
from models.varjpeg.recompress import PreparedJpeg
from tests.assets.photos import jpeg, photo

SIZES = [(1, 1), (8, 8), (17, 33), (64, 48), (100, 131)]


def same(a: JpegCoefficients, b: JpegCoefficients) -> bool:
    return all(
        np.array_equal(one.blocks, other.blocks) and np.array_equal(one.table, other.table)
        for one, other in zip(a.components, b.components, strict=True)
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True, "quality": 96}, {"quality": 5}])
def test_luma_is_what_libjpeg_decodes(size: tuple[int, int], options: dict[str, Any]) -> None:
    data = jpeg(photo(*size), **options)
    luma = read_coefficients(data).components[0]
    plane = inverse_dct(luma.blocks.astype(np.float32) * luma.table.astype(np.float32), *size) + 128
    with Image.open(io.BytesIO(data)) as image:
        image.draft("YCbCr", None)
        decoded = np.asarray(image.convert("YCbCr"))[:, :, 0]
    assert np.abs(plane.clip(0, 255) - decoded).max() <= 2


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("size", SIZES)
def test_every_coding_of_the_same_coefficients_reads_alike(subsampling: str, size: tuple[int, int]) -> None:
    plain = jpeg(photo(*size), subsampling=subsampling, quality=88)
    expected = read_coefficients(plain)
    assert same(read_coefficients(jpeg(photo(*size), subsampling=subsampling, quality=88, progressive=True)), expected)
    assert same(read_coefficients(jpeg(photo(*size), subsampling=subsampling, quality=88, optimize=True)), expected)
    assert same(read_coefficients(mozjpeg_lossless_optimization.optimize(plain)), expected)
    restarts = jpeg(photo(*size), subsampling=subsampling, quality=88, restart_marker_blocks=3)
    assert b"\xff\xd0" in restarts or size == (1, 1) or size == (8, 8)
    assert same(read_coefficients(restarts), expected)


def test_grey_files_have_one_component() -> None:
    grey = read_coefficients(jpeg(photo(100, 131)[:, :, 0]))
    assert [c.blocks.shape for c in grey.components] == [(13, 17, 64)]


def test_what_is_written_is_read_again() -> None:
    original = read_coefficients(jpeg(photo(100, 131), subsampling="4:2:0", quality=80))
    parts = [
        Component(component.blocks, table=min(number, 1), sampling=(1, 1) if number else (2, 2))
        for number, component in enumerate(original.components)
    ]
    tables = [component.table.astype(np.uint8) for component in original.components[:2]]
    data = jpeg_file(original.height, original.width, parts, tables, b"")
    assert same(read_coefficients(data), original)
    with (
        Image.open(io.BytesIO(data)) as ours,
        Image.open(io.BytesIO(jpeg(photo(100, 131), subsampling="4:2:0", quality=80))) as a,
    ):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(a))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("subsampling", "size"), [("4:4:4", (40, 56)), ("4:2:2", (64, 48)), ("4:2:0", (48, 64))])
def test_turned_coefficients_show_the_turned_photo(orientation: int, subsampling: str, size: tuple[int, int]) -> None:
    data = jpeg(photo(*size), subsampling=subsampling, quality=90)
    turned = PreparedJpeg(turned_upright(read_coefficients(data), orientation), None).lossless()
    with Image.open(io.BytesIO(data)) as image, Image.open(io.BytesIO(turned)) as ours:
        expected = apply_orientation(np.asarray(image), orientation).astype(int)
        miss = np.abs(np.asarray(ours) - expected)
    # libjpeg fills in chroma halved across by a triangle, chroma halved down by repeating: those differ by more
    assert miss.max() <= (4 if subsampling != "4:2:2" else 40)
    assert miss.mean() < (0.3 if subsampling != "4:2:2" else 2)


def test_an_edge_that_is_no_whole_unit_cannot_come_first() -> None:
    odd = read_coefficients(jpeg(photo(40, 50), subsampling="4:2:0"))
    assert turned_upright(odd, 5).width == 40
    for orientation in (2, 3, 4, 6, 7, 8):
        with pytest.raises(ImageUndecodableError):
            turned_upright(odd, orientation)


@pytest.mark.parametrize("size", [(64, 48), (99, 131)])
@pytest.mark.parametrize("orientation", [1, 5])
def test_chroma_halved_in_one_direction_is_coded_again(size: tuple[int, int], orientation: int) -> None:
    source = turned_upright(read_coefficients(jpeg(photo(*size), subsampling="4:2:2", quality=92)), orientation)
    prepared = PreparedJpeg(source, None, protect=np.ones((source.height, source.width)))
    assert same(read_coefficients(prepared.lossless()), source)
    coarse = PreparedJpeg(source, None).encode(60.0)
    assert coarse.subsampling == {1: "422", 5: "440"}[orientation]
    assert len(coarse.data) < len(prepared.encode(60.0).data)
    with Image.open(io.BytesIO(coarse.data)) as image:
        assert image.size == (source.width, source.height)
        error = np.asarray(image.convert("RGB"), float) - apply_orientation(photo(*size), orientation)
    assert np.sqrt((error**2).mean()) < 9


WHOLE = [jpeg(photo(40, 56)), jpeg(photo(40, 56), progressive=True), jpeg(photo(40, 56), restart_marker_blocks=2)]


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", WHOLE[0][:200], jpeg(photo(40, 56))[:-40]])
def test_what_is_no_whole_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(LimenError):
        read_coefficients(data)


def test_too_many_pixels_are_refused() -> None:
    with pytest.raises(LimenError):
        read_coefficients(WHOLE[0], max_pixels=1000)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_files_are_read_or_refused(data: st.DataObject) -> None:
    block = bytearray(data.draw(st.sampled_from(WHOLE)))
    for _ in range(data.draw(st.integers(1, 5))):
        block[data.draw(st.integers(2, len(block) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_coefficients(bytes(block), max_pixels=1_000_000)
    except LimenError:
        return
