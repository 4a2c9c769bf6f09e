"""Where graphs run, and that it makes no difference to what they say."""

import numpy as np
import pytest

from models.graphs.artefacts import WEIGHTS, load_manifest
from models.graphs.onnx_model import OrtModel, execution_providers
from models.graphs.parity import probe_inputs


def opened(name: str, *, cuda: bool) -> OrtModel:
    return OrtModel(WEIGHTS / load_manifest()[name].file, name=name, version="test", cuda=cuda)


def test_cuda_is_asked_to_compute_in_whole_float32() -> None:
    providers = execution_providers(cuda=True)
    assert [name for name, _ in providers] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert dict(providers)["CUDAExecutionProvider"] == {"use_tf32": "0"}


def test_without_cuda_nothing_but_the_cpu_is_asked() -> None:
    assert execution_providers(cuda=False) == [("CPUExecutionProvider", {})]


@pytest.mark.parametrize("name", sorted(load_manifest()))
def test_memory_planned_or_not_is_no_difference(name: str) -> None:
    planned = OrtModel(WEIGHTS / load_manifest()[name].file, name=name, version="test", arena=True)
    plain = opened(name, cuda=False)
    inputs = probe_inputs(plain.signature()["inputs"])
    for output, values in plain.run(inputs).items():
        np.testing.assert_array_equal(planned.run(inputs)[output], values)


def test_what_a_graph_does_not_take_is_left_out() -> None:
    model = opened("sur_features", cuda=False)
    inputs = probe_inputs(model.signature()["inputs"])
    found = model.run(inputs | {"other": np.zeros(1, np.float32)})
    np.testing.assert_array_equal(found["features"], model.run(inputs)["features"])
