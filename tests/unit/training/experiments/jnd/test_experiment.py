"""One step of the JND experiment on photos made here."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the training extra is not installed")

import torch

from training.experiments.jnd import experiment
from training.experiments.jnd.config import JndConfig
from training.run.config import load_config


@pytest.fixture
def config(tmp_path: Path) -> JndConfig:
    return short(load_config(JndConfig, data=tmp_path / "data", work=tmp_path / "work", epochs=1))


def short(config: JndConfig) -> JndConfig:
    """One step of each stage that there is."""
    once = {"steps": 1, "batch": 1}
    refinement = config.refinement.model_copy(update=once | {"epochs": min(1, config.refinement.epochs)})
    return config.model_copy(update={"regions": config.regions.model_copy(update=once), "refinement": refinement})


def write_photos(config: JndConfig) -> None:
    rng = np.random.default_rng(1)
    for split in ("train", "val"):
        folder = config.data / "photos" / split
        folder.mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)).save(folder / "photo_a.png")


def test_one_step_of_both_stages_runs_and_leaves_weights_and_a_record(config: JndConfig) -> None:
    write_photos(config)
    experiment.fit(config)
    assert (config.folder / "best.pt").is_file()
    assert (config.folder / "refined" / "best.pt").is_file()
    assert (config.folder / "run.json").is_file()
    assert not experiment.fitted(config).training


def test_published_preset_is_fitted_in_one_stage(tmp_path: Path) -> None:
    paper = short(load_config(JndConfig, data=tmp_path / "data", work=tmp_path / "work", preset="paper", epochs=1))
    write_photos(paper)
    experiment.fit(paper)
    assert experiment.refinement(paper) is None
    assert (paper.checkpoints / "best.pt").is_file()
    assert paper.weights == paper.checkpoints / "weights"


def test_each_preset_is_measured_by_its_own_graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paper = load_config(JndConfig, data=tmp_path, work=tmp_path, preset="paper")
    asked: list[tuple[str, Path]] = []

    def noted(name: str, config: JndConfig) -> str:
        asked.append((name, config.weights))
        raise FileNotFoundError

    monkeypatch.setattr(experiment, "exported_model", noted)
    with pytest.raises(FileNotFoundError):
        experiment.evaluate(paper)
    assert asked == [("fpsnet", paper.checkpoints / "weights")]


def test_the_second_stage_keeps_the_statistics_of_the_first(config: JndConfig) -> None:
    write_photos(config)
    experiment.fit(config)
    first = torch.load(config.folder / "best.pt", weights_only=True)
    second = torch.load(config.folder / "refined" / "best.pt", weights_only=True)
    kept = [name for name in first if name.endswith("running_mean")]
    assert kept
    assert all(torch.equal(first[name], second[f"network.{name}"]) for name in kept)
