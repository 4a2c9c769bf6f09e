"""What of a picture is plain ground, and the parts that are not."""

import numpy as np
import pytest

from models.plain_ground import Box, content_box, content_boxes, content_mask
from models.sur.tiles import tile_places
from tests.assets.photos import noise


@pytest.mark.parametrize("ground", [(255, 255, 255), (230, 231, 228), (0, 0, 0)])
@pytest.mark.parametrize("side", [640, 1600])
def test_an_object_on_a_plain_ground_is_looked_at_alone(ground: tuple[int, int, int], side: int) -> None:
    photo = np.full((side, side, 3), ground, np.uint8)
    photo[160:464, 192:592] = noise(304, 400, lowest=20, highest=219)
    assert content_boxes(photo) == [Box(160, 192, 464, 592)]
    (place, *_) = tile_places(photo)
    np.testing.assert_array_equal(place.cut(photo), noise(304, 400, lowest=20, highest=219)[:256, :256])


def test_two_objects_are_two_parts_and_many_are_one() -> None:
    photo = np.full((1600, 1600, 3), 255, np.uint8)
    photo[160:320, 160:320], photo[800:1200, 800:1200] = (
        noise(160, 160, lowest=20, highest=219),
        noise(400, 400, lowest=20, highest=219),
    )
    assert content_boxes(photo) == [Box(160, 160, 320, 320), Box(800, 800, 1200, 1200)]
    for row in range(64, 1500, 192):
        for column in range(64, 1500, 192):
            photo[row : row + 32, column : column + 32] = noise(32, 32, lowest=20, highest=219)
    (box,) = content_boxes(photo)
    assert (box.top, box.left) == (64, 64)


def test_photos_without_ground_and_pictures_of_nothing_else_are_looked_at_whole() -> None:
    for photo in (
        noise(100, 300, lowest=20, highest=219),
        np.full((100, 300, 3), 7, np.uint8),
        noise(1, 1, lowest=20, highest=219),
    ):
        assert content_boxes(photo) == [Box(0, 0, *photo.shape[:2])]


def test_a_sky_is_no_plain_ground() -> None:
    ramp = np.repeat(np.linspace(120, 180, 480)[:, None, None], 640, axis=1)
    dithered = ramp + np.random.default_rng(1).uniform(-0.5, 0.5, (480, 640, 3))
    assert content_boxes(dithered.round().astype(np.uint8)) == [Box(0, 0, 480, 640)]


def test_box_and_mask_hold_every_part() -> None:
    photo = np.full((640, 801, 3), 255, np.uint8)
    photo[160:320, 160:320], photo[480:560, 640:720] = (
        noise(160, 160, lowest=20, highest=219),
        noise(80, 80, lowest=20, highest=219),
    )
    assert content_box(photo) == Box(160, 160, 560, 720)
    mask = content_mask(photo)
    assert mask.shape == (640, 801)
    assert mask.sum() == 160 * 160 + 80 * 80
    assert content_mask(np.zeros((40, 50, 3), np.uint8)).all()
