"""The compiled loops say what the graph of the same name says."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelArtefactError
from models.graphs.artefacts import WEIGHTS, load_manifest, load_model
from models.sur import tile_features
from models.sur.opponents import opponents
from models.sur.reference import load_sur_models
from models.sur.tile_features import FILE, TileFeatures, shipped_tile_features
from models.sur.tiles import TILE
from models.types import Float32Array
from tests.assets.photos import photo

NOISE = np.random.default_rng(0).random((2, 3, TILE, TILE), np.float32)
TILES = {
    "photo": opponents(photo(TILE, TILE))[None],
    "two of noise": NOISE,
    "faint noise": 0.5 + NOISE[:1] / 1000,
    "one colour": np.full((1, 3, TILE, TILE), 0.5, np.float32),
    "nothing": np.zeros((1, 3, TILE, TILE), np.float32),
}


@pytest.mark.parametrize("tiles", TILES.values(), ids=TILES.keys())
def test_loops_and_graph_agree(tiles: Float32Array) -> None:
    found = shipped_tile_features().run({"opponents": tiles})["features"]
    expected = load_model("sur_features").run({"opponents": tiles})["features"]
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert (np.abs(found - expected) / (1 + np.abs(expected))).max() < 1e-4


def test_they_are_what_serves_on_a_processor() -> None:
    models = load_sur_models()
    assert isinstance(models.features, TileFeatures)
    assert models.features.version == load_manifest()["sur_features"].version


def test_a_file_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelArtefactError, match=FILE):
        TileFeatures(tmp_path, "1")
    for content in ((WEIGHTS / FILE).read_bytes()[:1000], b"", b"\x93NUMPY"):
        (tmp_path / FILE).write_bytes(content)
        with pytest.raises(ModelArtefactError, match=FILE):
            TileFeatures(tmp_path, "1")


def test_the_shipped_numbers_are_those_of_the_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = load_manifest()["sur_features"]
    other = dataclasses.replace(entry, contract=entry.contract | {"filters_sha256": "0" * 64})
    monkeypatch.setattr(tile_features, "load_manifest", lambda: {"sur_features": other})
    with pytest.raises(ModelArtefactError, match="SHA-256"):
        shipped_tile_features.__wrapped__()
