"""From a fitted network to a shipped graph: export, compare with ONNX Runtime, write the manifest entry."""

import hashlib
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.artefacts import load_model
from models.onnx_model import OnnxModel, OrtModel
from training.config import ExperimentConfig

OPSET = 18
TOLERANCE = 1e-4


class ExportMismatchError(Exception):
    """PyTorch and ONNX Runtime disagree by more than the tolerance."""


def exported_model(name: str, config: ExperimentConfig) -> OnnxModel:
    """The graph that ``export`` wrote for this preset and seed; for preset ``lite`` with its own seed, the shipped one.

    Raises: FileNotFoundError before an export.
    """
    if not (config.weights / f"{name}.onnx").is_file():
        raise FileNotFoundError(f"no {name}.onnx in {config.weights}: run `limen-train export {config.name}` first")
    return load_model(name, config.weights)


def export_graph(
    network: nn.Module, name: str, inputs: dict[str, Tensor], outputs: list[str], *, weights: Path
) -> float:
    """Write ``NAME.onnx`` with a dynamic batch dimension and return the largest relative disagreement.

    ``inputs``: real examples by input name, batch size >= 2, every one with the same batch size. Each is run as a whole
    and one by one. Raises: ExportMismatchError above ``TOLERANCE`` (relative to 1 + |value|).
    """
    weights.mkdir(parents=True, exist_ok=True)
    path = weights / f"{name}.onnx"
    network.eval()
    batch = torch.export.Dim("N", min=1, max=4096)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    return _compare(network, OrtModel(path, name=name, version="export"), inputs, outputs)


def _compare(network: nn.Module, model: OrtModel, inputs: dict[str, Tensor], outputs: list[str]) -> float:
    count = next(iter(inputs.values())).shape[0]
    worst = 0.0
    for rows in (slice(0, count), *(slice(i, i + 1) for i in range(count))):
        with torch.inference_mode():
            expected = network(*(value[rows] for value in inputs.values()))
        expected = expected if isinstance(expected, tuple) else (expected,)
        found = model.run({key: value[rows].numpy() for key, value in inputs.items()})
        for name, value in zip(outputs, expected, strict=True):
            error = np.abs(found[name] - value.numpy()) / (1 + np.abs(value.numpy()))
            worst = max(worst, float(error.max()))
    if not worst <= TOLERANCE:
        raise ExportMismatchError(f"{model.name}: PyTorch and ONNX Runtime differ by {worst:.2e} > {TOLERANCE}")
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
