"""Teacher curves of whole photos over JPEG levels, and the observer profiles that give them MCL-JCI's population."""

import csv
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import least_squares

from models.jpeg.pixels import decode_jpeg
from models.metrics.classical import psnr_db
from models.sur.gev import LEVELS, GevParameters, fit_gev, percent_jnd, still_satisfied, sur_curve
from models.sur.observers import JNDS, ObserverProfile, Threshold
from models.sur.reference import SurModels, SurReference
from models.sur.reference_jpeg import encode_reference_jpeg
from models.sur.tiles import pool_tiles, tile_places
from models.types import Rgb8
from training.data.photos import Split, learning_paths, load_photo
from training.experiments.sur.aic3 import aic3_thresholds, boosted_jnd, read_aic3
from training.experiments.sur.config import SurConfig
from training.labels.threshold_teacher import threshold_log_distance
from training.run.progress import track

CURVE_LEVELS = (1, 4, 8, 13, 19, 26, 34, 43, 53, 63, 72, 79, 85, 91, 100)
"""Where a photo's curve is measured: densest where people near the threshold change their mind, QF 75 to 97."""

CURVES_EVERY: dict[Split, int] = {"train": 12, "val": 3, "kodak": 2}
"""Of the photos of a split, of ``train`` those of free licence, one in so many has its teacher curve measured: fifteen
levels of six tiles, a sixth of a second each."""

FALLING = tuple(index for index, level in enumerate(CURVE_LEVELS) if 3 <= level <= 61)
"""Indices into ``CURVE_LEVELS`` of the levels where SUR curves of people near the threshold fall: QF 40 to 98."""


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
    """ln distance of a photo from a version of it, uint8 (H, W, 3): the teacher's of tiles, pooled as the product does.

    About -5.8 for equal images, -1.9 where half of the viewers cannot tell, 1 for the worst JPEGs.
    """
    tiles = [threshold_log_distance(place.cut(reference), place.cut(distorted)) for place in tile_places(reference)]
    return pool_tiles(np.array(tiles, np.float32))


def teacher_curves(paths: list[Path], cache: Path) -> PhotoCurves:
    """Curves of all photos in ``paths``; kept in ``cache`` (``.npz``), where earlier photos are found again."""
    known = dict(np.load(cache)) if cache.is_file() else {}
    missing = [path for path in paths if path.name not in known]
    with ProcessPoolExecutor() as pool:
        measured = track(pool.map(_measure, missing), f"teacher curves {cache.stem}", len(missing))
        for path, curve in zip(missing, measured, strict=True):
            known[path.name] = curve
            np.savez(cache, **known)
    stacked = np.stack([known[path.name] for path in paths])
    return PhotoCurves([path.name for path in paths], stacked[:, 0], stacked[:, 1])


def _measure(path: Path) -> NDArray[np.float64]:
    """(2, L): ln distance and PSNR at ``CURVE_LEVELS``."""
    torch.set_num_threads(1)
    photo, rows = load_photo(path), []
    for level in CURVE_LEVELS:
        decoded = decode_jpeg(encode_reference_jpeg(photo, 101 - level))
        rows.append((teacher_log_distance(photo, decoded), capped_psnr_db(photo, decoded)))
    return np.array(rows).T


def pooled_excess(paths: list[Path], cache: Path) -> float:
    """By how much the pooled ln distance of a photo's tiles lies above the teacher's of the whole photo, on average.

    Over libjpeg-turbo's qualities 60, 80 and 92, where people near the threshold change their mind. Kept in ``cache``.
    """
    if not cache.is_file():
        with ProcessPoolExecutor() as pool:
            np.savez(cache, excess=np.array(list(pool.map(_pooled_excess, paths))))
    return float(np.load(cache)["excess"].mean())


def _pooled_excess(path: Path) -> list[float]:
    torch.set_num_threads(1)
    photo = load_photo(path)
    versions = [decode_jpeg(encode_reference_jpeg(photo, quality)) for quality in (60, 80, 92)]
    return [teacher_log_distance(photo, other) - threshold_log_distance(photo, other) for other in versions]


def capped_psnr_db(reference: Rgb8, distorted: Rgb8) -> float:
    """Peak signal-to-noise ratio over R, G and B in dB; 99 for equal images."""
    return min(99.0, psnr_db(reference, distorted))


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


def calibrate_profiles(curves: NDArray[np.float64], tables: Path, *, pooled: float) -> dict[str, ObserverProfile]:
    """``aic-3`` and ``flicker`` fitted to AIC-3's people, ``mcl-jci`` to the published population of curves.

    ``tables``: folder of ``aic3_jnd.csv``, ``aic3_counts.csv`` and ``mcl_jci_gev.csv``; ``pooled``: by how much the ln
    distance that is pooled from tiles lies above that of the whole photo, which AIC-3's scores are of.
    """
    pairs = read_aic3(tables / "aic3_jnd.csv")
    close = aic3_thresholds(pairs)
    boosted = aic3_thresholds(pairs, boosted_jnd(tables / "aic3_counts.csv"))
    television = [calibrate(curves, *mcl_jci_population(tables / "mcl_jci_gev.csv", jnd)) for jnd in JNDS]
    return {
        "aic-3": ObserverProfile(
            "aic-3",
            "People who compare original and JPEG closely on a desktop monitor, looking for differences, as in JPEG "
            "AIC-3; fitted to their judgements of 300 pairs.",
            _moved(close, pooled),
            title="close comparison on a desktop",
        ),
        "flicker": ObserverProfile(
            "flicker",
            "Original and JPEG alternate in place, twice as large: the strictest test there is; fitted to the boosted "
            "answers of JPEG AIC-3.",
            _moved(boosted, pooled),
            title="alternating in place",
        ),
        "mcl-jci": ObserverProfile(
            "mcl-jci",
            "Original and JPEG side by side on a 1080p television across the room, as in MCL-JCI; fitted so that the "
            "mean 50 % JND and the mean GEV scale over photos are those published for its 50 photos.",
            (television[0], television[1], television[2]),
            title="television across the room",
        ),
    }


def _moved(thresholds: tuple[Threshold, Threshold, Threshold], by: float) -> tuple[Threshold, Threshold, Threshold]:
    first, second, third = (Threshold(round(each.log_distance + by, 4), each.spread) for each in thresholds)
    return first, second, third


# Of the photos of a split.


def measured_curves(config: SurConfig, split: Split) -> PhotoCurves:
    """The teacher's curves of ``curve_paths``, kept in the folder of the experiment."""
    return teacher_curves(curve_paths(config, split), config.folder / f"curves-{split}.npz")


def curve_paths(config: SurConfig, split: Split) -> list[Path]:
    """Photos whose teacher curves are measured."""
    return learning_paths(config.data, split)[:: CURVES_EVERY[split]]


def photo_errors(config: SurConfig, split: Split, curves: PhotoCurves, models: SurModels | None) -> NDArray[np.float64]:
    """Predicted minus teacher ln distance of whole photos at the ``FALLING`` levels, (P, levels)."""
    errors = []
    for path, teacher in zip(curve_paths(config, split), curves.log_distance, strict=True):
        photo = load_photo(path)
        reference = SurReference(photo, models)
        levels = [CURVE_LEVELS[index] for index in FALLING]
        decoded = [decode_jpeg(encode_reference_jpeg(photo, 101 - level)) for level in levels]
        errors.append(np.array([reference.log_distance(pixels) for pixels in decoded]) - teacher[list(FALLING)])
    return np.array(errors)


def psnr_threshold(curves: PhotoCurves, profile: ObserverProfile, jnd: int) -> float:
    """Mean PSNR at the 50 % JND over training photos. Reference: Lin et al. 2020, algorithm 1."""
    places = [percent_jnd(curve_gev(curve, profile, jnd), 50) for curve in curves.log_distance]
    return float(np.mean([np.interp(n, CURVE_LEVELS, psnr) for n, psnr in zip(places, curves.psnr_db, strict=True)]))
