"""One file of arrays for each photo, made once by several processes: a run that was stopped goes on where it was.

``made-from.json`` beside them says what each is made from. A photo that is another now has its file made again, and one
that is gone leaves none.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.run.fingerprint import digest
from training.run.progress import track

Arrays = dict[str, NDArray[Any]]


def make_files(
    make: Callable[..., Arrays], jobs: Mapping[Path, Sequence[Any]], *, processes: int, description: str
) -> None:
    """Write what ``make``, a function of module level, returns for each job's arguments; jobs go by the file to write.

    Files that are there already and made from the same are kept, folders are made.
    """
    for folder in {target.parent for target in jobs}:
        folder.mkdir(parents=True, exist_ok=True)
        _drop_others(folder, {target.name: digest([make, arguments]) for target, arguments in jobs.items()})
    missing = [(make, target, arguments) for target, arguments in jobs.items() if not target.is_file()]
    with ProcessPoolExecutor(processes) as pool:
        for _ in track(pool.map(_make_file, missing), description=description, total=len(missing)):
            pass


def _drop_others(folder: Path, made_from: Mapping[str, str]) -> None:
    """Remove files that are made from anything else, and note what those that will be there are made from."""
    record = folder / "made-from.json"
    known: dict[str, str] = json.loads(record.read_text()) if record.is_file() else {}
    for file in folder.glob("*.npz"):
        made = made_from.get(file.name)
        if made is None or known.get(file.name, made) != made:
            file.unlink()
    record.write_text(json.dumps(made_from, indent=2) + "\n")


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
