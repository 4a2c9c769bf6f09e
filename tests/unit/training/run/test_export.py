"""Export: the graph against its network, tile by tile and on photos of several sizes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.graphs.artefacts import WEIGHTS
from models.graphs.onnx_model import OnnxModel
from models.patch_quality import predict_patch_quality_map
from models.types import Rgb8
from tests.assets.datasets import drawn_photo, save
from training.experiments.on_photos import COMPARED_SIZES, compare_on_photos, photos_of_sizes
from training.experiments.quality.config import PatchQualityConfig, QualityScoreConfig
from training.run.config import load_config
from training.run.export import (
    ExportMismatchError,
    TorchModel,
    export_graph,
    exported_model,
    just_exported,
)


class BrightnessOfPatch(nn.Module):
    """Stands in for Patchnet: the mean of a patch, with an error on demand."""

    def __init__(self, error: float = 0.0) -> None:
        super().__init__()
        self.error = nn.Parameter(torch.tensor(error))

    def forward(self, patch: Tensor) -> Tensor:
        return patch.mean((1, 2, 3)) + self.error


def quality_map(photo: Rgb8, _: Rgb8, model: OnnxModel) -> np.ndarray:
    return predict_patch_quality_map(photo, model, stride=32).values


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in range(2):
        save(tmp_path / "data" / "photos" / "val" / f"{number}.png", drawn_photo(number, 400, 520))
    return tmp_path / "data"


def test_photos_have_the_sizes_that_tiles_meet(data: Path) -> None:
    assert [photo.shape[:2] for photo in photos_of_sizes(data)] == list(COMPARED_SIZES)
    assert {min(size) < 64 for size in COMPARED_SIZES} == {True, False}


def test_small_photos_are_taken_as_they_are(tmp_path: Path) -> None:
    save(tmp_path / "photos" / "val" / "a.jpg", drawn_photo(1, 70, 50))
    assert [photo.shape[:2] for photo in photos_of_sizes(tmp_path)] == [(40, 50), (70, 50), (70, 50), (70, 50)]


def test_a_graph_agrees_with_its_network_on_photos(data: Path, tmp_path: Path) -> None:
    config = load_config(PatchQualityConfig, data=data, work=tmp_path, seed=9)
    network = BrightnessOfPatch()
    with pytest.raises(FileNotFoundError, match="limen-train export patch_quality"):
        exported_model("patchnet", config)
    error = export_graph(network, "patchnet", {"patch": torch.rand(3, 3, 64, 64)}, ["quality"], weights=config.weights)
    graph: OnnxModel = just_exported("patchnet", config)
    same: OnnxModel = TorchModel(network, "patchnet", ["patch"], ["quality"])
    other: OnnxModel = TorchModel(BrightnessOfPatch(0.01), "patchnet", ["patch"], ["quality"])
    assert max(error, compare_on_photos("patchnet", data, (same, graph), quality_map)) < 1e-5
    with pytest.raises(ExportMismatchError, match=r"patchnet: PyTorch and ONNX Runtime differ by [5-9]\.\d+e-03"):
        compare_on_photos("patchnet", data, (other, graph), quality_map)


def test_the_default_preset_and_seed_mean_the_shipped_graph(tmp_path: Path) -> None:
    config = load_config(QualityScoreConfig, data=tmp_path, work=tmp_path)
    assert config.weights == WEIGHTS
    assert exported_model("quality_score", config).name == "quality_score"
