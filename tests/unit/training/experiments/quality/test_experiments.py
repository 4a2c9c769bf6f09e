"""Patchnet, DIPQA and the quality score: one step of their fits on pairs made here, in both presets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.graphs.artefacts import load_manifest
from models.patch_quality import DMOS_PATCHES
from models.quality_score import MAP_SIDE
from tests.assets.datasets import drawn_photo, noisy, save
from training.experiments.quality import dipqa, patch_quality, quality_score
from training.experiments.quality.config import DipqaConfig, PatchFit, PatchQualityConfig, QualityScoreConfig
from training.labels.artefact_pairs import TRAIN_ROUNDS, VAL_ROUNDS, round_folder
from training.labels.features import NAMES
from training.networks.meta_aggregation import OWN_MAPS, PRESETS
from training.run.config import Config, load_config
from training.run.fit import load_history


def one_step(kind: type[Config], root: Path, **changes: object) -> Config:
    config = load_config(kind, data=root / "data", work=root / "work", epochs=1)
    fit = config.fit.model_copy(update={"batch_size": 4})
    return config.model_copy(update={"fit": fit, **changes})


def write_pairs(folder: Path, seed: int) -> None:
    folder.mkdir(parents=True)
    photo = drawn_photo(seed, 256, 384)
    versions = np.stack([noisy(photo, level) for level in (1, 3)])
    features: dict[str, Any] = {
        f"features_{cell or 0}": np.full((2, 256 // (cell or 256), 384 // (cell or 384), len(NAMES)), 5.0)
        for cell in (None, *DMOS_PATCHES)
    }
    np.savez(folder / "a.npz", reference=photo, distorted=versions, kinds=np.array(["x", "y"]), **features)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    config = one_step(PatchQualityConfig, tmp_path)
    for split, rounds in (("train", TRAIN_ROUNDS), ("val", VAL_ROUNDS)):
        save(config.data / "photos" / split / "photo_a.png", drawn_photo(1, 64, 64))
        write_pairs(config.work / "quality-pairs" / split, 7)
        for number in range(rounds):
            write_pairs(round_folder(config, split, number), number)
    return tmp_path


@pytest.mark.parametrize("preset", ["lite", "paper"])
def test_patchnet(root: Path, preset: str) -> None:
    config = one_step(PatchQualityConfig, root, patches_per_epoch=4, preset=preset, variant=f"{preset}-test")
    patch_quality.fit(config)
    assert (config.checkpoints / "run.json").is_file()
    assert len(load_history(config)) == 1


def test_dipqa_fits_both_patch_sizes(root: Path) -> None:
    few = PatchFit(pairs_per_epoch=4, epochs=1)
    config = one_step(DipqaConfig, root, variant="test", patch_64=few, patch_128=few)
    config.checkpoints.mkdir(parents=True)
    dipqa.fit(config)
    for side in DMOS_PATCHES:
        assert (config.folder / f"patch-{side}" / "test" / "best.pt").is_file()


@pytest.mark.parametrize("preset", ["lite", "paper"])
def test_the_aggregation_sees_the_maps_of_its_preset(root: Path, preset: str) -> None:
    config = one_step(QualityScoreConfig, root, preset=preset, variant=f"{preset}-test")
    config.folder.mkdir(parents=True)
    planes = OWN_MAPS + PRESETS["lite"].features
    rng = np.random.default_rng(0)
    for split, rounds in (("train", config.train_rounds), ("val", VAL_ROUNDS)):
        np.savez(
            config.folder / f"maps-{split}-{load_manifest()['patchnet_map'].sha256[:12]}-{rounds}.npz",
            maps=rng.random((4, planes, MAP_SIDE, MAP_SIDE)).astype(np.float16),
            scores=np.array([10.0, 40, 70, 100]),
            patchnet=np.full(4, 0.5),
            fish=np.full(4, 0.5),
            photos=np.array(["a"] * 4),
            kinds=np.array(["x"] * 4),
            rounds=np.zeros(4, np.int64),
        )
    found = quality_score.read_maps(config, "train").maps
    assert found.shape[1] == OWN_MAPS + PRESETS[preset].features
    quality_score.fit(config)
    assert len(load_history(config)) == 1
