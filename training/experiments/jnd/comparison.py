"""FPSNet's map against plain maps, photo by photo: means, wins, paired intervals, and what the map's unit is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from models.types import Rgb8
from training.data.photos import Split, is_lossless, load_photo, photo_paths
from training.experiments.jnd.protocol import (
    ENERGIES,
    JndMapOf,
    fpsnet_map,
    local_deviation_map,
    measure_noise,
    visibility_at_own_level,
    wu2017_map,
)
from training.run.progress import track

OURS = "fpsnet"
MAPS: dict[str, JndMapOf] = {
    OURS: fpsnet_map,
    "uniform": local_deviation_map(0.0),
    "wu2017": wu2017_map,
    "deviation_0.75": local_deviation_map(0.75),
    "deviation_1": local_deviation_map(1.0),
}
WITH_UNITS = (OURS, "wu2017")
"""Maps that claim to be thresholds in luma levels; the others are shapes."""
LOWER_IS_BETTER = ("butteraugli_3norm", "butteraugli_max")
COMPARED = ("ssim", "ms_ssim", "ssimulacra2", "ssimulacra2_package", *LOWER_IS_BETTER)
CONFIDENCE = 0.95
KODAK_REGIONS = {
    "13 stones and water in the foreground": ("13", slice(256, 512), slice(0, 768)),
    "05 blurred bank behind the riders": ("05", slice(8, 72), slice(560, 760)),
    "20 sky": ("20", slice(0, 160), slice(256, 768)),
    "12 sky": ("12", slice(16, 96), slice(16, 250)),
}
"""One textured region of Kodak and three flat ones: photo, rows, columns."""


@dataclass(frozen=True, slots=True)
class PhotoFigures:
    """One photo: ``noise`` by energy and map, ``own_level`` by map that has a unit, median threshold of ours."""

    name: str
    noise: dict[float, dict[str, dict[str, float]]]
    own_level: dict[str, float]
    median: float


def measure_photos(
    data: Path,
    split: Split,
    *,
    energies: Sequence[float] = ENERGIES,
    names: Sequence[str] = tuple(MAPS),
    ours: JndMapOf = fpsnet_map,
) -> list[PhotoFigures]:
    """Maps by name, ours among them, on every lossless photo of a split; ``ours``: what is measured as such."""
    paths = track([path for path in photo_paths(data, split) if is_lossless(path)], description="JND maps")
    maps = MAPS | {OURS: ours}
    chosen = {name: maps[name] for name in names}
    return [measure_photo(path.stem, load_photo(path), energies, chosen) for path in paths]


def measure_photo(name: str, image: Rgb8, energies: Sequence[float], maps_of: Mapping[str, JndMapOf]) -> PhotoFigures:
    """Maps by name on one photo of at least 176 pixels a side."""
    maps = {map_name: map_of(image) for map_name, map_of in maps_of.items()}
    noise = {mse: {key: measure_noise(image, jnd, mse=mse) for key, jnd in maps.items()} for mse in energies}
    own_level = {key: visibility_at_own_level(image, maps[key]) for key in WITH_UNITS if key in maps}
    return PhotoFigures(name, noise, own_level, float(np.median(maps[OURS])))


def compare_maps(photos: list[PhotoFigures]) -> dict[str, Any]:
    """Means, wins and gains of FPSNet at each energy, and the units of the maps that have one."""
    return {
        "photos": len(photos),
        **{f"mse_{mse:.0f}": _at_energy([photo.noise[mse] for photo in photos]) for mse in photos[0].noise},
        "at_own_level": {key: _own_level([photo.own_level[key] for photo in photos]) for key in photos[0].own_level},
        "median_luma_levels": {photo.name: round(photo.median, 2) for photo in photos},
    }


def _at_energy(photos: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    keys = photos[0][OURS]
    means = {name: {key: _mean([photo[name][key] for photo in photos]) for key in keys} for name in photos[0]}
    gains = {baseline: _against(photos, baseline) for baseline in photos[0] if baseline != OURS}
    largest = max(photo[OURS]["amplitude_max"] for photo in photos)
    return {"means": means, "fpsnet_largest_amplitude": _short(largest), "fpsnet_against": gains}


def _against(photos: list[dict[str, dict[str, float]]], baseline: str) -> dict[str, Any]:
    """Wins and gains by figure, and on how many photos ours is better on both judges."""
    differences = {key: [photo[OURS][key] - photo[baseline][key] for photo in photos] for key in COMPARED}
    both = zip(differences["ssimulacra2"], differences["butteraugli_3norm"], strict=True)
    wins = sum(score > 0 > norm for score, norm in both)
    return {"wins_on_both_judges": wins, **{key: _gains(values, key) for key, values in differences.items()}}


def _gains(differences: list[float], key: str) -> dict[str, Any]:
    """Photos on which ours is better, and the mean difference with its paired interval (Student's t)."""
    sense = -1 if key in LOWER_IS_BETTER else 1
    values = np.array(differences)
    error = float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    reach = float(student_t.ppf(0.5 + CONFIDENCE / 2, max(len(values) - 1, 1))) * error
    mean = float(values.mean())
    return {
        "wins": int((sense * values > 0).sum()),
        "difference": [_short(mean), _short(mean - reach), _short(mean + reach)],
    }


def _own_level(norms: list[float]) -> dict[str, float]:
    """Butteraugli 3-norm of noise at gamma = 1: mean, and coefficient of variation over photos."""
    mean = float(np.mean(norms))
    return {"butteraugli_3norm_mean": _short(mean), "butteraugli_3norm_variation": _short(float(np.std(norms)) / mean)}


def _mean(values: list[float]) -> float:
    return _short(float(np.mean(values)))


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def region_medians(data: Path, ours: JndMapOf) -> dict[str, float]:
    """Median threshold of our map in luma levels over each of ``KODAK_REGIONS``."""
    medians = {}
    for name, (photo, rows, columns) in KODAK_REGIONS.items():
        values = ours(load_photo(data / "kodak" / f"{photo}.png"))[rows, columns]
        medians[name] = round(float(np.median(values)), 2)
    return medians
