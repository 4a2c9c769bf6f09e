"""Weights learn from photos whose licence allows any use, and are measured on all that are at hand."""

from pathlib import Path

import pytest

from training.data.photos import learning_paths


def names(data: Path, split: str) -> list[str]:
    return [path.name for path in learning_paths(data, "train" if split == "train" else "val")]


def test_weights_learn_from_photos_of_free_licence_alone(tmp_path: Path) -> None:
    free, others = ["cid22_a.webp", "clic25_b.webp", "photo001_0.webp"], ["bsds_c.jpg", "holiday.png", "urban_d.webp"]
    for split in ("train", "val"):
        (tmp_path / "photos" / split).mkdir(parents=True)
        for name in (*free, *others):
            (tmp_path / "photos" / split / name).touch()
    assert names(tmp_path, "train") == free
    assert names(tmp_path, "val") == sorted(free + others)
    for name in free:
        (tmp_path / "photos" / "train" / name).unlink()
    with pytest.raises(FileNotFoundError, match="no photos of free licence"):
        learning_paths(tmp_path, "train")
