"""Patches and their mean in the full-reference score, with a graph that only subtracts."""

from collections.abc import Mapping

import numpy as np
import pytest

from models.errors import ImageSizesDifferError
from models.full_reference import BATCH, predict_full_reference_score
from tests.assets.photos import noise


class Difference:
    """100 minus the mean absolute difference in levels."""

    name, version, provider = "full_reference", "test", "none"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        first, second = inputs["reference"], inputs["distorted"]
        assert first.shape[1:] == (3, 128, 128)
        self.batches.append(len(first))
        return {"score": 100 - 255 * np.abs(first - second).mean((1, 2, 3))}


def test_score_is_the_mean_over_patches() -> None:
    image = noise(256, 384, highest=199)
    changed = image.copy()
    changed[:128, :128] += 12
    model = Difference()
    found = predict_full_reference_score(image, changed, model)
    assert found.patch_scores.shape == (2, 3)
    assert found.patch_scores[0, 0] == pytest.approx(88, abs=1e-3)
    assert found.score == pytest.approx(100 - 12 / 6, abs=1e-3)
    assert max(model.batches) <= BATCH


@pytest.mark.parametrize("ground", [0, 255])
def test_plain_ground_changes_nothing(ground: int) -> None:
    image = noise(256, 384, highest=199)
    changed = np.minimum(image, 200) + np.uint8(12)
    alone = predict_full_reference_score(image, changed, Difference()).score
    around = [np.full((1024, 1280, 3), ground, np.uint8) for _ in range(2)]
    for whole, part in zip(around, (image, changed), strict=True):
        whole[128:384, 256:640] = part
    found = predict_full_reference_score(around[0], around[1], Difference())
    assert found.score == pytest.approx(alone, abs=2)
    assert found.patch_scores.shape == (8, 10)


def test_a_picture_of_ground_alone_is_scored_whole() -> None:
    flat = np.full((256, 256, 3), 90, np.uint8)
    assert predict_full_reference_score(flat, flat + np.uint8(5), Difference()).score == pytest.approx(95, abs=1e-3)


def test_classical_metrics_stand_beside_it() -> None:
    image = noise(130, 140, highest=199)
    same = predict_full_reference_score(image, image, Difference())
    assert (same.score, same.psnr_db) == (100, float("inf"))
    assert same.ssim == pytest.approx(1)
    assert same.ms_ssim == pytest.approx(1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (127, 129), (300, 131)])
def test_any_size(shape: tuple[int, int]) -> None:
    seen: list[float] = []
    found = predict_full_reference_score(
        noise(*shape, highest=199), noise(*shape, highest=199), Difference(), progress=seen.append
    )
    assert found.score == 100
    assert seen[-1] == 1.0


def test_sizes_must_agree() -> None:
    with pytest.raises(ImageSizesDifferError):
        predict_full_reference_score(noise(20, 20, highest=199), noise(20, 21, highest=199), Difference())
