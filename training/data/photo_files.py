"""One file of arrays for each photo, made once by several processes: a run that was stopped goes on where it was."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.run.progress import track

Arrays = dict[str, NDArray[Any]]


def make_files(
    make: Callable[..., Arrays], jobs: Mapping[Path, Sequence[Any]], *, processes: int, description: str
) -> None:
    """Write what ``make``, a function of module level, returns for each job's arguments; jobs go by the file to write.

    Files that are there already are kept, folders are made.
    """
    missing = [(make, target, arguments) for target, arguments in jobs.items() if not target.is_file()]
    for folder in {target.parent for target in jobs}:
        folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes) as pool:
        for _ in track(pool.map(_make_file, missing), description=description, total=len(missing)):
            pass


def read_files(folder: Path, *, made_by: str) -> Iterator[tuple[str, Arrays]]:
    """Name of the photo and arrays of each file, in a fixed order. Raises: FileNotFoundError if there are none."""
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise FileNotFoundError(f"no pairs in {folder}: run `{made_by}` first")
    for file in files:
        with np.load(file) as arrays:
            yield file.stem, dict(arrays)


def _make_file(job: tuple[Callable[..., Arrays], Path, Sequence[Any]]) -> None:
    make, target, arguments = job
    arrays = make(*arguments)
    temporary = target.with_suffix(".new")
    with temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    temporary.replace(target)
