"""A new observer profile from the answers of an observer study: ``limen calibrate``.

Observer i notices photo p at level n when the predicted distance d_p(n) passes the threshold theta_ip. Each answer says
between which two distances that threshold lies. ln theta_ip = m + b_p + e_ip with e normal over observers (deviation
s, the ``spread`` of the profile) and b_p the photo's own offset: what the network's distance gets wrong there. m + b_p
and s are fitted together by maximum likelihood over those intervals, lapses allowed for; m is the mean over photos.
Only m and s go into the profile: the network is not touched. To train the head itself, a study has to reach the size
of MCL-JCI (50 photos with 30 observers each); then its data set export is what ``limen-train table sur`` takes.
"""

import hashlib
import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr

from models.decode import decode_image
from models.sur.gev import SHAPE_RANGE, GevParameters, sur_curve
from models.sur.ladder import display_copy, ladder_distances
from models.sur.observers import JNDS, Threshold, distance_version, load_observer_table
from workers.studies.samples import FEWEST_SAMPLES, NOTHING_SEEN, StudySample

FEWEST_PHOTOS_HELD_OUT = 5
"""Photos from which on the error over photos is known well enough to go into the profile."""
FEW_OBSERVERS = 15
"""Fewer give a warning: the standard error of the spread is over 18 % then."""
NARROWEST = 0.02
"""Width that an interval of ln distance is given at least: the drawn-through distances are no better than that."""
SHAPE_DEVIATION = 0.5
"""Of the normal prior on the GEV's shape, centred on 0: twice that of the 150 fits published for MCL-JCI."""
LAPSES = 0.03
"""Share of answers that may lie at any level, as in Wichmann and Hill 2001 (The psychometric function I), who let it be
at most 0.06. Without it one observer who notices at level 3, where ln distance falls steeply, doubles the spread."""
COVERAGE = (0.95, 1.96)
"""Of the interval around a study's curve, and how many standard errors that is."""
BASE_PROFILE = "mcl-jci"
NAME = re.compile(r"[a-z0-9-]{1,64}")


class CalibrationError(ValueError):
    """The answers do not make a profile; says why."""


@dataclass(frozen=True, slots=True)
class ThresholdFit:
    """Of one JND: median and deviation of ln theta over observers, and each photo's own median.

    ``held_out_error``: root mean square over photos of its own median less the mean of all others', None for one photo.
    """

    threshold: Threshold
    photo_medians: dict[int, float]
    samples: int
    held_out_error: float | None


def calibrate(samples: list[StudySample], name: str, *, photos: Path | None = None) -> dict[str, Any]:
    """The document of a profile called ``name``, as ``models.sur.observers`` reads it, with what it was fitted to.

    Args: ``samples``: answers that screening kept; ``photos``: folder with the photos of the study, in any names: then
    the distances are predicted anew by the present weights.
    Raises: CalibrationError if there are too few answers, the name is taken, or the distances are of other weights.
    """
    if not NAME.fullmatch(name) or name in load_observer_table().profiles:
        raise CalibrationError(f"{name!r} is the name of a shipped profile, or not of a-z, 0-9 and - alone")
    samples = _current(samples) if photos is None else with_distances(samples, photos)
    by_jnd = {jnd: [sample for sample in samples if sample.jnd == jnd] for jnd in JNDS}
    if len(by_jnd[1]) < FEWEST_SAMPLES:
        raise CalibrationError(f"{len(by_jnd[1])} answers to the first JND were kept; {FEWEST_SAMPLES} are needed")
    fits = {jnd: fit_threshold(found) for jnd, found in by_jnd.items() if len(found) >= FEWEST_SAMPLES}
    thresholds = _completed({jnd: fit.threshold for jnd, fit in fits.items()})
    entry: dict[str, Any] = {
        "description": _description(samples, sorted(fits)),
        "thresholds": {str(jnd): asdict(threshold) for jnd, threshold in thresholds.items()},
    }
    if fits[1].held_out_error is not None and len(fits[1].photo_medians) >= FEWEST_PHOTOS_HELD_OUT:
        entry["log_distance_error"] = round(fits[1].held_out_error, 4)
    return {
        "distance_version": distance_version(),
        "profiles": {name: entry},
        "calibration": _report(samples, fits),
    }


def fit_threshold(samples: list[StudySample]) -> ThresholdFit:
    """Maximum likelihood of one JND's thresholds; see the module. ``samples`` is not empty."""
    images = sorted({sample.image for sample in samples})
    photo = np.array([images.index(sample.image) for sample in samples])
    low, high = _intervals(samples)
    middles = np.where(np.isfinite(low), np.where(np.isfinite(high), (low + high) / 2, low), high)
    means = np.array([middles[photo == index].mean() for index in range(len(images))])
    start_spread = max(0.05, float(np.std(middles - means[photo])))

    def cost(point: NDArray[np.float64]) -> float:
        medians, spread = point[:-1][photo], math.exp(point[-1])
        noticed = _log_interval((low - medians) / spread, (high - medians) / spread)
        return -float(np.logaddexp(math.log(1 - LAPSES) + noticed, math.log(LAPSES / NOTHING_SEEN)).sum())

    bounds = [(None, None)] * len(images) + [(math.log(0.01), math.log(5.0))]
    found = minimize(cost, np.append(means, math.log(start_spread)), method="L-BFGS-B", bounds=bounds)
    medians, spread = found.x[:-1], math.exp(float(found.x[-1]))
    free = max(1, len(samples) - len(images))  # each photo's own median makes the spread look smaller than it is
    spread *= math.sqrt(len(samples) / free)
    return ThresholdFit(
        Threshold(round(float(medians.mean()), 4), round(spread, 4)),
        {image: round(float(median), 4) for image, median in zip(images, medians, strict=True)},
        len(samples),
        _held_out_error(medians),
    )


def fit_jnd_distribution(levels: list[int]) -> GevParameters:
    """GEV on the QF axis of the JND levels of one photo, by maximum likelihood as in Lin et al. 2020, section 4.

    Args: ``levels``: lowest level noticed by each observer, 1..101, 101 where none was. An observer of level n lies
    between QF 101 - n and 102 - n. A weak prior holds the shape, which 30 observers hardly determine.
    """
    counted = np.array(levels, dtype=np.float64)
    start = np.array([101 - np.median(counted) - 0.5, math.log(max(1.0, 0.78 * float(np.std(counted)))), 0.0])

    def cost(point: NDArray[np.float64]) -> float:
        gev = GevParameters(
            float(point[0]), math.exp(min(6.0, float(point[1]))), float(np.clip(point[2], *SHAPE_RANGE))
        )
        before = np.where(counted <= 1, 1.0, sur_curve(gev, counted - 1))
        after = np.where(counted >= NOTHING_SEEN, 0.0, sur_curve(gev, counted))
        likelihood = np.log(np.maximum(before - after, 1e-12)).sum()
        return float(0.5 * (point[2] / SHAPE_DEVIATION) ** 2 - likelihood)

    found = minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-6, "maxiter": 4000})
    shape = float(np.clip(found.x[2], *SHAPE_RANGE))
    return GevParameters(round(float(found.x[0]), 4), round(math.exp(float(found.x[1])), 4), round(shape, 4))


def study_curve(
    threshold: Mapping[str, float], log_distances: Sequence[Sequence[float]], observers: int
) -> dict[str, Any]:
    """Share of viewers who see no difference at level 1..100, the mean over photos, with an interval around it.

    Args: ``threshold``: ``log_distance`` and ``spread`` of the profile; ``log_distances``: of each photo, by level.
    The interval moves the threshold by its standard error, spread / sqrt(``observers``): as if each observer were as
    strict on one photo as on another, so that it is rather too wide than too narrow.
    """
    median, spread = threshold["log_distance"], threshold["spread"]
    coverage, errors = COVERAGE
    reach = errors * spread / math.sqrt(observers)

    def shares(moved: float) -> list[float]:
        found = ndtr((median + moved - np.asarray(log_distances, dtype=np.float64)) / spread).mean(axis=0)
        return [round(float(share), 4) for share in found]

    return {"sur": shares(0.0), "low": shares(-reach), "high": shares(reach), "coverage": coverage}


def with_distances(samples: list[StudySample], photos: Path) -> list[StudySample]:
    """The samples with distances by the present weights, from the photos themselves.

    Raises: CalibrationError if a photo is missing in ``photos``, whatever its name there.
    """
    by_hash = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in photos.iterdir() if path.is_file()}
    shown = {sample.sha256: (sample.width, sample.height) for sample in samples}
    if missing := sorted({sample.image for sample in samples if sample.sha256 not in by_hash}):
        raise CalibrationError(f"{photos} lacks the files of photos {', '.join(map(str, missing))}")
    distances = {sha256: _distances(by_hash[sha256], *size) for sha256, size in shown.items()}
    return [_with_interval(sample, distances[sample.sha256]) for sample in samples]


def write_profile(document: dict[str, Any], path: Path) -> None:
    """Keep a profile where ``LIMEN_PROFILES`` can find it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def _current(samples: list[StudySample]) -> list[StudySample]:
    if {sample.distance_version for sample in samples} - {distance_version()}:
        raise CalibrationError("the distances in the answers were predicted by other weights: give the photos too")
    return samples


def _distances(path: Path, width: int, height: int) -> NDArray[np.float64]:
    return ladder_distances(display_copy(decode_image(path.read_bytes()), max_width=width, max_height=height))


def _with_interval(sample: StudySample, distances: NDArray[np.float64]) -> StudySample:
    below = -math.inf if sample.level == 1 else float(distances[sample.level - 2])
    at = math.inf if sample.level == NOTHING_SEEN else float(distances[sample.level - 1])
    return replace(sample, log_distance_below=below, log_distance=at, distance_version=distance_version())


def _intervals(samples: list[StudySample]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the intervals of ln theta, (N,) each, none narrower than ``NARROWEST``."""
    low = np.array([sample.log_distance_below for sample in samples], dtype=np.float64)
    high = np.array([sample.log_distance for sample in samples], dtype=np.float64)
    lacking = np.maximum(0.0, NARROWEST - (high - low)) / 2
    return low - lacking, high + lacking


def _log_interval(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln (Phi(high) - Phi(low)), exact in both tails."""
    mirrored = low > 0
    upper, lower = np.where(mirrored, -low, high), np.where(mirrored, -high, low)
    larger, smaller = log_ndtr(upper), log_ndtr(lower)
    return np.asarray(larger + np.log1p(-np.exp(np.minimum(smaller - larger, -1e-12))))


def _held_out_error(medians: NDArray[np.float64]) -> float | None:
    count = len(medians)
    if count < 2:
        return None
    others = (medians.sum() - medians) / (count - 1)
    return float(np.sqrt(np.mean((medians - others) ** 2)))


def _completed(fitted: dict[int, Threshold]) -> dict[int, Threshold]:
    """All three JNDs: one that was not asked lies from the first as it does in the shipped ``mcl-jci``."""
    base = load_observer_table().profiles[BASE_PROFILE].thresholds
    first = fitted[1]

    def derived(jnd: int) -> Threshold:
        step = base[jnd - 1].log_distance - base[0].log_distance
        spread = first.spread * base[jnd - 1].spread / base[0].spread
        return Threshold(round(first.log_distance + step, 4), round(spread, 4))

    return {jnd: fitted.get(jnd) or derived(jnd) for jnd in JNDS}


def _description(samples: list[StudySample], fitted: list[int]) -> str:
    observers = len({(sample.study, sample.observer) for sample in samples})
    photos = len({(sample.study, sample.image) for sample in samples})
    methods = " and ".join(sorted({sample.method for sample in samples}))
    asked = ", ".join(map(str, fitted))
    rest = "" if len(fitted) == len(JNDS) else f"; the other JNDs lie from the first as in {BASE_PROFILE}"
    return (
        f"Fitted to an observer study: {observers} observers, {photos} photos, {methods}, "
        f"{_middle_ppd(samples):.0f} image pixels per degree in the median; JND {asked}{rest}."
    )


def _middle_ppd(samples: list[StudySample]) -> float:
    return float(np.median([sample.pixels_per_degree for sample in samples]))


def _report(samples: list[StudySample], fits: dict[int, ThresholdFit]) -> dict[str, Any]:
    observers = len({(sample.study, sample.observer) for sample in samples})
    return {
        "studies": sorted({sample.study for sample in samples}),
        "methods": sorted({sample.method for sample in samples}),
        "observers": observers,
        "pixels_per_degree": round(_middle_ppd(samples), 2),
        "warnings": _warnings(observers, fits),
        "jnds": {
            str(jnd): {
                "samples": fit.samples,
                "photos": len(fit.photo_medians),
                "held_out_log_distance_error": None if fit.held_out_error is None else round(fit.held_out_error, 4),
            }
            for jnd, fit in fits.items()
        },
        "photos": _photo_report(samples, fits),
    }


def _warnings(observers: int, fits: dict[int, ThresholdFit]) -> list[str]:
    found = []
    if observers < FEW_OBSERVERS:
        found.append(f"{observers} observers: shares of viewers are known roughly only; MCL-JCI asked 30 a photo")
    if len(fits[1].photo_medians) < FEWEST_PHOTOS_HELD_OUT:
        found.append(
            f"{len(fits[1].photo_medians)} photos: how far the profile holds for other photos is not known, "
            f"from {FEWEST_PHOTOS_HELD_OUT} on it is measured"
        )
    return found


def _photo_report(samples: list[StudySample], fits: dict[int, ThresholdFit]) -> list[dict[str, Any]]:
    levels: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for sample in samples:
        levels[sample.image, sample.jnd].append(sample.level)
    return [
        {
            "image": image,
            "jnd": jnd,
            "observers": len(found),
            "median_level": float(np.median(found)),
            "gev": asdict(fit_jnd_distribution(found)),
            "median_log_distance": fits[jnd].photo_medians[image],
        }
        for (image, jnd), found in sorted(levels.items())
        if jnd in fits
    ]
