"""The reference encode takes any pixels, noise in saturated colours among them."""

import numpy as np
import pytest
from PIL import ImageFile

from models.jpeg.pixels import decode_jpeg
from models.sur.reference_jpeg import encode_reference_jpeg


@pytest.mark.parametrize("size", [(20, 3000), (17, 5000), (1, 9000), (600, 600)])
@pytest.mark.parametrize("quality", [86, 94, 95, 100])
def test_noise_needs_more_room_than_pillow_makes(size: tuple[int, int], quality: int) -> None:
    pixels = (np.random.default_rng(1).integers(0, 2, (*size, 3)) * 255).astype(np.uint8)
    usual = ImageFile.MAXBLOCK
    assert decode_jpeg(encode_reference_jpeg(pixels, quality)).shape == pixels.shape
    assert usual == ImageFile.MAXBLOCK
