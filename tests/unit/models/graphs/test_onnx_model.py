"""Where graphs run, and that it makes no difference to what they say."""

import numpy as np
import pytest

from models.graphs.artefacts import WEIGHTS, load_manifest
from models.graphs.onnx_model import OrtModel, cuda_available, execution_providers
from tests.assets.graph_inputs import random_inputs

PARITY = 1e-3
"""Largest difference between CUDA and CPU, over the range of a graph's output."""


def opened(name: str, *, cuda: bool) -> OrtModel:
    return OrtModel(WEIGHTS / load_manifest()[name].file, name=name, version="test", cuda=cuda)


def inputs_of(model: OrtModel) -> dict[str, np.ndarray]:
    """Smooth values in [0, 1] of the shapes that a graph declares."""
    return {name: np.sort(values, axis=-1) for name, values in random_inputs(model.signature()["inputs"]).items()}


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
    inputs = inputs_of(plain)
    for output, values in plain.run(inputs).items():
        np.testing.assert_array_equal(planned.run(inputs)[output], values)


def test_what_a_graph_does_not_take_is_left_out() -> None:
    model = opened("sur_features", cuda=False)
    inputs = inputs_of(model)
    found = model.run(inputs | {"other": np.zeros(1, np.float32)})
    np.testing.assert_array_equal(found["features"], model.run(inputs)["features"])


@pytest.mark.gpu
@pytest.mark.skipif(not cuda_available(), reason="this ONNX Runtime is built without CUDA")
@pytest.mark.parametrize("name", sorted(load_manifest()))
def test_cuda_says_what_the_cpu_says(name: str) -> None:
    on_cuda, on_cpu = opened(name, cuda=True), opened(name, cuda=False)
    if on_cuda.provider != "CUDAExecutionProvider":
        pytest.skip("no CUDA device answers")
    inputs = inputs_of(on_cpu)
    found, expected = on_cuda.run(inputs), on_cpu.run(inputs)
    for output, values in expected.items():
        span = max(float(np.ptp(values)), float(np.abs(values).max()), 1e-6)
        assert np.abs(found[output] - values).max() <= PARITY * span
