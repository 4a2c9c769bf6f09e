"""The JND map of a photo from graphs that see it whole, or a part of it."""

from collections.abc import Mapping

import numpy as np
import pytest

from models.jnd import predict_jnd_map, prediction
from models.jnd.prediction import AT_ONCE, MARGIN, PART, SIDES, pad_by_reflection, photo_means, spans
from models.plain_ground import Box
from models.types import Float32Array, RgbImage
from tests.assets.photos import noise

LARGE = (1100, 1500)
"""Rows and columns of a photo that is seen in parts."""


class LocalModel:
    """A graph whose value at a pixel depends on that pixel and on the photo's mean."""

    version, provider = "test", "fake"

    def __init__(self, name: str = "fpsnet") -> None:
        self.name = name
        self.shapes: list[tuple[int, ...]] = []

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        image = inputs["image"]
        rows, columns = image.shape[2:]
        maps = [inputs[name].shape for name in ("focus", "perceptual", "deviation")]
        assert maps == [(1, 1, rows, columns), (1, 3, rows // 2, columns // 2), (1, 1, rows, columns)]
        self.shapes.append(image.shape)
        means = inputs.get("means", image.mean((2, 3)))
        values = image.mean(1, keepdims=True) * 20 + 1 + means.mean(1)[:, None, None, None]
        return {"jnd": values.astype(np.float32), "means": means.astype(np.float32)}


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 300), (256, 256), (300, 1), (255, 513), LARGE, (40, 16_000)])
def test_a_local_model_gives_the_value_of_each_pixel(height: int, width: int) -> None:
    image = noise(height, width)
    values = predict_jnd_map(image, LocalModel(), part=LocalModel("fpsnet_part")).values
    light = image.mean(2, dtype=np.float64) / 255
    assert values.shape == (height, width)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values - light * 20, np.full_like(values, np.median(values - light * 20)), rtol=1e-4)


def test_a_photo_is_seen_whole_and_a_large_one_in_parts() -> None:
    whole, part = LocalModel(), LocalModel("fpsnet_part")
    predict_jnd_map(noise(300, 700), whole, part=part)
    assert (len(whole.shapes), len(part.shapes)) == (1, 0)
    predict_jnd_map(noise(*LARGE), whole, part=part)
    assert len(part.shapes) > 1
    sides = {side for shape in whole.shapes + part.shapes for side in shape[2:]}
    assert all(side % SIDES == 0 for side in sides)
    assert max(sides) <= PART
    assert all(rows * columns <= AT_ONCE for *_, rows, columns in whole.shapes + part.shapes)


def test_parts_are_told_the_means_of_the_photo() -> None:
    dark_and_light = np.concatenate([np.full((600, 1500, 3), 20, np.uint8), np.full((600, 1500, 3), 220, np.uint8)])
    means = photo_means(dark_and_light, [Box(0, 0, 1200, 1500)], LocalModel())
    assert means.shape == (1, 3)
    np.testing.assert_allclose(means * 255, 120, atol=15)


def test_plain_ground_has_no_say_in_the_means() -> None:
    alone = noise(320, 400)
    around = np.full((800, 1200, 3), 255, np.uint8)
    around[160:480, 192:592] = alone
    values = predict_jnd_map(around, LocalModel(), part=LocalModel("fpsnet_part")).values
    expected = predict_jnd_map(alone, LocalModel()).values
    np.testing.assert_allclose(values[160:480, 192:592], expected, rtol=1e-3)


@pytest.mark.parametrize("length", [96, PART, PART + SIDES, 3104, 8256, 19_968])
def test_weights_of_parts_add_up_to_one(length: int) -> None:
    total = np.zeros(length)
    for seen, weights in spans(length):
        assert seen.start % SIDES == (seen.stop - seen.start) % SIDES == 0
        assert seen.stop - seen.start <= PART
        assert weights.min() >= 0
        total[seen] += weights
    np.testing.assert_allclose(total, 1, rtol=1e-6)


def test_the_edge_of_a_part_counts_for_nothing_where_another_sees_further() -> None:
    (first, weights), (second, _) = spans(1504)
    assert first.stop > second.start
    assert weights[-prediction.BLIND :].max() < 1e-4
    assert weights[: prediction.BLIND].min() == 1  # the photo's own edge


def test_same_answer_for_grey_and_float_and_decoded_images() -> None:
    grey = noise(40, 50)[..., 0]
    model = LocalModel()
    values = predict_jnd_map(grey, model).values
    rgb = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_array_equal(values, predict_jnd_map(rgb, model).values)
    np.testing.assert_array_equal(values, predict_jnd_map(rgb / 255.0, model).values)
    np.testing.assert_array_equal(values, predict_jnd_map(RgbImage(rgb, rgb), model).values)


def test_progress_rises_to_one_and_may_stop_the_work() -> None:
    seen: list[float] = []
    models = LocalModel(), LocalModel("fpsnet_part")
    predict_jnd_map(noise(*LARGE), models[0], part=models[1], progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert len(seen) > 1

    def stop(_fraction: float) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        predict_jnd_map(noise(*LARGE), models[0], part=models[1], progress=stop)


def test_reflection_keeps_the_photo_inside_its_margin() -> None:
    image = noise(5, 400)
    padded = pad_by_reflection(image)
    assert padded.shape == (128, 512, 3)
    np.testing.assert_array_equal(padded[MARGIN : MARGIN + 5, MARGIN : MARGIN + 400], image)
    np.testing.assert_array_equal(padded[MARGIN - 1, MARGIN], image[0, 0])
