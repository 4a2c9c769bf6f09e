"""Observer profiles: who looks, how closely, and so what share of them notices a given distance.

A viewer notices a distortion when the predicted distance d passes that viewer's threshold. Thresholds are log-normal
over viewers, so the share that does not notice is Phi((ln theta - ln d) / s), never increasing in d.

Three profiles are shipped: ``aic-3``, the default, ``flicker`` and ``mcl-jci``. Others lie as ``*.json`` in a folder
that whoever asks names (``LIMEN_PROFILES`` for the service and the command line), in the form of the shipped
``observers.json``; ``limen calibrate`` writes them from the answers of an observer study.
"""

import functools
import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

from models.errors import InvalidParameterError, ModelArtefactError
from models.graphs.artefacts import WEIGHTS, load_manifest

JNDS = (1, 2, 3)
_STANDARD = NormalDist()
DEFAULT_PIXELS_PER_DEGREE = 38.0
"""Of the viewer's eye: a 24-inch FullHD monitor seen from twice its height. Distances are predicted for it."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Of one JND over viewers: ``log_distance`` is the median of ln theta, ``spread`` s > 0 its deviation."""

    log_distance: float
    spread: float


@dataclass(frozen=True, slots=True)
class ObserverProfile:
    """A viewing condition: its name, a title and a sentence in plain words, the thresholds of the first to third JND.

    ``pixels_per_degree``: of the viewer's eye, 20..120, at which the thresholds hold;
    ``log_distance_error``: standard deviation over photos between predicted distance and these observers, where it was
    measured; None where only the prediction's own error against its teacher is known.
    """

    name: str
    description: str
    thresholds: tuple[Threshold, Threshold, Threshold]
    log_distance_error: float | None = None
    title: str = ""
    pixels_per_degree: float = DEFAULT_PIXELS_PER_DEGREE

    def satisfied_share(self, log_distance: float, jnd: int = 1) -> float:
        """Share of viewers in [0, 1] who do not notice.

        ``log_distance``: natural logarithm, as the network predicts it.
        Raises: InvalidParameterError if ``jnd`` is not 1, 2 or 3.
        """
        threshold = self._threshold(jnd)
        return _STANDARD.cdf((threshold.log_distance - log_distance) / threshold.spread)

    def log_distance_at(self, share: float, jnd: int = 1) -> float:
        """The ln distance that ``share``, in (0, 1), of the viewers do not notice: inverse of ``satisfied_share``.

        Raises: InvalidParameterError if ``jnd`` is not 1, 2 or 3.
        """
        threshold = self._threshold(jnd)
        return float(threshold.log_distance - threshold.spread * _STANDARD.inv_cdf(share))

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
    document = _read(weights / "observers.json")
    try:
        error = float(document["log_distance_error"])
    except (ValueError, KeyError, TypeError) as problem:
        raise ModelArtefactError(f"observers.json cannot be read: {problem}") from problem
    profiles = _profiles(document, "observers.json")
    if not math.isfinite(error) or error < 0 or not profiles:
        raise ModelArtefactError("observers.json holds no profile, or an error that is no deviation")
    return ObserverTable(profiles, error)


def load_profiles(folder: Path | None = None) -> dict[str, ObserverProfile]:
    """All profiles by name: the shipped ones and those of ``folder``.

    Raises: ModelArtefactError, also if an added profile takes a shipped name or was fitted to other weights.
    """
    added = {} if folder is None else _added_profiles(folder)
    shipped = load_observer_table().profiles
    if taken := sorted(shipped.keys() & added.keys()):
        raise ModelArtefactError(f"LIMEN_PROFILES: the name {taken[0]} is that of a shipped profile")
    return shipped | added


def find_profile(name: str, folder: Path | None = None) -> ObserverProfile:
    """The profile of that name, shipped or of ``folder``. Raises: InvalidParameterError if there is none;
    ModelArtefactError.
    """
    profiles = load_profiles(folder)
    if name not in profiles:
        raise InvalidParameterError(f"observer is one of {', '.join(sorted(profiles))}, not {name!r}")
    return profiles[name]


def profiles_digest(folder: Path | None = None) -> str:
    """SHA-256 of all that profiles say; results that depend on one are kept under it. Raises: ModelArtefactError."""
    table = [repr(profile) for _, profile in sorted(load_profiles(folder).items())]
    return hashlib.sha256("\n".join([repr(load_observer_table().log_distance_error), *table]).encode()).hexdigest()


def distance_version() -> str:
    """Name of the weights that predict distances. A profile is worth something with these weights only."""
    manifest = load_manifest()
    hashes = [manifest[name].sha256 for name in ("sur_features", "sur_head")]
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()[:16]


@functools.cache
def _added_profiles(folder: Path) -> dict[str, ObserverProfile]:
    if not folder.is_dir():
        raise ModelArtefactError(f"LIMEN_PROFILES: there is no folder {folder}")
    added: dict[str, ObserverProfile] = {}
    for path in sorted(folder.glob("*.json")):
        document = _read(path)
        found = _profiles(document, path.name)
        if document.get("distance_version", distance_version()) != distance_version():
            raise ModelArtefactError(f"{path.name} was fitted to other weights: run limen calibrate again")
        if taken := sorted(added.keys() & found.keys()):
            raise ModelArtefactError(f"{path.name}: the profile {taken[0]} is given twice")
        added |= found
    return added


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as problem:
        raise ModelArtefactError(f"{path.name} cannot be read: {problem}") from problem
    if not isinstance(document, dict):
        raise ModelArtefactError(f"{path.name} is no JSON object")
    return document


def _profiles(document: dict[str, Any], source: str) -> dict[str, ObserverProfile]:
    try:
        profiles = {name: _profile(name, entry) for name, entry in document["profiles"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise ModelArtefactError(f"{source} holds no profiles: {problem!r}") from problem
    thresholds = [threshold for profile in profiles.values() for threshold in profile.thresholds]
    if not all(20 <= profile.pixels_per_degree <= 120 for profile in profiles.values()):
        raise ModelArtefactError(f"{source} holds pixels_per_degree outside 20..120")
    if not all(math.isfinite(one.log_distance) and 0 < one.spread < math.inf for one in thresholds):
        raise ModelArtefactError(f"{source} holds a threshold that is not finite, or a spread that is not positive")
    return profiles


def _profile(name: str, entry: dict[str, Any]) -> ObserverProfile:
    first, second, third = (Threshold(**entry["thresholds"][str(jnd)]) for jnd in JNDS)
    error = entry.get("log_distance_error")
    return ObserverProfile(
        name,
        str(entry["description"]),
        (first, second, third),
        None if error is None else float(error),
        str(entry.get("title", "")),
        float(entry.get("pixels_per_degree", DEFAULT_PIXELS_PER_DEGREE)),
    )
