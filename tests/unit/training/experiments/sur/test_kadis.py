"""KADIS-700k: scores made once and kept, pairs that are read when asked for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.assets.datasets import make_kadis
from training.data.kadid import read_kadis700k
from training.data.photos import load_photo
from training.experiments.sur import kadis
from training.metrics.classical import CLASSICAL


def test_scores_are_those_of_mdsi_and_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kadis, "KEPT_AT_A_TIME", 3)
    pairs = read_kadis700k(make_kadis(tmp_path / "kadis", sources=2, size=64))
    scores = kadis.mdsi_scores(pairs, tmp_path / "work")
    expected = [CLASSICAL["mdsi"](load_photo(pair.reference), load_photo(pair.distorted)) for pair in pairs]
    assert scores == pytest.approx(expected)
    (folder,) = (tmp_path / "work").iterdir()
    kept = sorted(folder.iterdir())
    assert [len(np.load(file)) for file in kept] == [3, 3, 3, 1]
    np.save(kept[0], np.zeros(3))
    kept[3].unlink()
    again = kadis.mdsi_scores(pairs, tmp_path / "work")
    assert again[:3].tolist() == [0, 0, 0]
    assert again[3:] == pytest.approx(expected[3:])


def test_other_pairs_have_scores_of_their_own(tmp_path: Path) -> None:
    pairs = read_kadis700k(make_kadis(tmp_path / "kadis", sources=2, size=64))
    kadis.mdsi_scores(pairs, tmp_path / "work")
    kadis.mdsi_scores(pairs[:5], tmp_path / "work")
    assert len(list((tmp_path / "work").iterdir())) == 2


def test_pairs_are_bytes_until_the_device_has_them(tmp_path: Path) -> None:
    pairs = read_kadis700k(make_kadis(tmp_path / "kadis", sources=1, size=64))
    reference, distorted, score = kadis.kadis_pairs(pairs, np.arange(5.0))[2]
    assert reference.dtype == distorted.dtype == torch.uint8
    assert torch.equal(reference, torch.tensor(load_photo(pairs[2].reference)).movedim(-1, 0))
    assert float(score) == 2
