"""Figures of preset ``lite``: the exported graphs against the teacher's curves, and the report."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from models.sur.gev import LEVELS, percent_jnd, sur_curve
from models.sur.observers import JNDS, load_observer_table
from models.sur.opponents import opponents
from models.sur.reference import SurModels
from models.viewing import DEFAULT_OBSERVER
from training.data.photos import Split, load_photo, photo_paths
from training.distort.jpeg_variants import VARIANT_KINDS
from training.experiments.sur.config import SurConfig
from training.experiments.sur.curves import curve_paths, measured_curves, psnr_threshold
from training.experiments.sur.figures import (
    PhotoRow,
    beside_teacher,
    photo_rows,
    ranking_of_published_distributions,
    share_errors,
    summary,
)
from training.experiments.sur.lite_export import exported
from training.experiments.sur.tiles import VERSIONS, TilePairs
from training.figures.report import Curves, Picture, Report, Scatter, write_report
from training.run.fit import load_history

SHARES_EVERY = 8
"""Of the photos of a split, one in so many is encoded by three encoders at all qualities of ``share_errors``."""
TEACHER_EVERY = 4
"""Of the Kodak photos, one in so many is also judged by the teacher itself, a second a pair."""


def evaluate(config: SurConfig) -> dict[str, Any]:
    """Figures of the exported graphs against the teacher's curves on ``val`` and ``kodak``; also ``report.html``."""
    models, train = exported(config), measured_curves(config, "train")
    profile = load_observer_table(config.weights).profiles[DEFAULT_OBSERVER]
    figures: dict[str, Any] = {"tiles of val: mean error of ln distance, bias": _tile_errors(config, models)}
    rows: dict[str, list[PhotoRow]] = {}
    judged: tuple[Split, ...] = ("val", "kodak")
    for split in judged:
        paths, curves = curve_paths(config, split), measured_curves(config, split)
        for jnd in JNDS:
            threshold = psnr_threshold(train, profile, jnd)
            rows[f"{split}, JND {jnd}"] = photo_rows(paths, curves, profile, jnd, threshold, models)
        figures[split] = {f"jnd{jnd}": summary(rows[f"{split}, JND {jnd}"]) for jnd in JNDS}
    for split in judged:
        figures[f"{split}, every eighth: share of viewers against the teacher"] = share_errors(
            photo_paths(config.data, split)[::SHARES_EVERY], profile, models
        )
    some = slice(None, None, TEACHER_EVERY)
    kodak, curves = curve_paths(config, "kodak")[some], measured_curves(config, "kodak").part(some)
    figures["kodak, every fourth: the teacher itself"] = beside_teacher(kodak, curves, profile, 1, models)
    table = config.data / "tables" / "mcl_jci_gev.csv"
    figures["table 1 on samples of mcl_jci_gev.csv"] = ranking_of_published_distributions(table, config.seed)
    write_report(config.checkpoints / "report.html", _report(config, figures, rows))
    return figures


def _report(config: SurConfig, figures: dict[str, Any], rows: Mapping[str, list[PhotoRow]]) -> Report:
    """Losses, predicted against teacher's 50 % JND, and the curves of the best and the worst Kodak photo."""
    scatters = [
        Scatter(
            f"50 % JND, {name}",
            np.array([row.predicted.percent_jnd for row in part], dtype=np.float64),
            np.array([percent_jnd(row.truth, 50) for row in part], dtype=np.float64),
            "levels",
        )
        for name, part in rows.items()
    ]
    ordered = sorted(rows["kodak, JND 1"], key=lambda row: row.bhattacharyya)
    curves, pictures = [], []
    for title, row in (("best", ordered[0]), ("worst", ordered[-1])):
        lines = {"predicted": row.predicted.sur, "teacher": sur_curve(row.truth)}
        curves.append(Curves(f"{title}: Kodak {row.name}", LEVELS.astype(np.float64), lines, "distortion level", "SUR"))
        photo = load_photo(config.data / "kodak" / row.name)
        pictures.append(Picture(f"{title}: {row.name}, 50 % JND off by {row.error} levels", photo))
    return Report("SUR", figures, load_history(config), scatters, curves, pictures)


def _tile_errors(config: SurConfig, models: SurModels) -> dict[str, list[float]]:
    """Mean absolute and mean signed error of ln distance on single tiles of ``val``, by the encoder that made them."""
    pairs = TilePairs(config.folder, "val", range(VERSIONS))
    errors = np.empty((len(pairs), VERSIONS))
    for index in range(len(pairs)):
        reference, distorted, labels = pairs[index]
        tiles = torch.cat([reference[None], distorted]).permute(0, 2, 3, 1).numpy()
        features = np.concatenate(
            [models.features.run({"opponents": opponents(tile)[None]})["features"] for tile in tiles]
        )
        repeated = np.repeat(features[:1], VERSIONS, axis=0)
        found = models.head.run({"reference": repeated, "distorted": features[1:]})["log_distance"]
        errors[index] = found - labels.numpy()
    kinds = {name: errors[:, part] for name, part in VARIANT_KINDS.items()}
    return {name: [round(float(np.abs(e).mean()), 4), round(float(e.mean()), 4)] for name, e in kinds.items()}
