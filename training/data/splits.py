"""Splits by source photo, so that no version of a training photo is tested on; kept as files with a checksum."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from training.data.errors import DatasetFormatError


def source_folds(sources: Iterable[str], folds: int, *, seed: int = 0) -> list[list[str]]:
    """``folds`` disjoint lists of sources of nearly equal length that together hold each source once.

    Raises: ValueError for fewer sources than folds.
    """
    names = sorted(set(sources))
    if not 2 <= folds <= len(names):
        raise ValueError(f"{len(names)} sources cannot be split into {folds} folds")
    order = np.random.default_rng(seed).permutation(len(names))
    return [sorted(names[index] for index in order[fold::folds]) for fold in range(folds)]


def save_folds(path: Path, folds: list[list[str]]) -> None:
    """Write folds with the checksum of their contents."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"sha256": _checksum(folds), "folds": folds}, indent=2) + "\n")


def load_folds(path: Path) -> list[list[str]]:
    """Folds as they were written. Raises: DatasetFormatError if the file was changed since."""
    document = json.loads(path.read_text())
    folds: list[list[str]] = document["folds"]
    if _checksum(folds) != document["sha256"]:
        raise DatasetFormatError(f"{path}: the folds do not have the checksum that was written with them")
    return folds


def _checksum(folds: list[list[str]]) -> str:
    return hashlib.sha256(json.dumps(folds).encode()).hexdigest()
