"""What passes for an untouched photo: drawn by seed, never larger, and some are left as they are."""

import numpy as np

from training.distort.originals import SCALE, as_another_camera
from training.labels.artefact_pairs import TRAIN_RECIPE, VAL_RECIPE


def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)


def test_the_same_seed_gives_the_same_original() -> None:
    for seed in range(5):
        first, again = (as_another_camera(photo(), np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(first, again)


def test_originals_differ_in_size_and_in_detail_and_some_are_left_alone() -> None:
    found = [as_another_camera(photo(), np.random.default_rng(seed)) for seed in range(40)]
    assert all(one.dtype == np.uint8 and one.shape[2] == 3 for one in found)
    heights = {one.shape[0] for one in found}
    assert max(heights) == 96
    assert 96 * SCALE[0] <= min(heights) < 96
    whole = [one for one in found if one.shape == (96, 128, 3)]
    untouched = [np.array_equal(one, photo()) for one in whole]
    assert any(untouched)
    assert not all(untouched)


def test_what_is_measured_on_is_not_varied() -> None:
    assert TRAIN_RECIPE.vary is as_another_camera
    assert VAL_RECIPE.vary is None
