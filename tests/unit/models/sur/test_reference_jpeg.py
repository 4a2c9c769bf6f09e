"""The reference encode takes any pixels, noise in saturated colours among them."""

import os
import tempfile

import numpy as np
import pytest
from PIL import ImageFile

from models.jpeg.pixels import decode_jpeg
from models.sur.reference_jpeg import encode_reference_jpeg, reference_jpeg_pixels


@pytest.mark.parametrize("size", [(20, 3000), (17, 5000), (1, 9000), (600, 600)])
@pytest.mark.parametrize("quality", [86, 94, 95, 100])
def test_noise_needs_more_room_than_pillow_makes(size: tuple[int, int], quality: int) -> None:
    pixels = (np.random.default_rng(1).integers(0, 2, (*size, 3)) * 255).astype(np.uint8)
    usual = ImageFile.MAXBLOCK
    assert decode_jpeg(encode_reference_jpeg(pixels, quality)).shape == pixels.shape
    assert usual == ImageFile.MAXBLOCK


@pytest.mark.parametrize("size", [(1, 1), (17, 31), (256, 250)])
@pytest.mark.parametrize("quality", [1, 50, 89, 100])
def test_its_pixels_need_no_reference_encode(size: tuple[int, int], quality: int) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (*size, 3), dtype=np.uint8)
    decoded = decode_jpeg(encode_reference_jpeg(pixels, quality))
    np.testing.assert_array_equal(reference_jpeg_pixels(pixels, quality), decoded)


def test_its_pixels_are_those_of_any_view_of_the_photo() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    for view in (pixels[:, ::2], pixels[::-1], pixels[:1, :1], pixels.transpose(1, 0, 2)):
        decoded = decode_jpeg(encode_reference_jpeg(view, 80))
        np.testing.assert_array_equal(reference_jpeg_pixels(view, 80), decoded)


def test_it_needs_no_folder_and_no_file_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    usual = encode_reference_jpeg(pixels, 80)
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert encode_reference_jpeg(pixels, 80) == usual
    monkeypatch.delattr(os, "memfd_create", raising=False)
    assert encode_reference_jpeg(pixels, 80) == usual
