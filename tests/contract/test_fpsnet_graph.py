"""The shipped FPSNet graph keeps what its manifest entry and card promise."""

import numpy as np
import pytest

from models.graphs.artefacts import load_manifest, load_model
from models.jnd import OVERLAP, TILE, predict_jnd_map
from tests.assets.photos import half_textured


def test_contract_names_the_tile_that_serving_cuts() -> None:
    entry = load_manifest()["fpsnet"]
    assert entry.inputs == {"image": ["N", 3, TILE, TILE]}
    assert entry.outputs == {"jnd": ["N", 1, TILE, TILE]}
    assert entry.contract["tile"] == TILE
    assert entry.contract["overlap"] == OVERLAP


def test_texture_hides_more_than_a_flat_region() -> None:
    values = predict_jnd_map(half_textured(256, 320, 4, level=150, deviation=22)).values
    assert np.isfinite(values).all()
    assert np.median(values[:, 200:]) > 2 * np.median(values[:, :120])
    assert 0.3 < np.median(values[:, :120]) < np.median(values[:, 200:]) < 30


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (3, 2)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_any_size_and_level_is_finite_and_positive(size: tuple[int, int], level: int) -> None:
    values = predict_jnd_map(np.full(size, level, np.uint8)).values
    assert values.shape == size
    assert np.isfinite(values).all()
    assert (values > 0).all()


def test_mirrored_photo_gives_nearly_the_mirrored_map() -> None:
    image = half_textured(256, 256, 4, level=150, deviation=22)
    values, mirrored = predict_jnd_map(image).values, predict_jnd_map(image[:, ::-1]).values[:, ::-1]
    assert np.mean(np.abs(values - mirrored)) < 0.15 * np.mean(values)


def test_two_runs_give_the_same_numbers() -> None:
    image = half_textured(64, 80, 4, level=150, deviation=22)
    np.testing.assert_array_equal(predict_jnd_map(image).values, predict_jnd_map(image).values)


def test_batch_gives_what_single_tiles_give() -> None:
    tiles = np.random.default_rng(0).random((2, 3, TILE, TILE), dtype=np.float32)
    model = load_model("fpsnet")
    both = model.run({"image": tiles})["jnd"]
    single = np.concatenate([model.run({"image": tile[None]})["jnd"] for tile in tiles])
    np.testing.assert_allclose(both, single, rtol=1e-4)
