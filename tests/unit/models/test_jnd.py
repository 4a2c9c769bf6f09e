"""The JND map of a whole photo from a graph that sees one tile."""

from collections.abc import Mapping

import numpy as np
import pytest

from models.jnd import (
    MARGIN,
    OVERLAP,
    TILE,
    WholePhotoNumbers,
    adapt_to_photo,
    blending_window,
    pad_by_reflection,
    predict_jnd_map,
)
from models.types import Float32Array, RgbImage
from tests.assets.photos import noise


class LocalContrastModel:
    """A graph whose value at a pixel depends on that pixel alone."""

    name, version, provider = "fpsnet", "test", "fake"

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        image = inputs["image"]
        self.shapes.append(image.shape)
        return {"jnd": (image.mean(1, keepdims=True) * 20 + 1).astype(np.float32)}


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 300), (256, 256), (300, 1), (255, 513), (512, 768)])
def test_tiles_of_a_local_model_join_to_a_single_pass(height: int, width: int) -> None:
    image = noise(height, width)
    jnd = predict_jnd_map(image, LocalContrastModel())
    expected = image.mean(2, dtype=np.float64) / 255 * 20 + 1
    assert jnd.values.shape == (height, width)
    assert jnd.values.dtype == np.float32
    np.testing.assert_allclose(jnd.values, expected, rtol=1e-5)


def test_every_tile_has_the_one_shape_of_the_graph() -> None:
    model = LocalContrastModel()
    predict_jnd_map(noise(300, 700), model)
    assert set(model.shapes) == {(1, 3, TILE, TILE)}


def test_tiles_blend_without_a_step() -> None:
    class TileNumberModel(LocalContrastModel):
        def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
            self.shapes.append(inputs["image"].shape)
            return {"jnd": np.full((1, 1, TILE, TILE), len(self.shapes), np.float32)}

    values = predict_jnd_map(noise(200, 600), TileNumberModel()).values
    assert np.abs(np.diff(values, axis=1)).max() < np.pi / OVERLAP
    assert values.max() > values.min()


def test_same_answer_for_grey_and_float_and_decoded_images() -> None:
    grey = noise(40, 50)[..., 0]
    model = LocalContrastModel()
    values = predict_jnd_map(grey, model).values
    rgb = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_array_equal(values, predict_jnd_map(rgb, model).values)
    np.testing.assert_array_equal(values, predict_jnd_map(rgb / 255.0, model).values)
    np.testing.assert_array_equal(values, predict_jnd_map(RgbImage(rgb, rgb), model).values)


def test_progress_rises_to_one_and_may_stop_the_work() -> None:
    seen: list[float] = []
    predict_jnd_map(noise(256, 600), LocalContrastModel(), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert len(seen) > 2

    def stop(_fraction: float) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        predict_jnd_map(noise(256, 600), LocalContrastModel(), progress=stop)


def test_reflection_keeps_the_photo_inside_its_margin() -> None:
    image = noise(5, 400)
    padded = pad_by_reflection(image)
    assert padded.shape == (TILE, 400 + 2 * MARGIN, 3)
    np.testing.assert_array_equal(padded[MARGIN : MARGIN + 5, MARGIN : MARGIN + 400], image)
    np.testing.assert_array_equal(padded[MARGIN - 1, MARGIN], image[0, 0])


def test_window_is_positive_and_symmetric() -> None:
    window = blending_window()
    assert window.min() > 0
    assert window.max() == 1
    np.testing.assert_allclose(window, window[::-1, ::-1], rtol=1e-6)


def test_numbers_of_zero_leave_a_map_alone() -> None:
    jnd = np.random.default_rng(0).uniform(0.5, 9, (30, 40)).astype(np.float32)
    np.testing.assert_allclose(adapt_to_photo(jnd, WholePhotoNumbers()), jnd, rtol=1e-5)


def test_contrast_counts_more_in_a_busy_photo() -> None:
    numbers = WholePhotoNumbers(contrast_slope=0.3)
    calm = np.random.default_rng(0).uniform(0.5, 1.5, (30, 40)).astype(np.float32)
    spread = [np.log(adapt_to_photo(jnd, numbers)).std() for jnd in (calm, calm * 10)]
    assert spread[0] < np.log(calm).std() < spread[1]


def test_stretch_has_limits() -> None:
    jnd = np.array([[0.001, 1000.0]], np.float32)
    extreme = adapt_to_photo(jnd, WholePhotoNumbers(contrast=50.0))
    assert np.isfinite(extreme).all()
    assert (extreme > 0).all()
