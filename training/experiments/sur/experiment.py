"""SUR-FeatNet: tiles with a teacher's labels, a siamese network on them, psychometric profiles, figures.

Human opinion enters in one place: the observer profiles are fitted to the judgements of JPEG AIC-3's people, and to the
population of curves that MCL-JCI's viewers gave (``training.experiments.sur.curves``). Both presets learn from the same
tiles: ``lite`` the distance itself, ``paper`` as Lin et al. 2020 published it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from training.experiments.sur import lite, lite_export, lite_figures, published
from training.experiments.sur.config import SurConfig
from training.experiments.sur.tables import table
from training.experiments.sur.tiles import prepare

__all__ = ["evaluate", "export", "fit", "prepare", "table"]


@dataclass(frozen=True, slots=True)
class Preset:
    """What a preset does with the tiles."""

    fit: Callable[[SurConfig], None]
    export: Callable[[SurConfig], object]
    evaluate: Callable[[SurConfig], dict[str, Any]]


PRESETS = {
    "lite": Preset(lite.fit, lite_export.export, lite_figures.evaluate),
    "paper": Preset(published.fit_on_tiles, published.export_on_tiles, published.evaluate_on_tiles),
}


def fit(config: SurConfig) -> None:
    """Train both stages of the preset, on the tiles that ``prepare`` made."""
    PRESETS[config.preset].fit(config)


def export(config: SurConfig) -> None:
    """Write both graphs after comparing them with PyTorch; with ``lite`` observer profiles and entries too."""
    PRESETS[config.preset].export(config)


def evaluate(config: SurConfig) -> dict[str, Any]:
    """Figures on photos that the preset never saw."""
    return PRESETS[config.preset].evaluate(config)
