"""One step of the JND experiment on labels made here, and what its parts promise."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the training extra is not installed")

import torch

from training.experiments.jnd import experiment
from training.experiments.jnd.config import JndConfig
from training.experiments.jnd.crops import LabelledCrops, choose_crops
from training.networks.fpsnet import FpsNet
from training.run.config import load_config


@pytest.fixture
def config(tmp_path: Path) -> JndConfig:
    loaded = load_config(JndConfig, data=tmp_path / "data", work=tmp_path / "work")
    steps = loaded.fit.model_copy(update={"epochs": 1, "batch_size": 2})
    labels = loaded.labels.model_copy(update={"train_crops": 5, "val_crops": 1})
    refinement = loaded.refinement.model_copy(update={"epochs": 1, "steps": 1})
    return loaded.model_copy(update={"fit": steps, "labels": labels, "refinement": refinement})


def write_labels(config: JndConfig, split: str, count: int) -> None:
    folder = config.folder / split
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(count):
        crop = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
        np.savez(folder / f"{index:05d}.npz", crop=crop, log_ratio=np.full((64, 64), -1.0, np.float32))


def write_photo(config: JndConfig, split: str) -> None:
    folder = config.data / "photos" / split
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")


def test_one_step_of_both_stages_runs_and_leaves_weights_and_a_record(config: JndConfig) -> None:
    for split, count in (("train", 2), ("val", 1)):
        write_labels(config, split, count)
        write_photo(config, split)
    experiment.fit(config)
    assert (config.folder / "best.pt").is_file()
    assert (config.folder / "refined" / "best.pt").is_file()
    assert (config.folder / "run.json").is_file()
    assert not experiment.fitted(config).training


def test_published_preset_is_fitted_on_labels_alone(tmp_path: Path) -> None:
    paper = load_config(JndConfig, data=tmp_path / "data", work=tmp_path / "work", preset="paper", epochs=1)
    paper = paper.model_copy(update={"fit": paper.fit.model_copy(update={"batch_size": 2})})
    for split, count in (("train", 2), ("val", 1)):
        write_labels(paper, split, count)
    experiment.fit(paper)
    assert experiment.refinement(paper) is None
    assert (paper.checkpoints / "best.pt").is_file()
    assert paper.weights == paper.checkpoints / "weights"


def test_loss_is_the_mean_error_of_the_logarithm(config: JndConfig) -> None:
    write_labels(config, "val", 1)
    batch = [part[None] for part in LabelledCrops(config, "val", augment=False)[0]]
    with torch.no_grad():
        loss = experiment.l1_of_log_threshold(FpsNet().eval(), batch)
    assert float(loss) == pytest.approx(1.0, abs=1e-5)  # an untrained decoder says 0, the label -1


def test_augmented_parts_turn_together(config: JndConfig) -> None:
    write_labels(config, "train", 1)
    plain = LabelledCrops(config, "train", augment=False)[0]
    turned = LabelledCrops(config, "train", augment=True)
    for _ in range(8):
        image, focus, perceptual, label = turned[0]
        assert [part.shape for part in (image, focus, perceptual, label)] == [part.shape for part in plain]
        assert float(image.sum()) == pytest.approx(float(plain[0].sum()), rel=1e-5)


def test_missing_labels_name_the_command(config: JndConfig) -> None:
    with pytest.raises(FileNotFoundError, match="limen-train prepare jnd"):
        LabelledCrops(config, "train", augment=False)


def test_crops_come_from_lossless_photos_first(config: JndConfig) -> None:
    folder = config.data / "photos" / "train"
    folder.mkdir(parents=True)
    for name, level in (("a.jpg", 10), ("b.png", 200)):
        Image.fromarray(np.full((264, 300, 3), level, np.uint8)).save(folder / name)
    crops = choose_crops(config, "train")
    assert [round(float(crop.mean()) / 100) for crop in crops] == [2, 0, 2, 0, 2]
