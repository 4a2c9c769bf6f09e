"""Where a photo is looked at, and how the distances of its tiles are pooled."""

import numpy as np
import pytest

from models.sur.tiles import MOST_TILES, TILE, pool_tiles, tile_corners


def test_tiles_cover_small_photos_and_sample_large_ones() -> None:
    assert tile_corners(1, 1) == [(0, 0)]
    assert tile_corners(512, 768) == [(row, column) for row in (0, 256) for column in (0, 256, 512)]
    large = tile_corners(6000, 4000)
    assert 60 <= len(large) <= MOST_TILES
    assert max(row for row, _ in large) > 6000 - 2 * TILE
    assert all(row % 16 == 0 and column % 16 == 0 for row, column in large)


@pytest.mark.parametrize(("height", "width"), [(1, 16384), (16384, 1), (300, 16000), (8000, 8000)])
def test_long_photos_are_sampled_along_their_length(height: int, width: int) -> None:
    corners = tile_corners(height, width)
    assert 60 <= len(corners) <= MOST_TILES
    assert len(set(corners)) == len(corners)
    assert max(row for row, _ in corners) <= max(0, height - TILE)
    assert max(column for _, column in corners) > width - 2 * TILE


def test_pooling_keeps_a_constant_and_leans_to_the_worse() -> None:
    assert pool_tiles(np.full(5, 3.25, np.float32)) == 3.25
    assert 3 < pool_tiles(np.array([2, 4], np.float32)) < 4
