"""Observers near the threshold: fits to a table whose people are known."""

from pathlib import Path

import numpy as np
import pytest

from models.sur.observers import ObserverProfile
from tests.assets.datasets import make_aic3
from training.experiments.sur.aic3 import (
    JPEG,
    aic3_thresholds,
    boosted_jnd,
    left_out_errors,
    read_aic3,
    share_who_cannot_tell,
)
from training.labels.threshold_teacher import LEAST, log_distance_of_scores


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    make_aic3(tmp_path)
    return tmp_path


def test_half_tell_at_one_jnd() -> None:
    assert share_who_cannot_tell(np.array([0.0, 1.0])) == pytest.approx([1, 0.5], abs=1e-4)


def test_equal_scores_are_the_least_distance_and_every_judge_counts() -> None:
    assert log_distance_of_scores(100, 10, 1) == pytest.approx(LEAST)
    for worse in ((80, 10, 1), (100, 9.5, 1), (100, 10, 0.99)):
        assert log_distance_of_scores(*worse) > LEAST


def test_a_fit_gives_the_people_of_the_table_and_higher_jnds_lie_farther(tables: Path) -> None:
    pairs = read_aic3(tables / "aic3_jnd.csv")
    profile = ObserverProfile("test", "", aic3_thresholds(pairs))
    found = np.array([profile.satisfied_share(float(distance)) for distance in pairs.log_distance])
    assert np.abs(found - share_who_cannot_tell(pairs.jnd)).mean() < 0.05
    medians = [threshold.log_distance for threshold in profile.thresholds]
    assert medians == sorted(medians)
    errors = left_out_errors(pairs, pairs.log_distance, pairs.weights)
    assert np.abs(errors[pairs.codec == JPEG]).mean() < 0.06


def test_boosted_viewers_are_stricter(tables: Path) -> None:
    pairs = read_aic3(tables / "aic3_jnd.csv")
    scale = boosted_jnd(tables / "aic3_counts.csv")
    for close, boosted in zip(aic3_thresholds(pairs), aic3_thresholds(pairs, scale), strict=True):
        assert boosted.log_distance < close.log_distance
