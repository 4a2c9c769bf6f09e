"""A device is only trusted with a graph that says there what it says on the CPU."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from models.errors import ModelArtefactError
from models.graphs.artefacts import WEIGHTS, load_manifest, open_model
from models.graphs.onnx_model import CUDA, OnnxModel, OrtModel, cuda_available
from models.graphs.parity import PARITY, check_against_cpu, largest_difference, probe_inputs
from models.types import Float32Array
from workers.run import loaded_models
from workers.settings import WorkerSettings


class OnAnotherDevice:
    """A shipped graph as a device says it that is ``wrong`` by a share of each output's range."""

    provider = CUDA

    def __init__(self, name: str, wrong: float) -> None:
        self.name, self.version, self.wrong = name, "test", wrong
        self.on_cpu = open_model(name, threads=1)

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        said = self.on_cpu.run(inputs)
        return {name: values + np.float32(self.wrong) * np.abs(values).max() for name, values in said.items()}


def test_rounding_passes() -> None:
    check_against_cpu(OnAnotherDevice("patchnet", wrong=PARITY / 2))


@pytest.mark.parametrize("wrong", [2 * PARITY, np.nan])
def test_a_wrong_answer_is_named_with_its_graph_and_a_way_out(wrong: float) -> None:
    with pytest.raises(ModelArtefactError, match=r"patchnet differs on CUDA.*LIMEN_DEVICE=cpu"):
        check_against_cpu(OnAnotherDevice("patchnet", wrong=wrong))


@pytest.mark.parametrize("wrong", [0.0, 0.1])
def test_a_worker_whose_device_is_wrong_does_not_serve(wrong: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def load_model(name: str, *, cuda: bool) -> OnnxModel:
        assert cuda
        return OnAnotherDevice(name, wrong)

    monkeypatch.setattr(loaded_models, "cuda_available", lambda: True)
    monkeypatch.setattr(loaded_models, "load_model", load_model)
    settings = WorkerSettings(device="cuda")
    if not wrong:
        assert len(loaded_models.open_models(settings)) == len(load_manifest())
        return
    with pytest.raises(ModelArtefactError, match="differs on CUDA"):
        loaded_models.open_models(settings)


def test_the_probe_tells_ten_bits_of_a_factor_from_a_whole_float32(tmp_path: Path) -> None:
    """TF32, by which CUDA multiplied unless told otherwise; here of the weights alone."""
    entry = load_manifest()["full_reference"]
    graph = onnx.load(str(WEIGHTS / entry.file))
    for weights in graph.graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.dtype == np.float32 and values.ndim > 1:
            rounded = ((values.view(np.uint32) + 0x1000) & 0xFFFFE000).view(np.float32)
            weights.CopyFrom(numpy_helper.from_array(rounded, weights.name))
    path = tmp_path / entry.file
    onnx.save(graph, path)
    coarse = OrtModel(path, name=entry.name, version="test")
    assert largest_difference(coarse, open_model(entry.name), probe_inputs(entry.inputs)) > PARITY


@pytest.mark.gpu
@pytest.mark.skipif(not cuda_available(), reason="this ONNX Runtime is built without CUDA")
@pytest.mark.parametrize("name", sorted(load_manifest()))
def test_cuda_says_what_the_cpu_says(name: str) -> None:
    on_cuda = open_model(name, cuda=True)
    if on_cuda.provider != CUDA:
        pytest.skip("no CUDA device answers")
    check_against_cpu(on_cuda)
