"""LIVE image quality assessment database, release 2: 29 photos, 779 distorted versions of five kinds, DMOS.

Layout as given out: ``refimgs/*.bmp``; ``jp2k``, ``jpeg``, ``wn``, ``gblur``, ``fastfading`` with ``img1.bmp`` and so
on; ``dmos_realigned.mat`` (or ``dmos.mat``) and ``refnames_all.mat``, whose 982 entries follow the folders in that
order. An entry with ``orgs`` 1 is the original shown among the versions. Sheikh et al. 2006.
"""

from pathlib import Path

import numpy as np
from scipy.io import loadmat

from training.data.errors import DatasetFormatError, Home
from training.data.records import DistortedPair, ScoredPair

LIVE = Home("LIVE release 2", "https://live.ece.utexas.edu/research/Quality/subjective.htm")
FOLDERS = ("jp2k", "jpeg", "wn", "gblur", "fastfading")
# DMOS of the realigned study lies in 0..100, lower is better.
WORST_DMOS = 100.0


def read_live(root: Path) -> list[ScoredPair]:
    """Pairs with ``quality`` = 100 - DMOS; originals are left out, and levels rank the versions of a photo by DMOS.

    Raises: DatasetMissingError; DatasetFormatError.
    """
    names = loadmat(LIVE.existing(root / "refnames_all.mat"))["refnames_all"].ravel()
    scores, deviations, originals = _scores(root)
    files = _files(root)
    if not len(files) == len(names) == len(scores):
        raise DatasetFormatError(f"{root}: {len(files)} images, {len(names)} names and {len(scores)} scores in LIVE")
    pairs = []
    for (folder, path), name, score, deviation, original in zip(
        files, names, scores, deviations, originals, strict=True
    ):
        if not original:
            reference = LIVE.existing(root / "refimgs" / str(name[0]))
            pair = DistortedPair(reference, path, reference.stem, folder, 1)
            pairs.append(ScoredPair(pair, WORST_DMOS - float(score), None if np.isnan(deviation) else float(deviation)))
    return _with_levels(pairs)


def _scores(root: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    realigned = root / "dmos_realigned.mat"
    if realigned.is_file():
        table = loadmat(realigned)
        return table["dmos_new"].ravel(), table["dmos_std"].ravel(), table["orgs"].ravel()
    table = loadmat(LIVE.existing(root / "dmos.mat"))
    scores = table["dmos"].ravel()
    return scores, np.full(len(scores), np.nan), table["orgs"].ravel()


def _files(root: Path) -> list[tuple[str, Path]]:
    files = []
    for folder in FOLDERS:
        paths = LIVE.some(list(LIVE.existing(root / folder).glob("img*.bmp")), f"{folder}/img*.bmp in {root}")
        files += [(folder, path) for path in sorted(paths, key=lambda path: int(path.stem.removeprefix("img")))]
    return files


def _with_levels(pairs: list[ScoredPair]) -> list[ScoredPair]:
    """The same pairs, each with its rank among the versions of its photo by one distortion."""
    ranked: list[ScoredPair] = []
    for scored in pairs:
        same = [
            other.quality
            for other in pairs
            if (other.pair.source, other.pair.distortion) == (scored.pair.source, scored.pair.distortion)
        ]
        level = 1 + sum(quality > scored.quality for quality in same)
        pair = scored.pair
        ranked.append(
            ScoredPair(
                DistortedPair(pair.reference, pair.distorted, pair.source, pair.distortion, level),
                scored.quality,
                scored.deviation,
            )
        )
    return ranked
