"""``limen-train prepare|fit|evaluate|export EXPERIMENT``: labels, weights, figures, shipped graph."""

import importlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from training.config import ExperimentConfig, load_config


class Experiment(StrEnum):
    """One module in ``training/experiments`` each, with the same four functions."""

    SUR = "sur"
    JND = "jnd"
    PATCH_QUALITY = "patch_quality"
    DIPQA = "dipqa"
    QUALITY_SCORE = "quality_score"
    FULL_REFERENCE = "full_reference"


Name = Annotated[Experiment, typer.Argument(help="which experiment")]
Data = Annotated[Path, typer.Option(help="folder with photos/train, photos/val, kodak and tables", exists=True)]
Work = Annotated[Path, typer.Option(help="where labels, checkpoints and run records go")]
Preset = Annotated[str, typer.Option(help="lite or paper")]
Seed = Annotated[int | None, typer.Option(help="instead of the seed in the configuration")]

cli = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


def _run(step: str, name: Experiment, data: Path, work: Path, preset: str, seed: int | None) -> Any:
    module = importlib.import_module(f"training.experiments.{name.value}")
    config: ExperimentConfig = load_config(name.value, data=data, work=work, preset=preset, seed=seed)
    config.folder.mkdir(parents=True, exist_ok=True)
    return getattr(module, step)(config)


@cli.command()
def prepare(
    name: Name, data: Data, work: Work = Path(".limen-train"), preset: Preset = "lite", seed: Seed = None
) -> None:
    """Make and cache the labels."""
    _run("prepare", name, data, work, preset, seed)


@cli.command()
def fit(name: Name, data: Data, work: Work = Path(".limen-train"), preset: Preset = "lite", seed: Seed = None) -> None:
    """Train; resumes where it was stopped."""
    _run("fit", name, data, work, preset, seed)


@cli.command()
def evaluate(
    name: Name, data: Data, work: Work = Path(".limen-train"), preset: Preset = "lite", seed: Seed = None
) -> None:
    """Measure the shipped graph on photos it never saw, and print the figures as JSON."""
    print(json.dumps(_run("evaluate", name, data, work, preset, seed), indent=2))


@cli.command()
def export(
    name: Name, data: Data, work: Work = Path(".limen-train"), preset: Preset = "lite", seed: Seed = None
) -> None:
    """Write the ONNX graph and its manifest entry after comparing it with PyTorch."""
    _run("export", name, data, work, preset, seed)


def main() -> None:
    """Console script."""
    cli()
