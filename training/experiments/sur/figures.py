"""What SUR curves are measured by: errors against the teacher's curves, wins over baselines, the teacher itself.

A baseline is another way to the same figure for the same photos: Algorithm 1 of Lin et al. 2020 (a PSNR threshold), or
the psychometric function of the same observers applied to the teacher itself, without a network.
"""

import csv
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from models.jpeg.pixels import decode_jpeg
from models.sur.gev import (
    LEVELS,
    GevParameters,
    bhattacharyya_distance,
    fit_gev,
    percent_jnd,
    still_satisfied,
    sur_curve,
)
from models.sur.observers import JNDS, ObserverProfile
from models.sur.prediction import SurPrediction, predict_sur_curve
from models.sur.reference import SurModels, SurReference
from models.sur.reference_jpeg import encode_reference_jpeg
from models.sur.sampled_curve import sample_curve
from models.types import Rgb8
from models.varjpeg.photo import PreparedPhoto
from training.data.photos import load_photo
from training.distort.jpeg_variants import jpegli
from training.experiments.sur.curves import CURVE_LEVELS, PhotoCurves, curve_gev, curve_shares, teacher_log_distance
from training.experiments.sur.distributions import GEV, draw_samples, rank_distributions

OBSERVERS = 30
"""Samples drawn per photo, as many as MCL-JCI has (Lin et al. 2020, section 6.1)."""


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """One photo under one JND: the prediction, the GEV of the teacher's curve, and Algorithm 1's level."""

    name: str
    predicted: SurPrediction
    truth: GevParameters
    teacher_residual_rms: float
    baseline_level: int

    @property
    def error(self) -> int:
        """Of the 50 % JND, levels."""
        return abs(self.predicted.percent_jnd - percent_jnd(self.truth, 50))

    @property
    def baseline_error(self) -> int:
        """Algorithm 1's, levels."""
        return abs(self.baseline_level - percent_jnd(self.truth, 50))

    @property
    def bhattacharyya(self) -> float:
        """Distance of the two JND distributions."""
        return bhattacharyya_distance(self.predicted.gev, self.truth)


def photo_rows(
    paths: Sequence[Path],
    curves: PhotoCurves,
    profile: ObserverProfile,
    jnd: int,
    psnr_threshold: float,
    models: SurModels,
) -> list[PhotoRow]:
    """A row per photo; ``curves`` are the teacher's, ``psnr_threshold`` is in dB."""
    rows = []
    for path, teacher, psnr in zip(paths, curves.log_distance, curves.psnr_db, strict=True):
        predicted = predict_sur_curve(load_photo(path), jnd=jnd, percent=50, observer=profile, models=models)
        truth = curve_gev(teacher, profile, jnd)
        residual = curve_shares(teacher, profile, jnd) - sur_curve(truth, CURVE_LEVELS)
        below = np.flatnonzero(np.interp(LEVELS, CURVE_LEVELS, psnr) <= psnr_threshold)
        level = int(LEVELS[below[0]]) if below.size else int(LEVELS[-1])
        rows.append(PhotoRow(path.name, predicted, truth, float(np.sqrt(np.mean(residual**2))), level))
    return rows


def summary(rows: Sequence[PhotoRow]) -> dict[str, Any]:
    """Means over photos, worst cases, and how often and by how much Algorithm 1 is beaten."""
    error, baseline = (np.array([getattr(row, name) for row in rows], float) for name in ("error", "baseline_error"))
    predicted = [row.predicted for row in rows]
    jnd50 = np.array([curve.percent_jnd for curve in predicted], float)
    truth = np.array([percent_jnd(row.truth, 50) for row in rows], float)
    figures = {
        "photos": len(rows),
        "jnd_error_levels": error.mean(),
        "jnd_error_levels_max": error.max(),
        "bhattacharyya": np.mean([row.bhattacharyya for row in rows]),
        "psnr_baseline_error_levels": baseline.mean(),
        "photos_nearer_than_baseline": int((error < baseline).sum()),
        "photos_farther_than_baseline": int((error > baseline).sum()),
        "gain_over_baseline_95": paired_interval(baseline - error),
        "jnd50": jnd50.mean(),
        "jnd50_deviation": jnd50.std(),
        "teacher_jnd50": truth.mean(),
        "teacher_jnd50_deviation": truth.std(),
        "scale": np.mean([curve.gev.scale for curve in predicted]),
        "teacher_scale": np.mean([row.truth.scale for row in rows]),
        "residual_rms_max": max(curve.residual_rms for curve in predicted),
        "teacher_residual_rms_max": max(row.teacher_residual_rms for row in rows),
        "sur_at_1_min": min(curve.sur[0] for curve in predicted),
        "sur_at_100_max": max(curve.sur[-1] for curve in predicted),
        "evaluations": np.mean([len(curve.levels) for curve in predicted]),
    }
    return {name: value if isinstance(value, list | int) else round(float(value), 4) for name, value in figures.items()}


def paired_interval(differences: NDArray[np.float64]) -> list[float]:
    """95 % interval (Student's t) of the mean of paired differences (N,), N >= 2."""
    half = float(stats.t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / np.sqrt(len(differences)))
    return [round(float(differences.mean()) - half, 3), round(float(differences.mean()) + half, 3)]


SHARE_QUALITIES = (40, 55, 70, 80, 88, 94, 98)
ORDERED_QUALITIES = range(40, 100, 5)


def share_errors(paths: Sequence[Path], profile: ObserverProfile, models: SurModels) -> dict[str, Any]:
    """The network's share of viewers less its teacher's on whole photos by three encoders, qualities 40 to 98.

    ``ordered``: of the steps of 5 in quality, how many the network says are no worse than the one before.
    """
    errors: dict[str, list[float]] = {}
    steps: list[bool] = []
    for path in paths:
        photo = load_photo(path)
        reference, limen = SurReference(photo, models), PreparedPhoto(photo)
        encoders: dict[str, Callable[[int], Rgb8]] = {
            "libjpeg-turbo": partial(_turbo, photo),
            "jpegli": partial(jpegli, photo),
            "limen": partial(_limen, limen),
        }
        for name, encode in encoders.items():
            for quality in SHARE_QUALITIES:
                decoded = encode(quality)
                truth = profile.satisfied_share(teacher_log_distance(photo, decoded))
                errors.setdefault(name, []).append(reference.sur(decoded, profile) - truth)
            shares = [reference.sur(encode(quality), profile) for quality in ORDERED_QUALITIES]
            steps += [better >= worse for worse, better in itertools.pairwise(shares)]
    every = np.concatenate(list(errors.values()))
    return {
        "photos": len(paths),
        "mean absolute": {name: round(float(np.abs(found).mean()), 4) for name, found in errors.items()},
        "mean absolute, all": round(float(np.abs(every).mean()), 4),
        "95 % within": round(float(np.quantile(np.abs(every), 0.95)), 4),
        "ordered": round(float(np.mean(steps)), 4),
    }


def _turbo(photo: Rgb8, quality: int) -> Rgb8:
    return decode_jpeg(encode_reference_jpeg(photo, quality))


def _limen(prepared: PreparedPhoto, quality: int) -> Rgb8:
    return decode_jpeg(prepared.encode(quality).data)


def beside_teacher(
    paths: Sequence[Path], curves: PhotoCurves, profile: ObserverProfile, jnd: int, models: SurModels
) -> dict[str, Any]:
    """The network beside its own teacher on the same photos: error of the 50 % JND, distance, CPU-seconds a curve.

    The teacher is asked at as many levels as the network; what is left of its error comes from those few levels.
    """
    found: dict[str, list[tuple[float, float, float]]] = {"network": [], "teacher": []}
    for path, teacher in zip(paths, curves.log_distance, strict=True):
        photo, truth = load_photo(path), curve_gev(teacher, profile, jnd)
        started = time.process_time()
        network = predict_sur_curve(photo, jnd=jnd, percent=50, observer=profile, models=models).gev
        between = time.process_time()
        baseline = _direct_gev(photo, profile, jnd)
        finished = time.process_time()
        for name, gev, cpu in (("network", network, between - started), ("teacher", baseline, finished - between)):
            error = abs(percent_jnd(gev, 50) - percent_jnd(truth, 50))
            found[name].append((error, bhattacharyya_distance(gev, truth), cpu))
    names = ("jnd_error_levels", "bhattacharyya", "cpu_s_per_curve")
    figures: dict[str, Any] = {}
    for method, rows in found.items():
        figures[method] = {
            name: round(float(np.mean([row[column] for row in rows])), 4) for column, name in enumerate(names)
        }
    errors = np.array([[row[0] for row in found[name]] for name in ("network", "teacher")])
    return {"photos": len(paths), **figures, "error_added_by_network_95": paired_interval(errors[0] - errors[1])}


def _direct_gev(photo: Rgb8, profile: ObserverProfile, jnd: int) -> GevParameters:
    def distance_at(level: int) -> float:
        return teacher_log_distance(photo, decode_jpeg(encode_reference_jpeg(photo, 101 - level)))

    distances = sample_curve(distance_at, lambda distance: profile.satisfied_share(distance, jnd), lambda _: None)
    levels = sorted(distances)
    return fit_gev(levels, still_satisfied(levels, [profile.satisfied_share(distances[n], jnd) for n in levels]))


def ranking_of_published_distributions(table: Path, seed: int) -> dict[str, Any]:
    """Table 1's procedure on samples drawn from MCL-JCI's published GEVs, ``mcl_jci_gev.csv``: does it find the GEV?"""
    with table.open() as lines:
        rows = list(csv.DictReader(lines))
    found = {}
    for jnd in JNDS:
        rng = np.random.default_rng(seed + jnd)
        gevs = [
            GevParameters(float(row["location_qf"]), float(row["scale_qf"]), float(row["shape_xi"]))
            for row in rows
            if int(row["jnd"]) == jnd
        ]
        standings = rank_distributions([draw_samples(gev, OBSERVERS, rng) for gev in gevs])
        order = sorted(standings, key=lambda name: standings[name].likelihood_rank)
        found[f"jnd{jnd}"] = {
            "by likelihood": order[:5],
            "GEV rejected": standings[GEV].rejected,
            "GEV's rank by rejections": standings[GEV].rejected_rank,
        }
    return found
