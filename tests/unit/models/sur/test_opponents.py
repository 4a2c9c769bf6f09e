"""What the network sees of a tile; ``tests/unit/training/networks`` compares it with what training sees."""

import numpy as np

from models.sur.opponents import opponents


def test_greys_have_no_colour() -> None:
    greys = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    planes = opponents(greys)
    assert planes.shape == (3, 16, 16)
    assert planes.dtype == np.float32
    np.testing.assert_allclose(planes[1:], 0, atol=1e-5)
    assert (np.diff(planes[0].ravel()) > 0).all()


def test_red_and_green_are_opponents_and_blue_stands_out_of_lightness() -> None:
    colours = np.array([[[200, 40, 40], [40, 200, 40], [40, 40, 200]]], np.uint8)
    _, red_green, blue = opponents(colours)
    assert red_green[0, 0] > 0 > red_green[0, 1]
    assert blue[0, 2] > 0 > max(blue[0, 0], blue[0, 1])


def test_white_is_near_one() -> None:
    assert abs(opponents(np.full((1, 1, 3), 255, np.uint8))[0, 0, 0] - 1) < 0.01
