"""The shipped weight files: what the manifest promises is checked when a model is loaded."""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import ModelArtefactError
from models.graphs.onnx_model import OnnxModel, OrtModel
from models.threads import thread_count

WEIGHTS = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One entry of ``manifest.json``: identity, contract, provenance and measured figures of a weight file."""

    name: str
    file: str
    version: str
    sha256: str
    preset: str
    inputs: dict[str, list[int | str]]
    outputs: dict[str, list[int | str]]
    contract: dict[str, Any]
    training_data: str
    licence: str
    metrics: dict[str, Any]
    card: str


@functools.cache
def load_manifest(weights: Path = WEIGHTS) -> dict[str, ModelEntry]:
    """All entries by name. Raises: ModelArtefactError if the manifest is missing or malformed."""
    try:
        document = json.loads((weights / "manifest.json").read_text())
        return {name: ModelEntry(name=name, **entry) for name, entry in document["models"].items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelArtefactError(f"manifest.json cannot be read: {error}") from error


def load_model(name: str, weights: Path = WEIGHTS, *, threads: int | None = None, cuda: bool = False) -> OnnxModel:
    """A shipped graph, opened once per process: ``threads`` and ``cuda`` count when it is asked for the first time.

    ``threads``: None for all that one request has where the graph sees a photo whole, and for one where it sees tiles,
    of which several are worked on at once.

    Raises: ModelArtefactError if the file is missing, its SHA-256 differs, or the graph's inputs and outputs are not
    the ones the manifest promises.
    """
    opened = _opened(weights)
    if name not in opened:
        opened[name] = open_model(name, weights, threads=threads, cuda=cuda)
    return opened[name]


def check_file(entry: ModelEntry, weights: Path = WEIGHTS) -> Path:
    """The weight file of an entry. Raises: ModelArtefactError if it is missing or its SHA-256 differs."""
    path = weights / entry.file
    check_hash(path, entry.sha256)
    return path


def check_hash(path: Path, expected: str) -> None:
    """Raises: ModelArtefactError if the file is missing or its SHA-256 is another."""
    if not path.is_file():
        raise ModelArtefactError(f"weight file {path.name} is missing")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != expected:
        raise ModelArtefactError(f"{path.name} has SHA-256 {digest}, the manifest says {expected}")


@functools.cache
def _opened(weights: Path) -> dict[str, OnnxModel]:
    return {}


def open_model(name: str, weights: Path = WEIGHTS, *, threads: int | None = None, cuda: bool = False) -> OnnxModel:
    """``load_model``, with its errors, but opened anew and kept by the caller alone."""
    entry = load_manifest(weights).get(name)
    if entry is None:
        raise ModelArtefactError(f"the manifest has no model {name!r}")
    path = check_file(entry, weights)
    whole = entry.contract.get("sees") == "whole photo"
    if threads is None:
        threads = thread_count() if whole else 1
    model = OrtModel(path, name=name, version=entry.version, threads=threads, cuda=cuda, arena=whole)
    if model.signature() != {"inputs": entry.inputs, "outputs": entry.outputs}:
        raise ModelArtefactError(f"{entry.file} declares {model.signature()}, not what the manifest promises")
    return model
