"""The theses' experiments run for one step on look-alikes of their data sets."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from training.data.errors import DatasetMissingError
from training.data.records import Box, JudgedPatch, LocalOpinions, ScoredImage
from training.experiments.quality import patch_quality, quality_score
from training.experiments.quality.config import PatchQualityConfig, QualityScoreConfig
from training.experiments.quality.koniq_tables import MAP_SIZES, rotated, without_konpatch
from training.experiments.quality.tables import (
    ArrayDataset,
    centred_map,
    konpatch_score,
    konpatch_split,
    opinion_map,
    squared_error,
)
from training.maths.agreement import roc_auc
from training.networks.meta_aggregation import MetaAggregation
from training.run.config import Config, load_config

SPEC = importlib.util.spec_from_file_location("look_alikes", Path(__file__).parents[4] / "assets" / "datasets.py")
assert SPEC is not None
assert SPEC.loader is not None
made = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(made)


def one_epoch(kind: type[Config], root: Path, batch: int = 4) -> Config:
    config = load_config(kind, data=root, work=root / "work", epochs=1)
    return config.model_copy(update={"fit": config.fit.model_copy(update={"batch_size": batch})})


def test_konpatch_score_is_formula_3() -> None:
    assert konpatch_score(JudgedPatch(Path(), "a", True, 72.0)) == pytest.approx(0.72)
    assert konpatch_score(JudgedPatch(Path(), "a", False, 72.0)) == 0


@pytest.mark.filterwarnings("ignore::scipy.stats.ConstantInputWarning", "ignore::RuntimeWarning", "ignore:Covariance")
def test_patchnet_table_has_five_instances(tmp_path: Path) -> None:
    made.make_konpatch(tmp_path / "konpatch", sources=8, patches=3)
    found = patch_quality.table(one_epoch(PatchQualityConfig, tmp_path), tmp_path)
    assert len(found["table_1"]) == 5
    assert set(found["table_1"][0]) == {"mse", "mae", "srocc", "plcc"}
    assert all(0 <= area <= 1 for area in found["figure_11"].values())
    assert found["figure_11"]


@pytest.mark.filterwarnings("ignore::scipy.stats.ConstantInputWarning", "ignore::RuntimeWarning", "ignore:Covariance")
def test_quality_score_table_has_means_and_network(tmp_path: Path) -> None:
    made.make_koniq(tmp_path / "koniq-10k", images=10)
    found = quality_score.table(one_epoch(QualityScoreConfig, tmp_path), tmp_path)
    assert found["patchnet learned from"] == "other photos: the shipped weights"
    assert set(found["table_2"]) == {"patchnet", "fish"}
    assert set(found["table_3"]) == {"srocc", "plcc"}


@pytest.mark.filterwarnings("ignore::scipy.stats.ConstantInputWarning", "ignore::RuntimeWarning", "ignore:Covariance")
def test_the_maps_are_those_of_a_patchnet_that_learned_from_konpatch(tmp_path: Path) -> None:
    made.make_koniq(tmp_path / "koniq-10k", images=10)
    made.make_konpatch(tmp_path / "konpatch", sources=8, patches=3)
    found = quality_score.table(one_epoch(QualityScoreConfig, tmp_path), tmp_path)
    assert found["patchnet learned from"] == "KonPatch"
    assert found["images"] == 10
    assert set(found["table_3"]) == {"srocc", "plcc"}


def test_photos_of_konpatch_are_left_out_of_koniq() -> None:
    images = [ScoredImage(Path(f"{name}.jpg"), 50.0, 1.0) for name in "abc"]
    patches = [JudgedPatch(Path(), "b.jpg", True, 1.0), JudgedPatch(Path(), "c", True, 1.0)]
    assert without_konpatch(images, patches) == images[:1]


@pytest.mark.parametrize("shape", [(96, 128), (128, 96), (768, 1024)])
def test_rotated_photos_have_no_undefined_pixels(shape: tuple[int, int]) -> None:
    white = np.full((*shape, 3), 255, np.uint8)
    for degrees in (-10.0, -3.3, 0.5, 7.0, 10.0):
        turned = rotated(white, degrees)
        assert turned.min() == 255
        assert turned.shape[0] * turned.shape[1] > 0.6 * shape[0] * shape[1]


def test_the_published_aggregation_reads_the_highest_of_several_values() -> None:
    """DenseNet-169 divides by 32; the highest of one value would say nothing of places."""
    network = MetaAggregation("paper").eval()
    with torch.inference_mode():
        assert network.features(torch.rand(1, 3, *MAP_SIZES["paper"])).shape[2:] == (3, 4)


def test_konpatch_is_split_by_photo_in_a_fifth_and_five_parts() -> None:
    sources = [str(number) for number in range(50)]
    test, folds = konpatch_split(sources * 2, seed=1)
    assert len(test) == 10
    assert [len(fold) for fold in folds] == [8] * 5
    assert sorted([*test, *(source for fold in folds for source in fold)]) == sorted(sources)


def test_paper_settings_are_those_of_the_thesis(tmp_path: Path) -> None:
    config = load_config(PatchQualityConfig, data=tmp_path, work=tmp_path, preset="paper")
    assert (config.fit.batch_size, config.fit.learning_rate, config.fit.weight_decay) == (512, 1e-3, 0)


def test_missing_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissingError, match="KonPatch"):
        patch_quality.table(one_epoch(PatchQualityConfig, tmp_path), tmp_path)


def test_opinions_count_participants_once() -> None:
    twice = LocalOpinions(Path(), {"a": (Box(0, 0, 40, 100), Box(0, 0, 20, 100)), "b": ()})
    found = opinion_map(twice, (100, 100))
    assert found.max() == pytest.approx(0.5, abs=0.05)
    assert found[50, 0] > found[50, 99]


def test_map_is_centred_and_areas_are_ranked() -> None:
    found = centred_map(np.ones((5, 5), np.float32), (96, 96))
    assert found.shape == (96, 96)
    assert found[48, 48] > found[0, 0]
    assert roc_auc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1


def test_paper_aggregation_takes_one_step() -> None:
    torch.manual_seed(0)
    network = MetaAggregation("paper")
    batch = [torch.rand(2, 3, *MAP_SIZES["paper"]), torch.tensor([20.0, 80.0])]
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-4)
    before = squared_error(network, batch)
    torch.autograd.backward(before)
    optimiser.step()
    assert torch.isfinite(squared_error(network, batch))
    assert len(ArrayDataset(np.zeros((3, 2)))) == 3
