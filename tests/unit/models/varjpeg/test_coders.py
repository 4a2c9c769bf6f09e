"""The files that a search chooses among."""

import numpy as np
import pytest

from models.jpeg.pixels import decode_jpeg
from models.sur.reference_jpeg import encode_reference_jpeg
from models.types import RgbImage
from models.varjpeg.coders import JpegCoder
from tests.assets.photos import photo


@pytest.mark.parametrize("size", [(64, 48), (16, 16), (257, 301)])
def test_libjpeg_turbos_file_is_sent_in_smaller_scans(size: tuple[int, int]) -> None:
    pixels = photo(*size)
    coder = JpegCoder(RgbImage(pixels, pixels), None, None, "keep-icc", "auto", "none", None)
    assert coder.encode_turbo is not None
    encoded = coder.encode_turbo(85)
    assert len(encoded.data) < len(encode_reference_jpeg(pixels, 85))
    assert len(encoded.data) <= len(encoded.draft)
    np.testing.assert_array_equal(decode_jpeg(encoded.data), decode_jpeg(encoded.draft))
