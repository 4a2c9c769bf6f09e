"""Where a photo is looked at: tiles over all that is no plain ground, and how their distances are pooled."""

import numpy as np
import pytest

from models.sur_tiles import CANDIDATE_TILES, TILE, Box, content_boxes, pool_tiles, tile_corners, tile_places


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(20, 220, (height, width, 3)).astype(np.uint8)


def test_tiles_cover_small_photos_and_sample_large_ones() -> None:
    assert tile_corners(1, 1) == [(0, 0)]
    assert tile_corners(512, 768) == [(row, column) for row in (0, 256) for column in (0, 256, 512)]
    large = tile_corners(6000, 4000)
    assert 60 <= len(large) <= CANDIDATE_TILES
    assert max(row for row, _ in large) > 6000 - 2 * TILE
    assert all(row % 16 == 0 and column % 16 == 0 for row, column in large)


@pytest.mark.parametrize(("height", "width"), [(1, 16384), (16384, 1), (300, 16000), (8000, 8000)])
def test_long_photos_are_sampled_along_their_length(height: int, width: int) -> None:
    corners = tile_corners(height, width)
    assert 60 <= len(corners) <= CANDIDATE_TILES
    assert len(set(corners)) == len(corners)
    assert max(row for row, _ in corners) <= max(0, height - TILE)
    assert max(column for _, column in corners) > width - 2 * TILE


@pytest.mark.parametrize("ground", [(255, 255, 255), (230, 231, 228), (0, 0, 0)])
@pytest.mark.parametrize("side", [640, 1600])
def test_an_object_on_a_plain_ground_is_looked_at_alone(ground: tuple[int, int, int], side: int) -> None:
    photo = np.full((side, side, 3), ground, np.uint8)
    photo[160:464, 192:592] = noise(304, 400)
    assert content_boxes(photo) == [Box(160, 192, 464, 592)]
    (place, *_) = tile_places(photo)
    np.testing.assert_array_equal(place.cut(photo), noise(304, 400)[:256, :256])


def test_two_objects_are_two_parts_and_many_are_one() -> None:
    photo = np.full((1600, 1600, 3), 255, np.uint8)
    photo[160:320, 160:320], photo[800:1200, 800:1200] = noise(160, 160), noise(400, 400)
    assert content_boxes(photo) == [Box(160, 160, 320, 320), Box(800, 800, 1200, 1200)]
    for row in range(64, 1500, 192):
        for column in range(64, 1500, 192):
            photo[row : row + 32, column : column + 32] = noise(32, 32)
    (box,) = content_boxes(photo)
    assert (box.top, box.left) == (64, 64)


def test_photos_without_ground_and_pictures_of_nothing_else_are_looked_at_whole() -> None:
    for photo in (noise(100, 300), np.full((100, 300, 3), 7, np.uint8), noise(1, 1)):
        assert content_boxes(photo) == [Box(0, 0, *photo.shape[:2])]


def test_a_sky_is_no_plain_ground() -> None:
    ramp = np.repeat(np.linspace(120, 180, 480)[:, None, None], 640, axis=1)
    dithered = ramp + np.random.default_rng(1).uniform(-0.5, 0.5, (480, 640, 3))
    assert content_boxes(dithered.round().astype(np.uint8)) == [Box(0, 0, 480, 640)]


def test_pooling_keeps_a_constant_and_leans_to_the_worse() -> None:
    assert pool_tiles(np.full(5, 3.25, np.float32)) == 3.25
    assert 3 < pool_tiles(np.array([2, 4], np.float32)) < 4
