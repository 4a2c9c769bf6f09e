"""Teacher curves of whole photos over JPEG levels, and the observer profiles that give them MCL-JCI's population."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.optimize import least_squares

from models.observers import JNDS, ObserverProfile, Threshold
from models.sur import LEVELS, GevParameters, fit_gev, percent_jnd, still_satisfied, sur_curve
from models.sur_prediction import decode_jpeg, encode_reference_jpeg
from models.types import Rgb8
from training.photos import load_photo
from training.teachers import ssimulacra2_of_arrays

CURVE_LEVELS = (1, 10, 20, 30, 40, 50, 58, 64, 69, 74, 79, 83, 87, 91, 95, 100)
"""Where a photo's curve is measured: dense where MCL-JCI's viewers change their mind."""

DISTANCE_FLOOR = 0.1
"""Added to the penalty before the logarithm: what score 98 costs, less than any JPEG does."""

_PENALTIES = np.concatenate([np.linspace(0, 20, 4001), np.geomspace(20.01, 2000, 4000)])

FLICKER_FACTOR = 0.3
"""The ``flicker`` profile notices this share of the penalty, about half the distance 100 - score. SSIMULACRA2's own
scale puts "not noticed side by side" near 70..80 and "not noticed when flickering in place" at 90, distances 30..20 and
10: a factor of two to three; the milder one is taken."""


@dataclass(frozen=True, slots=True)
class PhotoCurves:
    """P photos at ``CURVE_LEVELS``: ln teacher distance and PSNR in dB, both (P, L)."""

    names: list[str]
    log_distance: NDArray[np.float64]
    psnr_db: NDArray[np.float64]

    def part(self, chosen: slice) -> "PhotoCurves":
        """The chosen photos alone."""
        return PhotoCurves(self.names[chosen], self.log_distance[chosen], self.psnr_db[chosen])


def teacher_log_distance(reference: Rgb8, distorted: Rgb8) -> float:
    """ln(0.1 + penalty) of a pair, uint8 (H, W, 3): the weighted error under SSIMULACRA2's score.

    The score itself saturates near -64, at QF 1..5, where the third JND's viewers still differ; the penalty does not.
    -2.3 for equal images, 1.8 at score 50, 4.7 where the score saturates.
    """
    return log_distance_of_score(float(ssimulacra2_of_arrays(reference, distorted)[0]))


def log_distance_of_score(score: float) -> float:
    """ln(0.1 + penalty) of a SSIMULACRA2 score, at most 100."""
    penalty = np.interp(100 - score, 10 * _curved(_PENALTIES) ** 0.6276336467831387, _PENALTIES)
    return float(np.log(DISTANCE_FLOOR + penalty))


def _curved(penalty: NDArray[np.float64]) -> NDArray[np.float64]:
    """SSIMULACRA2's last cubic (libjxl, ``tools/ssimulacra2.cc``), rising everywhere."""
    return 2.326765642916932 * penalty - 0.020884521182843837 * penalty**2 + 6.248496625763138e-05 * penalty**3


def teacher_curves(paths: list[Path], cache: Path) -> PhotoCurves:
    """Curves of all photos in ``paths``; kept in ``cache`` (``.npz``), where earlier photos are found again."""
    known = dict(np.load(cache)) if cache.is_file() else {}
    progress = Console(stderr=True)  # standard output holds the figures
    for path in track(paths, description=f"teacher curves {cache.stem}", console=progress):
        if path.name not in known:
            known[path.name] = _measure(load_photo(path))
            np.savez(cache, **known)
    stacked = np.stack([known[path.name] for path in paths])
    return PhotoCurves([path.name for path in paths], stacked[:, 0], stacked[:, 1])


def _measure(photo: Rgb8) -> NDArray[np.float64]:
    """(2, L): ln distance and PSNR at ``CURVE_LEVELS``."""
    rows = []
    for level in CURVE_LEVELS:
        decoded = decode_jpeg(encode_reference_jpeg(photo, 101 - level))
        rows.append((teacher_log_distance(photo, decoded), psnr_db(photo, decoded)))
    return np.array(rows).T


def psnr_db(reference: Rgb8, distorted: Rgb8) -> float:
    """Peak signal-to-noise ratio over R, G and B; 99 for equal images."""
    error = float(np.mean((reference.astype(np.float64) - distorted) ** 2))
    return 99.0 if error == 0 else float(min(99.0, 10 * np.log10(255**2 / error)))


def curve_gev(log_distance: NDArray[np.float64], profile: ObserverProfile, jnd: int) -> GevParameters:
    """GEV of one photo's teacher curve, (L,) at ``CURVE_LEVELS``, under a profile."""
    return fit_gev(CURVE_LEVELS, curve_shares(log_distance, profile, jnd))


def curve_shares(log_distance: NDArray[np.float64], profile: ObserverProfile, jnd: int) -> NDArray[np.float64]:
    """Share of viewers who have noticed nothing up to each of ``CURVE_LEVELS``, (L,)."""
    return still_satisfied(CURVE_LEVELS, [profile.satisfied_share(float(d), jnd) for d in log_distance])


def mcl_jci_population(table: Path, jnd: int) -> tuple[float, float]:
    """Mean 50 % JND level and mean GEV scale of MCL-JCI's photos: ``mcl_jci_gev.csv``, published by Lin et al. 2020."""
    with table.open() as lines:
        rows = [row for row in csv.DictReader(lines) if int(row["jnd"]) == jnd]
    gevs = [GevParameters(float(r["location_qf"]), float(r["scale_qf"]), float(r["shape_xi"])) for r in rows]
    return float(np.mean([percent_jnd(gev, 50) for gev in gevs])), float(np.mean([gev.scale for gev in gevs]))


def calibrate(curves: NDArray[np.float64], target_jnd: float, target_scale: float) -> Threshold:
    """Threshold under which the photos' curves (P, L) have this mean 50 % JND level and mean GEV scale."""

    def miss(point: NDArray[np.float64]) -> list[float]:
        threshold = Threshold(float(point[0]), float(np.exp(point[1])))
        profile = ObserverProfile("trial", "", (threshold, threshold, threshold))
        gevs = [curve_gev(curve, profile, 1) for curve in curves]
        # The median as a real number: percent_jnd rounds up to whole levels, half a level on average.
        medians = [_median_level(gev) + 0.5 for gev in gevs]
        return [(float(np.mean(medians)) - target_jnd) / 5, float(np.mean([gev.scale for gev in gevs])) - target_scale]

    level = np.mean([np.interp(target_jnd, CURVE_LEVELS, curve) for curve in curves])
    solution = least_squares(miss, [level, np.log(0.45)], diff_step=1e-2, xtol=1e-4, max_nfev=8)
    return Threshold(round(float(solution.x[0]), 4), round(float(np.exp(solution.x[1])), 4))


def _median_level(gev: GevParameters) -> float:
    fine = np.linspace(LEVELS[0], LEVELS[-1], 991)
    return float(np.interp(-0.5, -sur_curve(gev, fine), fine))


def calibrate_profiles(curves: NDArray[np.float64], table: Path) -> dict[str, ObserverProfile]:
    """``mcl-jci`` fitted to the published population, ``flicker`` its shift by ``FLICKER_FACTOR``."""
    side_by_side = tuple(calibrate(curves, *mcl_jci_population(table, jnd)) for jnd in JNDS)
    shift = float(np.log(FLICKER_FACTOR))
    stricter = tuple(Threshold(round(t.log_distance + shift, 4), t.spread) for t in side_by_side)
    return {
        "mcl-jci": ObserverProfile(
            "mcl-jci",
            "Original and JPEG side by side on a 1080p television, as in MCL-JCI; fitted so that the mean 50 % JND and "
            "the mean GEV scale over photos are those published for its 50 photos.",
            (side_by_side[0], side_by_side[1], side_by_side[2]),
        ),
        "flicker": ObserverProfile(
            "flicker",
            "Original and JPEG alternating in place at 8 Hz: the mcl-jci thresholds at half the distance, a documented "
            "shift, not fitted to people.",
            (stricter[0], stricter[1], stricter[2]),
        ),
    }
