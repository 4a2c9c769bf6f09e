"""From a fitted network to a shipped graph: export, compare with ONNX Runtime, write the manifest entry.

Graphs take tiles of one size. So they are compared with their network twice: tile by tile here, and on photos of
several sizes in ``training.experiments.on_photos``.
"""

import hashlib
import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.graphs.artefacts import load_model
from models.graphs.onnx_model import OnnxModel, OrtModel
from models.types import Float32Array
from training.run.config import ExperimentConfig

OPSET = 18
EXPORTED = "export"

TOLERANCE = 1e-4


class ExportMismatchError(Exception):
    """PyTorch and ONNX Runtime disagree by more than the tolerance."""


def exported_model(name: str, config: ExperimentConfig) -> OnnxModel:
    """The graph that ``export`` wrote for this preset and seed; for preset ``lite`` with its own seed, the shipped one.

    Raises: FileNotFoundError before an export.
    """
    if not (config.weights / f"{name}.onnx").is_file():
        raise FileNotFoundError(f"no {name}.onnx in {config.weights}: run `limen-train export {config.name}` first")
    return load_model(name, config.weights, threads=config.threads)


def export_graph(
    network: nn.Module,
    name: str,
    inputs: dict[str, Tensor],
    outputs: list[str],
    *,
    weights: Path,
    sides: int | None = None,
) -> float:
    """Write ``NAME.onnx`` with a dynamic batch dimension and return the largest relative disagreement.

    ``sides``: images (N, C, H, W) may have any sides that are multiples of it, and smaller ones keep their relation to
    them; None: the examples' alone.

    ``inputs``: real examples by input name, batch size >= 2, every one with the same batch size. Each is run as a whole
    and one by one. Raises: ExportMismatchError above ``TOLERANCE`` (relative to 1 + |value|).
    """
    weights.mkdir(parents=True, exist_ok=True)
    path = weights / f"{name}.onnx"
    network.eval()
    shapes = _dynamic(list(inputs.values()), sides)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes=shapes,
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    strip_traces(path)
    return _compare(network, OrtModel(path, name=name, version=EXPORTED), inputs, outputs)


def _dynamic(examples: Sequence[Tensor], sides: int | None) -> tuple[dict[int, Any], ...]:
    """Which of each input's dimensions may differ from the example's; the largest image has the ``sides``."""
    batch = {0: torch.export.Dim("N", min=1, max=4096)}
    images = [example for example in examples if example.ndim == 4]
    if sides is None or not images:
        return tuple(batch for _ in examples)
    rows, columns = (torch.export.Dim(name, min=2, max=4096) for name in ("rows", "columns"))
    largest = max(image.shape[2] for image in images)
    steps = [sides * example.shape[2] // largest if example.ndim == 4 else 0 for example in examples]
    return tuple(batch | ({2: step * rows, 3: step * columns} if step else {}) for step in steps)


def strip_traces(path: Path) -> None:
    """Take from a graph what the exporter notes of the machine that made it: files, lines and calls of each node."""
    model = onnx.load(path)
    for part in (model.graph, *model.functions):
        for noted in (part, *part.node, *part.value_info):
            del noted.metadata_props[:]
            noted.doc_string = ""
    onnx.save(model, path)


class TorchModel:
    """A network in evaluation mode as an ``OnnxModel``, so that fitting and serving share one pipeline."""

    provider = "torch"
    version = "network"

    def __init__(self, network: nn.Module, name: str, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self.name = name
        self._network, self._inputs, self._outputs = network.eval(), inputs, outputs

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """Named float32 arrays in, named float32 arrays out."""
        with torch.inference_mode():
            found = self._network(*(torch.from_numpy(inputs[name]) for name in self._inputs))
        values = found if isinstance(found, tuple) else (found,)
        return {name: value.numpy() for name, value in zip(self._outputs, values, strict=True)}


def just_exported(name: str, config: ExperimentConfig) -> OrtModel:
    """The graph that ``export_graph`` wrote, before it has a manifest entry."""
    return OrtModel(config.weights / f"{name}.onnx", name=name, version=EXPORTED)


def _compare(network: nn.Module, model: OrtModel, inputs: dict[str, Tensor], outputs: list[str]) -> float:
    count = next(iter(inputs.values())).shape[0]
    worst = 0.0
    for rows in (slice(0, count), *(slice(i, i + 1) for i in range(count))):
        with torch.inference_mode():
            expected = network(*(value[rows] for value in inputs.values()))
        expected = expected if isinstance(expected, tuple) else (expected,)
        found = model.run({key: value[rows].numpy() for key, value in inputs.items()})
        for name, value in zip(outputs, expected, strict=True):
            worst = max(worst, disagreement(found[name], value.numpy()))
    return tolerated(model.name, worst)


def disagreement(found: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    """Largest difference relative to 1 + |expected|."""
    return float((np.abs(found - expected) / (1 + np.abs(expected))).max())


def tolerated(name: str, worst: float) -> float:
    """``worst`` itself. Raises: ExportMismatchError that names the graph, above ``TOLERANCE`` or for NaN."""
    if not worst <= TOLERANCE:
        raise ExportMismatchError(f"{name}: PyTorch and ONNX Runtime differ by {worst:.2e} > {TOLERANCE}")
    return worst


def write_manifest_entry(
    name: str,
    *,
    version: str,
    preset: str,
    contract: dict[str, Any],
    training_data: str,
    licence: str,
    metrics: dict[str, Any],
    weights: Path,
) -> None:
    """Add or replace one model in ``manifest.json``; ``contract``: colour space, range, padding, unit of the output."""
    path = weights / f"{name}.onnx"
    manifest_path = weights / "manifest.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.is_file() else {"models": {}}
    signature = OrtModel(path, name=name, version=version).signature()
    manifest["models"][name] = {
        "file": path.name,
        "version": version,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "preset": preset,
        **signature,
        "contract": contract | {"opset": OPSET},
        "training_data": training_data,
        "licence": licence,
        "metrics": metrics,
        "card": f"{name}.md",
    }
    manifest["models"] = dict(sorted(manifest["models"].items()))
    temporary = manifest_path.with_suffix(".new")
    temporary.write_text(json.dumps(manifest, indent=2) + "\n")
    temporary.replace(manifest_path)
