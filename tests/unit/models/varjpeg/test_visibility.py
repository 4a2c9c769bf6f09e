"""How visible errors are in a block."""

import numpy as np
import pytest

from models.colour import luma
from models.jpeg.dct import forward_dct
from models.varjpeg.visibility import activity, activity_of
from tests.assets.photos import noise, photo


@pytest.mark.parametrize("size", [(8, 8), (64, 48), (320, 240)])
def test_activity_of_pixels_is_that_of_their_dct(size: tuple[int, int]) -> None:
    for pixels in (photo(*size), noise(*size), np.full((*size, 3), 255, np.uint8)):
        plane = luma(pixels)
        np.testing.assert_allclose(activity_of(plane), activity(forward_dct(plane - np.float32(128))), rtol=1e-3)
