"""A profile from answers: known observers are found again, and what is not known is not claimed."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import genextreme

from models.errors import ModelArtefactError
from models.sur.gev import GevParameters
from models.sur.observers import (
    ObserverProfile,
    Threshold,
    distance_version,
    find_profile,
    load_profiles,
    profiles_digest,
)
from workers.cli.verbs.service import chosen_observers
from workers.studies.calibration import (
    CalibrationError,
    calibrate,
    fit_jnd_distribution,
    fit_threshold,
    study_curve,
    write_profile,
)
from workers.studies.samples import NOTHING_SEEN, StudySample, read_study

RNG = np.random.default_rng(7)
LADDER = np.log(np.linspace(0.2, 90, 100) ** 1.1)
"""ln distance at level 1..100 of an imagined photo."""


def sample(image: int, level: int, observer: int, jnd: int = 1, ladder: np.ndarray = LADDER) -> StudySample:
    return StudySample(
        study="s",
        image=image,
        jnd=jnd,
        observer=str(observer),
        level=level,
        method="bisection",
        pixels_per_degree=60,
        log_distance_below=-math.inf if level == 1 else float(ladder[level - 2]),
        log_distance=math.inf if level == NOTHING_SEEN else float(ladder[level - 1]),
        distance_version=distance_version(),
        sha256="0" * 64,
        width=640,
        height=480,
    )


def answers(
    threshold: Threshold, *, photos: int, observers: int, photo_deviation: float = 0.0, jnd: int = 1
) -> list[StudySample]:
    """What viewers with log-normal thresholds would say, on photos whose distance is off by normal deviations."""
    found = []
    for image in range(1, photos + 1):
        offset = RNG.normal(0, photo_deviation)
        for observer in range(observers):
            theta = RNG.normal(threshold.log_distance + offset, threshold.spread)
            level = int(np.searchsorted(LADDER, theta)) + 1
            found.append(sample(image, level, observer, jnd))
    return found


def test_thresholds_of_known_viewers_are_found_again() -> None:
    fit = fit_threshold(answers(Threshold(2.0, 0.4), photos=10, observers=30))
    assert fit.threshold.log_distance == pytest.approx(2.0, abs=0.08)
    assert fit.threshold.spread == pytest.approx(0.4, rel=0.12)


def test_what_photos_differ_by_is_no_spread_of_viewers() -> None:
    fit = fit_threshold(answers(Threshold(2.0, 0.3), photos=30, observers=20, photo_deviation=0.3))
    assert fit.threshold.spread == pytest.approx(0.3, rel=0.12)
    assert fit.held_out_error == pytest.approx(0.3, rel=0.35)


def test_few_observers_do_not_make_the_spread_look_smaller() -> None:
    spreads = [fit_threshold(answers(Threshold(2.0, 0.4), photos=8, observers=3)).threshold.spread for _ in range(20)]
    assert np.mean(spreads) == pytest.approx(0.4, rel=0.08)


def test_a_few_lapses_hardly_widen_the_spread() -> None:
    found = answers(Threshold(2.0, 0.3), photos=6, observers=30)
    lapses = [sample(image, 2, 100 + image) for image in range(1, 7)]
    assert fit_threshold(found + lapses).threshold.spread < 1.1 * fit_threshold(found).threshold.spread


def test_answers_at_both_ends_of_the_scale_are_bounds() -> None:
    levels = [1] * 10 + [NOTHING_SEEN] * 10
    fit = fit_threshold([sample(1, level, number) for number, level in enumerate(levels)])
    assert math.isfinite(fit.threshold.log_distance)
    assert fit.threshold.spread > 1.5


@pytest.mark.parametrize("gev", [GevParameters(30, 8, 0.1), GevParameters(55, 6, -0.3), GevParameters(22, 10, 0.0)])
def test_a_known_gev_is_found_again_from_thirty_observers(gev: GevParameters) -> None:
    found = []
    for seed in range(20):
        draws = genextreme.rvs(-gev.shape, gev.location, gev.scale, size=30, random_state=seed)
        levels = np.clip(np.ceil(101 - draws), 1, NOTHING_SEEN).astype(int)
        found.append(fit_jnd_distribution(levels.tolist()))
    assert np.mean([one.location for one in found]) == pytest.approx(gev.location, abs=0.8)
    assert np.mean([one.scale for one in found]) == pytest.approx(gev.scale, rel=0.06)
    within = [
        abs(one.location - gev.location) <= 2 + gev.scale / 8 and abs(one.scale / gev.scale - 1) <= 0.2 for one in found
    ]
    assert np.mean(within) >= 0.6  # a single photo; what 30 answers allow


def test_a_profile_can_be_used_by_name(tmp_path: Path) -> None:
    first, second = Threshold(1.0, 0.3), Threshold(1.9, 0.4)
    samples = answers(first, photos=6, observers=30) + answers(second, photos=6, observers=30, jnd=2)
    document = calibrate(samples, "team")
    write_profile(document, tmp_path / "profiles" / "team.json")
    shipped, before = set(load_profiles()), profiles_digest()
    folder = tmp_path / "profiles"
    profile = find_profile("team", folder)
    assert set(load_profiles(folder)) == shipped | {"team"}
    assert profiles_digest(folder) != before, "results are kept under what the profiles say"
    for threshold, expected in zip(profile.thresholds, (first, second), strict=False):
        assert threshold.log_distance == pytest.approx(expected.log_distance, abs=0.1)
        assert threshold.spread == pytest.approx(expected.spread, rel=0.2)
    assert profile.thresholds[2].log_distance > profile.thresholds[0].log_distance
    assert "30 observers, 6 photos, bisection" in profile.description
    assert "as in mcl-jci" in profile.description
    assert profile.log_distance_error is not None
    assert document["calibration"]["warnings"] == []
    assert len(document["calibration"]["photos"]) == 12


def test_few_observers_and_photos_are_said_to_be_few() -> None:
    document = calibrate(answers(Threshold(1.0, 0.3), photos=2, observers=6), "few")
    assert len(document["calibration"]["warnings"]) == 2
    assert "log_distance_error" not in document["profiles"]["few"]


@pytest.mark.parametrize("name", ["mcl-jci", "Team", "", "a/b"])
def test_a_name_that_is_taken_or_no_name_is_refused(name: str) -> None:
    with pytest.raises(CalibrationError):
        calibrate(answers(Threshold(1.0, 0.3), photos=2, observers=6), name)


def test_too_few_answers_and_foreign_distances_are_refused(tmp_path: Path) -> None:
    samples = answers(Threshold(1.0, 0.3), photos=1, observers=20)
    with pytest.raises(CalibrationError, match="are needed"):
        calibrate(samples[:9], "team")
    foreign = [dataclasses.replace(one, distance_version="other") for one in samples]
    with pytest.raises(CalibrationError, match="other weights"):
        calibrate(foreign, "team")
    with pytest.raises(CalibrationError, match="lacks the files of photos 1"):
        calibrate(foreign, "team", photos=tmp_path)


def profile_file(folder: Path, name: str, **changes: object) -> None:
    document = calibrate(answers(Threshold(1.0, 0.3), photos=1, observers=20), "team") | changes
    (folder / name).write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distance_version": "other"}, "other weights"),
        ({"profiles": {"flicker": {"description": "", "thresholds": {}}}}, "holds no profiles"),
        ({"profiles": {}}, None),
        ({"profiles": []}, "holds no profiles"),
    ],
)
def test_a_folder_of_profiles_is_checked(tmp_path: Path, changes: dict[str, object], message: str | None) -> None:
    profile_file(tmp_path, "team.json", **changes)
    if message is None:
        assert "flicker" in load_profiles(tmp_path)
        return
    with pytest.raises(ModelArtefactError, match=message):
        load_profiles(tmp_path)


def test_a_profile_given_twice_or_in_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelArtefactError, match="no folder"):
        load_profiles(tmp_path / "none")
    profile_file(tmp_path, "one.json")
    profile_file(tmp_path, "two.json")
    with pytest.raises(ModelArtefactError, match="given twice"):
        load_profiles(tmp_path)


def test_an_added_profile_may_not_take_a_shipped_name(tmp_path: Path) -> None:
    document = calibrate(answers(Threshold(1.0, 0.3), photos=1, observers=20), "team")
    document["profiles"] = {"flicker": document["profiles"]["team"]}
    (tmp_path / "flicker.json").write_text(json.dumps(document))
    with pytest.raises(ModelArtefactError, match="shipped profile"):
        load_profiles(tmp_path)


def test_a_file_of_something_else_is_no_study(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv"
    path.write_text("image,jnd,observer,qf\n1,1,a,50\n")
    with pytest.raises(ValueError, match="line 2"):
        read_study(path)


def test_profiles_without_a_measured_error_fall_back_on_the_prediction_s_own() -> None:
    assert ObserverProfile("x", "", (Threshold(1, 1),) * 3).log_distance_error is None


def test_a_service_takes_a_profile_by_name_or_by_its_file(tmp_path: Path) -> None:
    assert chosen_observers("flicker") == {"profile": "flicker"}
    profile_file(tmp_path, "team.json")
    chosen = chosen_observers(str(tmp_path / "team.json"))
    assert chosen == {"profile": "team", "profiles": tmp_path}
    assert find_profile(chosen["profile"], chosen["profiles"]).name == "team"
    (tmp_path / "none.json").write_text("[]")
    with pytest.raises(ValueError, match="holds 0 observer profiles"):
        chosen_observers(str(tmp_path / "none.json"))


def test_the_interval_of_a_curve_narrows_with_observers() -> None:
    threshold = {"log_distance": 2.0, "spread": 0.4}
    few, many = (study_curve(threshold, [LADDER.tolist(), LADDER.tolist()], count) for count in (5, 80))
    assert few["sur"] == many["sur"] == sorted(few["sur"], reverse=True)
    widths = [np.subtract(found["high"], found["low"]) for found in (few, many)]
    assert (widths[0] >= widths[1]).all()
    assert widths[0].max() > 3 * widths[1].max()
