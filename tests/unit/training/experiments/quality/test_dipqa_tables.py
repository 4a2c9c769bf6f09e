"""The DIPQA thesis' tables run for one step on look-alikes of HMII, with the thesis' settings."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from training.data.errors import DatasetMissingError
from training.data.splits import load_folds
from training.experiments.quality import dipqa
from training.experiments.quality.config import DipqaConfig
from training.experiments.quality.dipqa_tables import (
    IMAGENET_WEIGHTS,
    IPM_FEATURES,
    load_vgg13,
    networks,
    regression_figures,
)
from training.metrics.classical import CLASSICAL_OF_PATCHES
from training.networks.dipqa import DIQAM, Dipqa
from training.run.config import load_config
from training.run.torchvision_models import models

SPEC = importlib.util.spec_from_file_location("look_alikes", Path(__file__).parents[4] / "assets" / "datasets.py")
assert SPEC is not None
assert SPEC.loader is not None
made = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(made)


def test_tables_of_both_patch_sizes_run_one_step(tmp_path: Path) -> None:
    for side in (64, 128):
        made.make_hmii(tmp_path / "hmii" / str(side), sources=2, size=side)
    config = load_config(DipqaConfig, data=tmp_path, work=tmp_path / "work", epochs=1)
    config = config.model_copy(update={"fit": config.fit.model_copy(update={"batch_size": 2})})
    found = dipqa.table(config, tmp_path)
    assert set(found) == {"hmii_64", "hmii_128"}
    for name, tables in found.items():
        assert set(tables["table 4.1"]) == set(CLASSICAL_OF_PATCHES)
        learned = {"DIQaM", "DIPQA (random extractor)", "DIPQA (random finetuning)"}
        assert set(tables["table 4.2"]) == learned | {f"IPM ({metric})" for metric in IPM_FEATURES}
        assert all(set(tables["table 4.2"][name]) == {"plcc", "srocc", "rmse"} for name in learned)
        assert not tables["imagenet"]
        folds = load_folds(config.checkpoints / "table" / f"{name}.json")
        assert sorted(source for fold in folds for source in fold) == ["video0", "video1"]


def test_paper_settings_are_those_of_the_thesis(tmp_path: Path) -> None:
    config = load_config(DipqaConfig, data=tmp_path, work=tmp_path, preset="paper")
    assert (config.fit.epochs, config.fit.learning_rate, config.fit.weight_decay) == (50, 5e-4, 0)
    assert config.patch_64.epochs == config.patch_128.epochs == 50


def test_missing_hmii_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissingError, match="HMII"):
        dipqa.table(load_config(DipqaConfig, data=tmp_path, work=tmp_path), tmp_path)


@torch.inference_mode()
def test_convolutions_start_as_those_of_vgg13() -> None:
    torch.manual_seed(0)
    published = models.vgg13_bn(weights=None).eval()
    network = Dipqa(64, "paper").eval()
    old_file = {k: v for k, v in published.state_dict().items() if not k.endswith("num_batches_tracked")}
    load_vgg13(network, old_file)
    patch = torch.rand(1, 3, 64, 64)
    kept = published.features[: len(network.features)]
    torch.testing.assert_close(network.features(patch), kept(patch))
    with pytest.raises(KeyError):
        load_vgg13(network, {})


def test_fit_and_table_start_from_imagenet_where_its_weights_are(tmp_path: Path) -> None:
    config = load_config(DipqaConfig, data=tmp_path, work=tmp_path / "work", preset="paper")
    assert "DIPQA (random finetuning)" in networks(config, tmp_path, 64)
    (tmp_path / "imagenet").mkdir()
    published = models.vgg13_bn(weights=None)
    torch.save(published.state_dict(), tmp_path / IMAGENET_WEIGHTS)
    builds = networks(config, tmp_path, 64)
    assert list(builds) == ["DIQaM", "DIPQA (VGG extractor)", "DIPQA (VGG finetuning)"]
    for network in (builds["DIPQA (VGG extractor)"](), dipqa._network(config, 64)):
        assert torch.equal(network.state_dict()["features.0.weight"], published.state_dict()["features.0.weight"])


def test_the_extractor_keeps_its_convolutions_and_their_statistics() -> None:
    network = Dipqa(64, "lite", tuned=False)
    before = {name: value.clone() for name, value in network.features.state_dict().items()}
    optimiser = torch.optim.Adam(network.parameters(), lr=0.1)
    network.train()
    torch.autograd.backward(network(torch.rand(4, 3, 64, 64), torch.rand(4, 3, 64, 64)).sum())
    optimiser.step()
    assert all(torch.equal(value, before[name]) for name, value in network.features.state_dict().items())
    assert network.regression.training


def test_diqam_is_bosses_extractor() -> None:
    """Ten 3x3 convolutions of 32 to 512 channels without normalisation, five max-pools."""
    network = Dipqa(64, widths=DIQAM)
    widths = [layer.out_channels for layer in network.features if isinstance(layer, torch.nn.Conv2d)]
    assert widths == [32, 32, 64, 64, 128, 128, 256, 256, 512, 512]
    assert not [layer for layer in network.features if isinstance(layer, torch.nn.BatchNorm2d)]
    assert network(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)).shape == (2,)


def test_figures_of_a_prediction() -> None:
    truth = np.array([1.0, 2.0, 3.0, 5.0])
    assert regression_figures(truth + 1, truth) == {"plcc": 1.0, "srocc": 1.0, "rmse": 1.0}
    assert regression_figures(np.ones(4), truth) == {
        "plcc": 0.0,
        "srocc": 0.0,
        "rmse": round(float(np.sqrt(21 / 4)), 4),
    }
