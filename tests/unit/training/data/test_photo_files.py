"""A file for each photo: kept while it is made from the same, made again where it is not."""

from pathlib import Path
from typing import Any

import numpy as np

from training.data.photo_files import make_files, read_files


def _size(path: Path, seed: int) -> dict[str, Any]:
    return {"size": np.array(path.stat().st_size), "seed": np.array(seed)}


def made(folder: Path, photos: list[Path]) -> dict[str, tuple[int, int]]:
    jobs = {folder / f"{path.stem}.npz": (path, seed) for seed, path in enumerate(photos)}
    make_files(_size, jobs, processes=1, description="sizes")
    found = read_files(folder, made_by="this")
    return {name: (int(arrays["size"]), int(arrays["seed"])) for name, arrays in found}


def test_changed_photos_are_made_again_and_lost_ones_forgotten(tmp_path: Path) -> None:
    photos = [tmp_path / f"{name}.png" for name in "abc"]
    for path in photos:
        path.write_bytes(b"1")
    folder = tmp_path / "made"
    assert made(folder, photos) == {"a": (1, 0), "b": (1, 1), "c": (1, 2)}
    np.savez(folder / "a.npz", size=np.array(7), seed=np.array(7))
    photos[1].write_bytes(b"22")
    assert made(folder, photos) == {"a": (7, 7), "b": (2, 1), "c": (1, 2)}
    assert made(folder, photos[:2]) == {"a": (7, 7), "b": (2, 1)}


def test_files_of_before_it_was_noted_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"1")
    folder = tmp_path / "made"
    folder.mkdir()
    np.savez(folder / "a.npz", size=np.array(7), seed=np.array(7))
    assert made(folder, [tmp_path / "a.png"]) == {"a": (7, 7)}
