"""Configuration, training loop, report and command line of training."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from pydantic import ValidationError
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from models.graphs.artefacts import WEIGHTS
from training.cli import main
from training.experiments.configs import CONFIG_OF
from training.experiments.sur.config import SurConfig
from training.figures.report import Curves, Picture, Report, Scatter, write_report
from training.run import config as configuration
from training.run.config import CONFIGS, ExperimentConfig, FitConfig, load_config
from training.run.fit import fit_network, load_best, load_history


def config(tmp_path: Path, **changes: object) -> ExperimentConfig:
    fit = FitConfig(epochs=3, batch_size=8, learning_rate=0.05)
    return ExperimentConfig(name="line", fit=fit, data=tmp_path, work=tmp_path).model_copy(update=changes)


def line_loss(network: nn.Module, batch: list[Tensor]) -> Tensor:
    x, y = batch
    return nn.functional.mse_loss(network(x), y)


def line_data() -> TensorDataset:
    x = torch.linspace(-1, 1, 64)[:, None]
    return TensorDataset(x, 3 * x + 1)


def test_each_file_is_described_by_a_class() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == set(CONFIG_OF)


@pytest.mark.parametrize("kind", CONFIG_OF.values())
def test_each_experiment_has_both_presets(kind: type[ExperimentConfig], tmp_path: Path) -> None:
    lite = load_config(kind, data=tmp_path, work=tmp_path)
    paper = load_config(kind, data=tmp_path, work=tmp_path, preset="paper", seed=7, epochs=1)
    assert lite.weights == WEIGHTS
    assert lite.checkpoints == lite.folder == paper.folder
    assert paper.checkpoints == paper.folder / "paper-seed-7"
    assert paper.weights == paper.checkpoints / "weights"
    assert paper.fit.all_epochs == 1
    assert load_config(kind, data=tmp_path, work=tmp_path, epochs=1).fit.all_epochs == 1


def test_an_unknown_key_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="epoch"):
        ExperimentConfig.model_validate(
            {"name": "x", "data": tmp_path, "work": tmp_path, "fit": {"epoch": 3, "batch_size": 1, "learning_rate": 1}}
        )


@pytest.mark.parametrize("name", CONFIG_OF)
def test_an_unknown_key_of_any_section_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt key, in the file itself and in each of its sections; nothing is trained."""
    document = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    monkeypatch.setattr(configuration, "CONFIGS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["limen-train", "fit", name, "--data", str(tmp_path), "--work", str(tmp_path)])
    sections = [key for key, value in document.items() if isinstance(value, dict) and key != "paper"]
    for section in (None, *sections):
        wrong = {"misspelt": 1}
        changed = document | (wrong if section is None else {section: document[section] | wrong})
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(changed))
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("limen-train: ")
        assert "misspelt" in line


def test_numbers_that_count_are_whole(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="versions"):
        SurConfig.model_validate(load_config(SurConfig, data=tmp_path, work=tmp_path).model_dump() | {"versions": 2.5})


def test_the_loop_learns_keeps_the_best_and_writes_its_losses(tmp_path: Path) -> None:
    settings = config(tmp_path, variant="seed-1")
    network = fit_network(nn.Linear(1, 1), line_data(), line_data(), line_loss, settings)
    history = load_history(settings)
    assert len(history) == 3
    assert history[-1][1] < history[0][1]
    again = load_best(nn.Linear(1, 1), settings)
    assert torch.equal(network.state_dict()["weight"], again.state_dict()["weight"])
    assert sorted(path.name for path in (tmp_path / "line" / "seed-1").iterdir()) == [
        "best.pt",
        "checkpoint.pt",
        "history.json",
        "run.json",
    ]


def test_a_report_is_one_file_that_loads_nothing_and_is_the_same_twice(tmp_path: Path) -> None:
    x = np.linspace(0, 1, 30)
    report = Report(
        "Line <1>",
        {"srocc": 0.9},
        history=[(1.0, 1.1), (0.5, 0.7)],
        scatters=[Scatter("mos", x, x**2, "0..1")],
        curves=[Curves("sur", x, {"predicted": 1 - x}, "level", "SUR")],
        pictures=[Picture("worst & <last>", np.zeros((40, 900, 3), np.uint8))],
    )
    write_report(tmp_path / "a" / "report.html", report)
    write_report(tmp_path / "b" / "report.html", report)
    text = (tmp_path / "a" / "report.html").read_text()
    assert text == (tmp_path / "b" / "report.html").read_text()
    assert text.count("<svg") == 3
    assert "Line &lt;1&gt;" in text
    assert "worst &amp; &lt;last&gt;" in text
    assert "<script" not in text
    assert 'src="http' not in text


def test_the_command_line_answers_a_missing_folder_with_one_line(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("limen-train")), "prepare", "jnd", "--data", str(tmp_path / "none")]
    answer = subprocess.run(
        [*command, "--work", str(tmp_path)], capture_output=True, text=True, check=False, timeout=120
    )
    assert answer.returncode == 2, answer.stderr
    assert answer.stdout == ""
    assert len(answer.stderr.strip().splitlines()) == 1
    assert answer.stderr.startswith("limen-train: ")


def test_history_is_plain_json(tmp_path: Path) -> None:
    settings = config(tmp_path)
    fit_network(nn.Linear(1, 1), line_data(), line_data(), line_loss, settings)
    assert len(json.loads((settings.checkpoints / "history.json").read_text())) == 3
