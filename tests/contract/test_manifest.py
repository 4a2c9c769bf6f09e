"""What the manifest promises of each weight file, against the file."""

import hashlib
import json

import numpy as np
import pytest

from models.graphs.artefacts import WEIGHTS, ModelEntry, load_manifest, load_model
from models.graphs.onnx_model import OrtModel
from models.graphs.parity import probe_inputs

CARDS = WEIGHTS.parent / "cards"
MAX_TOTAL_BYTES = 80_000_000
ENTRIES = sorted(load_manifest().values(), key=lambda entry: entry.name)
CAPABILITIES = {
    "fpsnet", "fpsnet_part", "sur_features", "sur_head",
    "patchnet", "dipqa_64", "dipqa_128", "quality_score", "full_reference",
}  # fmt: skip
PAIR_MODELS = ("dipqa_64", "dipqa_128", "full_reference")

each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


def test_every_capability_has_its_graph() -> None:
    assert {entry.name for entry in ENTRIES} >= CAPABILITIES


def test_every_weight_file_is_listed_and_all_together_are_small() -> None:
    files = {path.name for path in WEIGHTS.glob("*.onnx*")}
    assert files == {entry.file for entry in ENTRIES}
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < MAX_TOTAL_BYTES


@each_entry
def test_the_file_is_the_one_that_was_measured(entry: ModelEntry) -> None:
    assert hashlib.sha256((WEIGHTS / entry.file).read_bytes()).hexdigest() == entry.sha256


@each_entry
def test_the_graph_has_the_promised_names_and_shapes(entry: ModelEntry) -> None:
    graph = OrtModel(WEIGHTS / entry.file, name=entry.name, version=entry.version)
    assert graph.signature() == {"inputs": entry.inputs, "outputs": entry.outputs}


@each_entry
def test_the_graph_gives_finite_values_for_any_batch(entry: ModelEntry) -> None:
    model = load_model(entry.name)
    batches = (1, 3) if any(isinstance(shape[0], str) for shape in entry.inputs.values()) else (1,)
    for batch in batches:
        for name, values in model.run(probe_inputs(entry.inputs, batch=batch)).items():
            assert name in entry.outputs
            assert values.dtype == np.float32
            assert np.isfinite(values).all()


def test_no_weight_file_tells_of_the_machine_that_made_it() -> None:
    for path in WEIGHTS.glob("*.onnx"):
        assert not [word for word in (b"stack_trace", b"/training/", b"site-packages") if word in path.read_bytes()]


@pytest.mark.parametrize("name", PAIR_MODELS)
def test_an_image_is_closest_to_itself(name: str) -> None:
    entry = load_manifest()[name]
    reference = probe_inputs(entry.inputs)["reference"]
    other = probe_inputs(entry.inputs, seed=1)["distorted"]
    model, output = load_model(name), next(iter(entry.outputs))
    same = model.run({"reference": reference, "distorted": reference})[output]
    different = model.run({"reference": reference, "distorted": other})[output]
    assert same[0] > different[0]


@each_entry
def test_each_graph_has_a_card_that_states_its_teacher_first(entry: ModelEntry) -> None:
    card = (CARDS / entry.card).read_text()
    first = next(part for part in card.split("\n\n") if part.strip() and not part.lstrip().startswith("#"))
    assert "teacher" in first or "TID2013" in first
    assert entry.sha256 in card
    assert entry.training_data
    assert entry.licence
    assert entry.metrics


def test_the_manifest_is_stored_the_way_it_is_written() -> None:
    text = (WEIGHTS / "manifest.json").read_text()
    assert list(json.loads(text)["models"]) == sorted(json.loads(text)["models"])
