"""Pairs at high quality: where they were asked to be, and kinds on ``val`` that are never fitted to."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.assets.datasets import drawn_photo
from training.labels import high_quality_pairs
from training.labels.high_quality_pairs import (
    HIGHEST,
    LOWEST,
    TOLERANCE,
    make_high_quality_pairs,
    read_high_quality_pairs,
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("high")
    for split in ("train", "val"):
        folder = root / "data" / "photos" / split
        folder.mkdir(parents=True)
        Image.fromarray(drawn_photo(3, 128, 130)).save(folder / "photo_a.png")
        Image.fromarray(drawn_photo(4, 128, 130)).save(folder / "photo_b.jpg")
        make_high_quality_pairs(root / "data", split, root / split, seed=5, processes=1)
    return root


def test_pairs_lie_where_ssimulacra2_was_asked_for(folders: Path) -> None:
    for _, photo in read_high_quality_pairs(folders / "val"):
        assert len(photo.kinds) == len(photo.distorted) == len(photo.ssimulacra2)
        assert (photo.ssimulacra2 > LOWEST - TOLERANCE).all()
        assert (photo.ssimulacra2 < HIGHEST + TOLERANCE).all()
        assert photo.distorted.shape[1:] == photo.reference.shape


def test_only_val_has_unseen_kinds_and_photos_with_jpeg_traces(folders: Path) -> None:
    train = dict(read_high_quality_pairs(folders / "train"))
    val = dict(read_high_quality_pairs(folders / "val"))
    assert set(train) == {"photo_a"}
    assert set(val) == {"photo_a", "photo_b"}
    assert not train["photo_a"].unseen.any()
    assert any(photo.unseen.any() for photo in val.values())


def test_files_that_are_there_are_kept(folders: Path) -> None:
    file = folders / "val" / "photo_a.npz"
    before = file.stat().st_mtime_ns
    make_high_quality_pairs(folders / "data", "val", folders / "val", seed=5, processes=1)
    assert file.stat().st_mtime_ns == before


def test_two_kinds_in_a_row_grow_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(high_quality_pairs, "MIXTURE_SHARE", 1.0)
    both = high_quality_pairs._draw_kind(np.random.default_rng(1))
    photo = drawn_photo(1, 64, 64)
    weak, strong = (both.apply(photo, end, np.random.default_rng(0)) for end in (both.weakest, both.strongest))
    assert "+" in both.name
    assert np.abs(strong.astype(int) - photo).mean() > np.abs(weak.astype(int) - photo).mean()


def test_missing_pairs_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="prepare full_reference"):
        next(read_high_quality_pairs(tmp_path))
