"""Sliding windows and tiles of the local quality maps, with graphs that only average their input."""

from collections.abc import Mapping

import numpy as np
import pytest

from models.errors import ImageSizesDifferError, InvalidParameterError
from models.patch_quality import (
    BATCH,
    predict_patch_dmos_map,
    predict_patch_quality_map,
    tiled_patch_quality,
)
from tests.assets.photos import noise

Arrays = Mapping[str, np.ndarray]


class MeanOfPatch:
    """Stands for ``patchnet``: the mean of the patch."""

    name, version, provider = "patchnet", "test", "none"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        patch = inputs["patch"]
        assert patch.shape[1:] == (3, 64, 64)
        assert patch.dtype == np.float32
        self.batches.append(len(patch))
        return {"quality": patch.mean((1, 2, 3))}


class MeanOfTile:
    """Stands for ``patchnet_map``: the mean of the patch at every eighth pixel of a tile."""

    name, version, provider = "patchnet_map", "test", "none"

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        tile = inputs["tile"]
        assert tile.shape == (1, 3, 256, 256)
        windows = np.lib.stride_tricks.sliding_window_view(tile[0].mean(0), (64, 64))[::8, ::8]
        return {"quality": windows.mean((2, 3))[None].astype(np.float32)}


class Difference:
    """Stands for ``dipqa``: 5 minus the mean absolute difference."""

    name, version, provider = "dipqa", "test", "none"

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        return {"dmos": 5 - np.abs(inputs["reference"] - inputs["distorted"]).mean((1, 2, 3))}


def test_value_belongs_to_the_window_at_its_place() -> None:
    image = noise(100, 130)
    found = predict_patch_quality_map(image, MeanOfPatch(), stride=16)
    assert found.values.shape == ((100 - 64) // 16 + 1, (130 - 64) // 16 + 1)
    assert (found.patch_size, found.stride) == (64, 16)
    assert found.values[2, 3] == pytest.approx(image[32:96, 48:112].mean() / 255, rel=1e-5)


def test_batches_are_bounded() -> None:
    model = MeanOfPatch()
    predict_patch_quality_map(noise(160, 160), model, stride=8)
    assert max(model.batches) <= BATCH
    assert sum(model.batches) == 13 * 13


@pytest.mark.parametrize("stride", [1, 4, 8, 16, 24])
@pytest.mark.parametrize("shape", [(64, 64), (70, 257), (300, 290)])
def test_tiles_equal_the_sliding_window(stride: int, shape: tuple[int, int]) -> None:
    if stride == 1 and shape != (70, 257):
        pytest.skip("one shape is enough at stride 1")
    image = noise(*shape)
    tiled = tiled_patch_quality(image, MeanOfTile(), stride=stride)
    slid = predict_patch_quality_map(image, MeanOfPatch(), stride=stride).values
    np.testing.assert_allclose(tiled, slid, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (63, 65)])
def test_small_images_are_extended_by_reflection(shape: tuple[int, int]) -> None:
    image = noise(*shape)
    found = predict_patch_quality_map(image, MeanOfPatch()).values
    assert found.shape[0] == 1
    assert np.isfinite(found).all()
    if shape == (1, 1):
        assert found[0, 0] == pytest.approx(image.mean() / 255, rel=1e-5)


def test_grey_and_float_images_give_the_same_map() -> None:
    grey = noise(80, 80)[..., 0]
    first = predict_patch_quality_map(grey, MeanOfPatch()).values
    second = predict_patch_quality_map(grey.astype(np.float64) / 255, MeanOfPatch()).values
    np.testing.assert_array_equal(first, second)


def test_progress_rises_to_one_and_may_stop_the_work() -> None:
    seen: list[float] = []
    predict_patch_quality_map(noise(128, 128), MeanOfPatch(), stride=4, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0

    def stop(_: float) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        predict_patch_quality_map(noise(128, 128), MeanOfPatch(), progress=stop)
    seen.clear()
    tiled_patch_quality(noise(300, 300), MeanOfTile(), stride=4, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize("size", [64, 128])
def test_dmos_map_steps_by_half_a_patch(size: int) -> None:
    image = noise(200, 256)
    found = predict_patch_dmos_map(image, image, Difference(), patch_size=size)
    assert found.values.shape == ((200 - size) // (size // 2) + 1, (256 - size) // (size // 2) + 1)
    assert (found.values == 5).all()


def test_wrong_parameters_are_refused() -> None:
    image = noise(70, 70)
    with pytest.raises(InvalidParameterError):
        predict_patch_quality_map(image, MeanOfPatch(), stride=0)
    with pytest.raises(InvalidParameterError):
        predict_patch_dmos_map(image, image, Difference(), patch_size=96)
    with pytest.raises(ImageSizesDifferError):
        predict_patch_dmos_map(image, image[:-1], Difference())
