"""The fit of the codec's tables, with a judge that costs nothing."""

import numpy as np

from models.types import Rgb8
from models.varjpeg.tables import Design, design_at
from tests.assets.photos import textured
from training.codec.tables import fit_design, log_size, prepare


def by_error(reference: Rgb8, distorted: Rgb8) -> tuple[float, float]:
    """Two names for the same score."""
    score = -float(np.square(reference.astype(float) - distorted).mean())
    return score, score


def test_the_designs_of_today_gain_nothing_on_themselves() -> None:
    photo = prepare(textured(64, 64), None, by_error)
    assert np.abs(log_size(photo, design_at(1.0), 1.0, by_error)).max() < 0.05


def test_the_fit_finds_a_design_that_is_smaller_at_equal_score() -> None:
    photo = prepare(textured(64, 64), None, by_error)
    before = log_size(photo, design_at(2.0), 2.0, by_error)[0]
    design, gained = fit_design([photo], 2.0, (0.5, 0.5), rounds=1, judge=by_error)
    assert isinstance(design, Design)
    assert gained < before
    np.testing.assert_allclose(log_size(photo, design, 2.0, by_error).mean(), gained)


def test_designs_survive_as_numbers() -> None:
    design = design_at(1.7)
    assert Design.of(design.numbers()) == design
