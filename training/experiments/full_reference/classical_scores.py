"""What the classical metrics say of TID2013's pairs, computed once and kept."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.labels.tid_pairs import TidPhoto, read_tid_photo
from training.metrics.classical import CLASSICAL, Metric
from training.run.progress import track

COMPARED_EVERY = 2
"""Every second kind and level of a photo, the others of the next photo: FSIM, VIF and butteraugli take half a second
per pair."""


def compared_pairs(photo: TidPhoto) -> NDArray[np.int64]:
    """Which of the pairs of a photo are compared."""
    return np.flatnonzero((photo.info.sum(1) + photo.photo) % COMPARED_EVERY == 0)


def make_classical_scores(data: Path, pairs: Path, folder: Path, *, processes: int) -> None:
    """Write the metrics of each photo's compared pairs into ``folder``; pairs measured already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(data, pairs, folder, int(file.stem)) for file in sorted(pairs.glob("[0-9][0-9].npz"))]
    with ProcessPoolExecutor(processes) as pool:
        for _ in track(pool.map(_make_photo, jobs), description="classical metrics", total=len(jobs)):
            pass


def read_classical_scores(folder: Path) -> dict[int, dict[str, NDArray[Any]]]:
    """By photo and metric, the values (C,) of the compared pairs, and their ``info`` (C, 2)."""
    return {int(file.stem): _read(file) for file in sorted(folder.glob("[0-9][0-9].npz"))}


def _read(file: Path) -> dict[str, NDArray[Any]]:
    with np.load(file) as arrays:
        return dict(arrays)


def _make_photo(job: tuple[Path, Path, Path, int]) -> None:
    data, pairs, folder, number = job
    torch.set_num_threads(1)
    file = folder / f"{number:02d}.npz"
    known = _read(file) if file.is_file() else {}
    metrics = measure_photo(read_tid_photo(data, pairs, number), known)
    temporary = file.with_suffix(".new")
    with temporary.open("wb") as target:
        np.savez(target, allow_pickle=False, **metrics)
    temporary.replace(file)


def measure_photo(photo: TidPhoto, known: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Every metric of the compared pairs of one photo with their ``info``, taken from ``known`` where it is there."""
    compared = compared_pairs(photo)
    kept = {(int(kind), int(level)): row for row, (kind, level) in enumerate(known.get("info", []))}

    def value(name: str, metric: Metric, index: int) -> float:
        row = kept.get((int(photo.info[index, 0]), int(photo.info[index, 1])))
        return metric(photo.reference, photo.distorted[index]) if row is None else float(known[name][row])

    with torch.inference_mode():
        measured = {
            name: np.array([value(name, metric, index) for index in compared]) for name, metric in CLASSICAL.items()
        }
    return {"info": photo.info[compared], **measured}
