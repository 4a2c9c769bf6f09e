"""Observer profiles: who looks, how closely, and so what share of them notices a given distance.

A viewer notices a distortion when the predicted distance d passes that viewer's threshold. Thresholds are log-normal
over viewers, so the share that does not notice is Phi((ln theta - ln d) / s), never increasing in d.
"""

import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.special import ndtr, ndtri

from models.artefacts import WEIGHTS
from models.errors import InvalidParameterError, ModelArtefactError

JNDS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Threshold:
    """Of one JND over viewers: ``log_distance`` is the median of ln theta, ``spread`` s > 0 its deviation."""

    log_distance: float
    spread: float


@dataclass(frozen=True, slots=True)
class ObserverProfile:
    """A viewing condition: its name, what it means, and the thresholds of the first, second and third JND."""

    name: str
    description: str
    thresholds: tuple[Threshold, Threshold, Threshold]

    def satisfied_share(self, log_distance: float, jnd: int = 1) -> float:
        """Share of viewers in [0, 1] who do not notice.

        ``log_distance``: natural logarithm, as the network predicts it.
        Raises: InvalidParameterError if ``jnd`` is not 1, 2 or 3.
        """
        threshold = self._threshold(jnd)
        return float(ndtr((threshold.log_distance - log_distance) / threshold.spread))

    def log_distance_at(self, share: float, jnd: int = 1) -> float:
        """The ln distance that ``share``, in (0, 1), of the viewers do not notice: inverse of ``satisfied_share``.

        Raises: InvalidParameterError if ``jnd`` is not 1, 2 or 3.
        """
        threshold = self._threshold(jnd)
        return float(threshold.log_distance - threshold.spread * ndtri(share))

    def _threshold(self, jnd: int) -> Threshold:
        if jnd not in JNDS:
            raise InvalidParameterError(f"jnd is 1, 2 or 3, not {jnd}")
        return self.thresholds[jnd - 1]


@dataclass(frozen=True, slots=True)
class ObserverTable:
    """All profiles, and ``log_distance_error``: the prediction's standard deviation over photos it never saw."""

    profiles: dict[str, ObserverProfile]
    log_distance_error: float


@functools.cache
def load_observer_table(weights: Path = WEIGHTS) -> ObserverTable:
    """Read ``observers.json``, which ``limen-train export sur`` writes. Raises: ModelArtefactError."""
    try:
        document = json.loads((weights / "observers.json").read_text())
        profiles = {name: _profile(name, entry) for name, entry in document["profiles"].items()}
        error = float(document["log_distance_error"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ModelArtefactError(f"observers.json cannot be read: {problem}") from problem
    spreads = [threshold.spread for profile in profiles.values() for threshold in profile.thresholds]
    if not math.isfinite(error) or error < 0 or min(spreads, default=0.0) <= 0:
        raise ModelArtefactError("observers.json holds no profile, or a spread that is not positive")
    return ObserverTable(profiles, error)


def load_profiles(weights: Path = WEIGHTS) -> dict[str, ObserverProfile]:
    """The shipped profiles: ``mcl-jci`` (side by side) and ``flicker`` (stricter). Raises: ModelArtefactError."""
    return dict(load_observer_table(weights).profiles)


def find_profile(name: str) -> ObserverProfile:
    """The shipped profile of that name. Raises: InvalidParameterError if there is none; ModelArtefactError."""
    profiles = load_profiles()
    if name not in profiles:
        raise InvalidParameterError(f"observer is one of {', '.join(sorted(profiles))}, not {name!r}")
    return profiles[name]


def _profile(name: str, entry: dict[str, Any]) -> ObserverProfile:
    first, second, third = (Threshold(**entry["thresholds"][str(jnd)]) for jnd in JNDS)
    return ObserverProfile(name, str(entry["description"]), (first, second, third))
