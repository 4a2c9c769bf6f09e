"""From maps to one score, with graphs that only average."""

from collections.abc import Mapping

import numpy as np
import pytest

from models.quality_score import area_resize, predict_quality_score, quality_maps
from tests.assets.photos import noise


class MeanOfTile:
    """Stands for ``patchnet_map``."""

    name, version, provider = "patchnet_map", "test", "none"

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        windows = np.lib.stride_tricks.sliding_window_view(inputs["tile"][0].mean(0), (64, 64))[::8, ::8]
        quality = windows.mean((2, 3))[None].astype(np.float32)
        return {"quality": quality, "features": np.stack([quality, 2 * quality], axis=1)}


class MeanOfMaps:
    """Stands for ``quality_score``: a hundred times the mean of the Patchnet map."""

    name, version, provider = "quality_score", "test", "none"

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        assert inputs["maps"].shape == (1, 5, 32, 32)
        assert inputs["maps"].dtype == np.float32
        return {"mos": 100 * inputs["maps"][:, 0].mean((1, 2))}


def test_maps_have_one_size_and_stride_eight() -> None:
    maps = quality_maps(noise(300, 520), MeanOfTile())
    assert maps.shape == (5, (300 - 64) // 8 + 1, (520 - 64) // 8 + 1)
    np.testing.assert_allclose(maps[4], 2 * maps[0], rtol=1e-6)


def test_maps_hold_the_value_of_the_window_at_its_place() -> None:
    image = noise(300, 520)
    maps = quality_maps(image, MeanOfTile())
    assert maps[0, 27, 40] == pytest.approx(image[216:280, 320:384].mean() / 255, rel=1e-5)


def test_grey_map_lies_in_the_middle_of_the_window() -> None:
    image = np.zeros((96, 96, 3), np.uint8)
    image[28:36, 28:36] = 255
    grey = quality_maps(image, MeanOfTile())[2]
    assert grey[0, 0] == pytest.approx(1)
    assert grey.sum() == pytest.approx(1)


def test_plain_ground_changes_nothing() -> None:
    photo = noise(320, 400)
    on_white = np.full((1200, 1600, 3), 255, np.uint8)
    on_white[160:480, 192:592] = photo
    scores = [predict_quality_score(image, MeanOfMaps(), MeanOfTile()) for image in (photo, on_white)]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("shape", [(1, 1), (40, 700), (300, 64)])
def test_any_size_gives_a_score(shape: tuple[int, int]) -> None:
    found = predict_quality_score(noise(*shape), MeanOfMaps(), MeanOfTile())
    assert found.mos == pytest.approx(100 * found.patchnet_mean, rel=1e-4)
    assert found.fish >= 0


@pytest.mark.parametrize("shape", [(1, 1), (7, 13), (64, 64), (113, 177), (200, 64)])
def test_area_resize_keeps_the_mean(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(1).random(shape).astype(np.float32)
    small = area_resize(values, 64, 64)
    assert small.shape == (64, 64)
    assert small.mean() == pytest.approx(values.mean(), rel=1e-5)
    np.testing.assert_array_equal(area_resize(np.stack([values, values]), 64, 64)[1], small)
    if shape == (64, 64):
        np.testing.assert_allclose(small, values, rtol=1e-5)


def test_area_resize_averages_whole_cells() -> None:
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    np.testing.assert_allclose(area_resize(values, 2, 2), [[2.5, 4.5], [10.5, 12.5]])
