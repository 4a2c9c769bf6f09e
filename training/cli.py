"""``limen-train prepare|fit|evaluate|export|table NAME``: labels, weights, figures, graph; the tables of a paper.

``reproduce`` makes one table or figure of a paper, ``doctor`` says which data sets are there, ``mixture`` fits the
teacher mixture that several labels come from.
"""

import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from typer.exceptions import Abort, TyperException

from training.data.errors import DatasetFormatError, DatasetMissingError
from training.experiments.configs import CONFIG_OF
from training.experiments.published import PUBLISHED, missing_of, part_of_figures, published
from training.run.config import ExperimentConfig, load_config
from training.run.errors import RunError
from training.run.progress import say
from training.run.results import begin_results, write_results


class Experiment(StrEnum):
    """One module in ``training/experiments`` each, with the same five functions."""

    SUR = "sur"
    JND = "jnd"
    PATCH_QUALITY = "patch_quality"
    DIPQA = "dipqa"
    QUALITY_SCORE = "quality_score"
    FULL_REFERENCE = "full_reference"


MODULES = {
    Experiment.SUR: "sur.experiment",
    Experiment.JND: "jnd.experiment",
    Experiment.PATCH_QUALITY: "quality.patch_quality",
    Experiment.DIPQA: "quality.dipqa",
    Experiment.QUALITY_SCORE: "quality.quality_score",
    Experiment.FULL_REFERENCE: "full_reference.experiment",
}


class Preset(StrEnum):
    """Size of a network."""

    LITE = "lite"
    PAPER = "paper"


Name = Annotated[Experiment, typer.Argument(help="which experiment")]
Data = Annotated[Path, typer.Option(help="folder with photos/train, photos/val, kodak and tables")]
Root = Annotated[Path, typer.Option(help="folder that holds the published data sets, each in a folder of its name")]
Work = Annotated[Path, typer.Option(help="where labels, checkpoints and run records go")]
PresetName = Annotated[Preset, typer.Option(help="lite, which is shipped, or paper, as published")]
Seed = Annotated[int | None, typer.Option(help="instead of the seed in the configuration")]
Epochs = Annotated[int | None, typer.Option(help="instead of the epochs in the configuration", min=1)]
Workers = Annotated[
    int, typer.Option(help="processes that make batches; for a GPU as many as there are processors", min=0)
]
Restart = Annotated[bool, typer.Option("--restart", help="throw away checkpoints of other inputs instead of stopping")]
WORK = Path(".limen-train")

cli = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@cli.command()
def prepare(name: Name, data: Data, work: Work = WORK, preset: PresetName = Preset.LITE, seed: Seed = None) -> None:
    """Make and cache the labels."""
    module, config = _experiment(name, data, work, preset, seed)
    module.prepare(config)


@cli.command()
def fit(
    name: Name,
    data: Data,
    work: Work = WORK,
    preset: PresetName = Preset.LITE,
    seed: Seed = None,
    epochs: Epochs = None,
    workers: Workers = 0,
    restart: Restart = False,
) -> None:
    """Train; resumes where it was stopped, with the same data, start weights, configuration and code."""
    module, config = _experiment(name, data, work, preset, seed, epochs, workers, restart=restart)
    module.fit(config)


@cli.command()
def evaluate(name: Name, data: Data, work: Work = WORK, preset: PresetName = Preset.LITE, seed: Seed = None) -> None:
    """Measure on photos it never saw: figures as JSON, also in results/NAME-evaluate.json and .md; report.html."""
    module, config = _experiment(name, data, work, preset, seed)
    _with_results(config, "evaluate", lambda: module.evaluate(config))


@cli.command()
def export(name: Name, data: Data, work: Work = WORK, preset: PresetName = Preset.LITE, seed: Seed = None) -> None:
    """Write the ONNX graph and its manifest entry after comparing it with PyTorch; only preset lite goes to models."""
    module, config = _experiment(name, data, work, preset, seed)
    module.export(config)


@cli.command()
def table(
    name: Name,
    root: Root,
    work: Work = WORK,
    preset: PresetName = Preset.PAPER,
    seed: Seed = None,
    epochs: Epochs = None,
    workers: Workers = 0,
    restart: Restart = False,
) -> None:
    """Run the experiment of the paper on its own data: tables as JSON, also in results/NAME-table.json and .md."""
    module, config = _experiment(name, root, work, preset, seed, epochs, workers, restart=restart)
    _with_results(config, "table", lambda: module.table(config, root))


@cli.command()
def reproduce(
    what: Annotated[str, typer.Argument(help="PAPER:TABLE, as sur-featnet:table-6; training/PAPERS.md has all")],
    root: Root,
    work: Work = WORK,
    preset: PresetName = Preset.PAPER,
    seed: Seed = None,
    epochs: Epochs = None,
    workers: Workers = 0,
    restart: Restart = False,
) -> None:
    """Make one table or figure of a paper: JSON, also in results/PAPER-TABLE.json and .md; keeps what it fits."""
    wanted = published(what)
    missing, without = missing_of(wanted, root)
    if missing:
        raise DatasetMissingError(f"{what} needs {', '.join(missing)} in {root}: see `limen-train doctor`")
    for part in without:
        say(f"{part} is not in {root}: {what} is made without it")
    name = Experiment(wanted.experiment)
    module, config = _experiment(name, root, work, preset, seed, epochs, workers, restart=restart)
    _with_results(
        config.model_copy(update={"name": what.replace(":", "-")}),
        "",
        lambda: part_of_figures(module.table(config, root, **wanted.options), wanted.keys),
    )


@cli.command()
def doctor(root: Root) -> None:
    """Say which published data sets and weights are there and whole; exit status 1 if one is there and broken."""
    from training.data.sets import BROKEN, look_through

    findings = look_through(root)
    for finding in findings:
        print(f"{finding.state:<8}{finding.name}: {finding.says}")
    for what, wanted in PUBLISHED.items():
        missing, without = missing_of(wanted, root)
        if not missing:
            print(f"{'makes':<8}{what}{', without ' + ', '.join(without) if without else ''}")
    if any(finding.state == BROKEN for finding in findings):
        raise typer.Exit(1)


@cli.command()
def mixture(
    data: Annotated[Path, typer.Option(help="folder with kodak and tables/tid2013_mos.csv")],
    output: Annotated[Path, typer.Option("--output", "-o", help="where the mixture is written (JSON)")],
    work: Work = WORK,
    processes: Annotated[int, typer.Option(help="photos whose pairs are made at a time", min=1)] = 1,
) -> None:
    """Fit the teacher mixture of the quality labels to TID2013's opinions; print its weights and figures."""
    from training.labels.mixture import make_mixture

    work.mkdir(parents=True, exist_ok=True)
    print(json.dumps(asdict(make_mixture(data, work, output, processes=processes)), indent=2))


def _with_results(config: ExperimentConfig, what: str, measure: Callable[[], dict[str, Any]]) -> None:
    """Print what ``measure`` finds and write it to the files of results."""
    stem = begin_results(config, what)
    figures = measure()
    write_results(stem, figures, config)
    print(json.dumps(figures, indent=2))


def _experiment(
    name: Experiment,
    data: Path,
    work: Path,
    preset: Preset,
    seed: int | None,
    epochs: int | None = None,
    workers: int = 0,
    *,
    restart: bool = False,
) -> tuple[Any, ExperimentConfig]:
    config = load_config(
        CONFIG_OF[name],
        data=data,
        work=work,
        preset=preset.value,
        seed=seed,
        epochs=epochs,
        workers=workers,
        restart=restart,
    )
    config.checkpoints.mkdir(parents=True, exist_ok=True)
    return importlib.import_module(f"training.experiments.{MODULES[name]}"), config


def main() -> None:
    """Console script: what a user can put right is one line on standard error and exit status 2."""
    try:
        raise SystemExit(cli(standalone_mode=False) or 0)
    except Abort:
        raise SystemExit(1) from None
    except TyperException as error:
        said = error.format_message()
        lines = said if "\n" in said else f"limen-train: {said.replace('Value error, ', '')}"  # help is many lines
        print(lines, file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except (
        DatasetMissingError,
        DatasetFormatError,
        FileNotFoundError,
        RunError,
        ValidationError,
    ) as error:
        print(f"limen-train: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
