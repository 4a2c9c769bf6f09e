"""Observer profiles: the psychometric function and what the shipped table must hold."""

import json
from pathlib import Path

import pytest

from models.errors import InvalidParameterError, ModelArtefactError
from models.sur.observers import ObserverProfile, Threshold, find_profile, load_observer_table, load_profiles
from models.viewing import DEFAULT_OBSERVER
from workers.contracts import VarJpegRequest

PROFILE = ObserverProfile("test", "", (Threshold(4.0, 0.3), Threshold(4.2, 0.3), Threshold(4.4, 0.3)))


def test_share_falls_with_distance_and_is_half_at_the_threshold() -> None:
    shares = [PROFILE.satisfied_share(distance / 10) for distance in range(0, 60)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(1)
    for jnd, threshold in enumerate(PROFILE.thresholds, start=1):
        assert PROFILE.satisfied_share(threshold.log_distance, jnd) == pytest.approx(0.5)


@pytest.mark.parametrize("jnd", [0, 4])
def test_only_three_jnds(jnd: int) -> None:
    with pytest.raises(InvalidParameterError):
        PROFILE.satisfied_share(4.0, jnd)


def test_shipped_profiles() -> None:
    profiles = load_profiles()
    assert set(profiles) == {"aic-3", "mcl-jci", "flicker"}
    assert DEFAULT_OBSERVER == VarJpegRequest.model_fields["observer"].default == "aic-3"
    for profile in profiles.values():
        medians = [threshold.log_distance for threshold in profile.thresholds]
        assert medians == sorted(medians)
        assert profile.description
        assert profile.title
    kinds = (profiles[name].thresholds for name in ("flicker", "aic-3", "mcl-jci"))
    for flicker, close, television in zip(*kinds, strict=True):
        assert flicker.log_distance < close.log_distance < television.log_distance


def test_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(InvalidParameterError, match=r"aic-3, flicker, mcl-jci"):
        find_profile("eagle")


@pytest.mark.parametrize("document", ["", "{}", '{"profiles": {}, "log_distance_error": 0.1}', None])
def test_damaged_table(tmp_path: Path, document: str | None) -> None:
    thresholds = {str(jnd): {"log_distance": 4.0, "spread": 0.0} for jnd in (1, 2, 3)}
    zero_spread = {"profiles": {"x": {"description": "", "thresholds": thresholds}}, "log_distance_error": 0.1}
    (tmp_path / "observers.json").write_text(json.dumps(zero_spread) if document is None else document)
    with pytest.raises(ModelArtefactError):
        load_observer_table(tmp_path)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.75, 0.99])
@pytest.mark.parametrize("jnd", [1, 2, 3])
def test_the_distance_of_a_share_is_the_inverse_of_the_share_of_a_distance(share: float, jnd: int) -> None:
    profile = find_profile("aic-3")
    assert profile.satisfied_share(profile.log_distance_at(share, jnd), jnd) == pytest.approx(share)
