"""Whether a graph says on one device what it says on another."""

from collections.abc import Mapping, Sequence

import numpy as np

from models.errors import ModelArtefactError
from models.graphs.artefacts import load_manifest, open_model
from models.graphs.onnx_model import OnnxModel
from models.types import Float32Array

PARITY = 1e-3
"""Largest difference between devices that is rounding, over the range of a graph's output."""
STEPS = 2
"""How many times the least multiple a dynamic side of a probe has."""
NOISE = 0.02
"""Standard deviation of what a probe's distorted image differs from its reference by: near the original, where a pair's
score hangs on small differences, ten bits of a factor do not suffice."""

Shapes = Mapping[str, Sequence[int | str]]


def probe_inputs(declared: Shapes, *, batch: int = 1, seed: int = 0) -> dict[str, Float32Array]:
    """Values in [0, 1] of the shapes that a graph declares: rising along the rows, ``distorted`` near ``reference``.

    In a shape "N" is the batch, "32*rows" a side that is a multiple of 32.
    """
    generator = np.random.default_rng(seed)
    inputs = {
        name: np.sort(generator.random([_length(side, batch) for side in shape], np.float32), axis=-1)
        for name, shape in declared.items()
    }
    if "distorted" in inputs:
        noise = generator.normal(0, NOISE, inputs["reference"].shape)
        inputs["distorted"] = np.clip(inputs["reference"] + noise, 0, 1).astype(np.float32)
    return inputs


def check_against_cpu(model: OnnxModel) -> None:
    """Ask a shipped graph on another device and on the CPU the same. Raises: ModelArtefactError where they differ."""
    on_cpu = open_model(model.name, threads=1)
    inputs = probe_inputs(load_manifest()[model.name].inputs)
    difference = largest_difference(model, on_cpu, inputs)
    if difference > PARITY:
        raise ModelArtefactError(
            f"{model.name} differs on {model.provider} from what the CPU says by {difference:.2g} of its range "
            f"(allowed: {PARITY}): LIMEN_DEVICE=cpu serves without this device"
        )


def largest_difference(one: OnnxModel, other: OnnxModel, inputs: Mapping[str, Float32Array]) -> float:
    """Between what both say of the same inputs, over the range of each output of ``other``; infinite for a NaN."""
    said, expected = one.run(inputs), other.run(inputs)
    largest = 0.0
    for name, values in expected.items():
        span = max(float(np.ptp(values)), float(np.abs(values).max()), 1e-6)
        difference = float(np.abs(said[name] - values).max()) / span
        largest = max(largest, difference if np.isfinite(difference) else np.inf)
    return largest


def _length(side: int | str, batch: int) -> int:
    if isinstance(side, int):
        return side
    return batch if side == "N" else STEPS * int(side.split("*")[0])
