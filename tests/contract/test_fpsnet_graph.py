"""The shipped FPSNet graphs keep what their manifest entries and card promise."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from models.graphs.artefacts import load_manifest, load_model
from models.jnd import predict_jnd_map
from models.jnd.prediction import SIDES, graph_inputs, pad_by_reflection, photo_means
from models.plain_ground import content_boxes
from models.types import Rgb8
from tests.assets.photos import half_textured, noise, photo

SEAM = 0.03
"""Largest step of the thresholds of a smooth gradient along a straight line, relative."""


@pytest.mark.parametrize("name", ["fpsnet", "fpsnet_part"])
def test_contract_names_what_serving_gives(name: str) -> None:
    entry = load_manifest()[name]
    assert entry.inputs["image"][:2] == ["N", 3]
    assert all(isinstance(side, str) and side.startswith(f"{SIDES}*") for side in entry.inputs["image"][2:])
    assert entry.contract["sees"] == "whole photo"
    assert entry.contract["sides"] == f"multiples of {SIDES}"


@pytest.mark.parametrize("name", ["fpsnet", "fpsnet_part"])
def test_a_company_may_use_the_weights(name: str) -> None:
    assert "any use" in load_manifest()[name].licence


def test_texture_hides_more_than_a_flat_region() -> None:
    values = predict_jnd_map(half_textured(256, 320, 4, level=150, deviation=22)).values
    assert np.isfinite(values).all()
    assert np.median(values[:, 200:]) > 2 * np.median(values[:, :120])
    assert 0.3 < np.median(values[:, :120]) < np.median(values[:, 200:]) < 30


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (3, 2), (2, 20_000)])
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


def test_batch_gives_what_single_photos_give() -> None:
    photos = [graph_inputs(noise(64, 96, seed=seed)) for seed in range(2)]
    model = load_model("fpsnet")
    both = model.run({name: np.concatenate([photo[name] for photo in photos]) for name in photos[0]})["jnd"]
    single = np.concatenate([model.run(photo)["jnd"] for photo in photos])
    np.testing.assert_allclose(both, single, rtol=1e-4)


def sky(rows: int, columns: int) -> Rgb8:
    """A smooth gradient down and across with a faint dither."""
    y, x = np.mgrid[0:rows, 0:columns]
    planes = [90 + 70 * y / rows + 15 * x / columns, 130 + 60 * y / rows + 10 * x / columns, 190 + 40 * y / rows]
    dither = np.random.default_rng(0).normal(0, 0.6, (rows, columns, 1))
    return np.clip(np.rint(np.stack(planes, -1) + dither), 0, 255).astype(np.uint8)


def steps(values: NDArray[np.float32], axis: int) -> float:
    """Largest relative step between the means of four lines and of the next four, anywhere."""
    lines = np.log(values.astype(np.float64)).mean(axis=1 - axis)
    means = [float(lines[start : start + 4].mean()) for start in range(8, len(lines) - 12)]
    return max(abs(after - before) for before, after in pairwise(means[::4]))


def test_a_smooth_sky_has_no_seam() -> None:
    values = predict_jnd_map(sky(1024, 2048)).values
    assert max(steps(values, 0), steps(values, 1)) < SEAM


def test_parts_give_what_the_whole_gives() -> None:
    tile = noise(410, 650)
    image = np.concatenate([tile, np.repeat(np.repeat(tile[:205, :325], 2, 0), 2, 1)]).repeat(2, axis=1)
    image = np.concatenate([image, half_textured(820, 1300, 4, level=120, deviation=9)])
    padded = pad_by_reflection(image)
    told = graph_inputs(padded) | {"means": photo_means(image, content_boxes(image), load_model("fpsnet"))}
    whole = load_model("fpsnet_part").run(told)["jnd"][0, 0, 48 : 48 + image.shape[0], 48 : 48 + image.shape[1]]
    difference = np.abs(predict_jnd_map(image).values / whole - 1)
    assert difference.max() < 0.05
    assert np.quantile(difference, 0.999) < 0.01


@pytest.mark.parametrize("ground", [255, 230])
def test_an_objects_thresholds_are_the_same_on_any_plain_ground(ground: int) -> None:
    """But for a rim where it meets the ground, which hides some of what is done to it."""
    alone = photo(320, 416, seed=3)
    around = np.full((1040, 1600, 3), ground, np.uint8)
    around[352:672, 592:1008] = alone
    inner = predict_jnd_map(around).values[368:656, 608:992]
    assert np.abs(inner / predict_jnd_map(alone).values[16:-16, 16:-16] - 1).mean() < 0.03
