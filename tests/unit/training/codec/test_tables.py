"""The fit of the codec's tables, with a judge that costs nothing."""

import numpy as np
from numpy.typing import NDArray

from models.types import Rgb8
from models.varjpeg.tables import Design, design_at
from training.codec.tables import fit_design, log_size, prepare


def by_error(reference: Rgb8, distorted: Rgb8) -> tuple[float, float]:
    """Two names for the same score."""
    score = -float(np.square(reference.astype(float) - distorted).mean())
    return score, score


def crop(seed: int = 0, side: int = 64) -> Rgb8:
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side]
    wave: NDArray[np.float64] = 128 + 60 * np.sin(x / 5)[..., None] * np.cos(y / 9)[..., None] * [1.0, 0.7, 0.4]
    return (wave + random.normal(0, 8, (side, side, 3))).clip(0, 255).astype(np.uint8)


def test_the_designs_of_today_gain_nothing_on_themselves() -> None:
    photo = prepare(crop(), None, by_error)
    assert np.abs(log_size(photo, design_at(1.0), 1.0, by_error)).max() < 0.05


def test_the_fit_finds_a_design_that_is_smaller_at_equal_score() -> None:
    photo = prepare(crop(), None, by_error)
    before = log_size(photo, design_at(2.0), 2.0, by_error)[0]
    design, gained = fit_design([photo], 2.0, (0.5, 0.5), rounds=1, judge=by_error)
    assert isinstance(design, Design)
    assert gained < before
    np.testing.assert_allclose(log_size(photo, design, 2.0, by_error).mean(), gained)


def test_designs_survive_as_numbers() -> None:
    design = design_at(1.7)
    assert Design.of(design.numbers()) == design
