"""The distortion generator: same seed, same pixels; stronger is worse; PSNR met."""

import numpy as np
import pytest

from models.metrics.classical import psnr_db
from training.distort.distortions import (
    ADDED,
    GENERATED,
    UNSEEN,
    draw_distorted,
    draw_local_mixture,
)
from training.distort.local_errors import block_errors
from training.distort.strength import Distortion, at_psnr
from training.distort.tid2013 import PSNR_OF_LEVEL_DB, RECREATED, kind_of


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """In strong colours: on greyer waves some levels of TID miss their PSNR."""
    rows, columns = np.mgrid[:96, :128]
    waves = np.stack([np.sin(rows / 7 + k) + np.cos(columns / (5 + k / 9)) for k in range(3)], axis=-1)
    texture = np.random.default_rng(0).normal(0, 15, (96, 128, 1))
    return np.clip(120 + 45 * waves + texture, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", [*GENERATED, *ADDED], ids=lambda kind: kind.name)
def test_kind_keeps_size_and_repeats_itself(kind: Distortion, photo: np.ndarray) -> None:
    weak, strong, again = (
        kind.apply(photo, strength, np.random.default_rng(5))
        for strength in (kind.weakest, kind.strongest, kind.strongest)
    )
    assert weak.shape == photo.shape
    assert weak.dtype == np.uint8
    np.testing.assert_array_equal(strong, again)
    assert psnr_db(photo, strong) < psnr_db(photo, weak)


def test_drawn_distortion_depends_on_the_seed_alone(photo: np.ndarray) -> None:
    first, second, other = (draw_distorted(photo, seed=seed) for seed in (3, 3, 4))
    assert first[1] == second[1]
    np.testing.assert_array_equal(first[0], second[0])
    assert first[1] != other[1] or not np.array_equal(first[0], other[0])


def test_local_mixture_depends_on_the_seed_alone_and_differs_over_the_photo(photo: np.ndarray) -> None:
    first, again = (draw_local_mixture(photo, seed=4) for _ in range(2))
    assert first[1] == again[1]
    np.testing.assert_array_equal(first[0], again[0])
    assert first[0].shape == photo.shape
    assert len(first[1].split("|")) == 2


def test_labels_drawn_by_seed_do_not_know_the_kinds_that_were_added(photo: np.ndarray) -> None:
    drawn = {draw_distorted(photo, seed=seed)[1] for seed in range(40)}
    assert not any("varjpeg" in name for name in drawn)


@pytest.mark.parametrize("distortion", [1, 3, 5, 8, 10, 11, 16, 17, 19, 21])
@pytest.mark.parametrize("level", [1, 3])
def test_tid_levels_meet_their_psnr(distortion: int, level: int, photo: np.ndarray) -> None:
    kind, target = kind_of(distortion, level), PSNR_OF_LEVEL_DB[level - 1]
    distorted = at_psnr(photo, kind.apply, target, seed=1, low=kind.low, high=kind.high)
    assert psnr_db(photo, distorted) == pytest.approx(target, abs=1.0)


def test_every_tid_distortion_is_made_again() -> None:
    assert set(RECREATED) == set(range(1, 25))


@pytest.mark.parametrize("kind", UNSEEN, ids=lambda kind: kind.name)
def test_unseen_kind_keeps_size_and_gets_worse_with_strength(kind: Distortion, photo: np.ndarray) -> None:
    weak, strong = (
        kind.apply(photo, strength, np.random.default_rng(5)) for strength in (kind.weakest, kind.strongest)
    )
    assert weak.shape == strong.shape == photo.shape
    assert psnr_db(photo, strong) < psnr_db(photo, weak)


def test_unseen_kinds_are_not_drawn_for_labels(photo: np.ndarray) -> None:
    assert not {kind.name for kind in UNSEEN} & {kind.name for kind in (*GENERATED, *ADDED)}


@pytest.mark.parametrize("shape", [(1, 1), (9, 5), (17, 33)])
def test_small_images_do_not_break_it(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for kind in GENERATED:
        assert kind.apply(image, kind.weakest, np.random.default_rng(0)).shape == image.shape
    assert block_errors(3)(image, 20, np.random.default_rng(0)).shape == image.shape
