"""The same file quality, the same promise: an object's share of viewers is the same on any plain ground."""

import numpy as np
import pytest

from models.decode import decode_image
from models.sur.observers import find_profile
from models.sur.reference import profile_reference
from models.types import Rgb8
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions
from tests.assets.photos import photo, png

OBJECT = photo(304, 400, seed=21)
PLACES = {(600, 800): (152, 208), (1200, 1600): (448, 608)}
FURTHEST = 0.05


def share(pixels: Rgb8, quality: int) -> float:
    """Of Limen's own file at that quality."""
    data = png(pixels)
    made = optimise_photo(decode_image(data), VarJpegOptions(quality=quality), original=data).data
    profile = find_profile("aic-3")
    return profile_reference(pixels, profile).sur(decode_image(made), profile)


@pytest.mark.parametrize("quality", [60, 85])
def test_the_share_is_that_of_the_object_alone(quality: int) -> None:
    alone = share(OBJECT, quality)
    for (height, width), (top, left) in PLACES.items():
        around = np.full((height, width, 3), 255, np.uint8)
        around[top : top + OBJECT.shape[0], left : left + OBJECT.shape[1]] = OBJECT
        assert share(around, quality) == pytest.approx(alone, abs=FURTHEST)
