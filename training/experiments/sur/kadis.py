"""Stage one as published (Lin et al. 2020, section 6.2): MDSI of KADIS-700k's 700,000 pairs, learned in five epochs.

The scores are made once, over all processors, and kept; an epoch then reads files alone.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from training.data.kadid import read_kadis700k
from training.data.photos import load_photo
from training.data.records import DistortedPair
from training.experiments.sur.config import SurConfig
from training.experiments.sur.published import ImagePairs, LabelledPair, fit_stage_one, part_config
from training.metrics.classical import CLASSICAL
from training.networks.sur_featnet_published import Body
from training.run.fingerprint import digest
from training.run.progress import track

KADIS_FOLDER = "kadis-700k"
CHECKED_PART = 10
"""Of KADIS-700k's sources, one in so many chooses the epoch of stage one."""
KEPT_AT_A_TIME = 500
"""Pairs whose scores go to one file: a preparation that was stopped goes on at the next."""


def pretrained_body(config: SurConfig, folder: Path) -> Body:
    """The body after stage one on the KADIS-700k in ``folder``."""
    pairs = read_kadis700k(folder)
    scores = mdsi_scores(pairs, config.folder)
    checked = set(sorted({pair.source for pair in pairs})[::CHECKED_PART])
    chosen = np.array([pair.source in checked for pair in pairs])
    train, validate = (
        kadis_pairs([pairs[i] for i in rows], scores[rows]) for rows in map(np.flatnonzero, (~chosen, chosen))
    )
    return fit_stage_one(part_config(config, "tables/kadis700k"), train, validate).body


def kadis_pairs(pairs: Sequence[DistortedPair], scores: NDArray[np.float64]) -> ImagePairs:
    """Pairs with their scores (N,), read when they are asked for."""
    return ImagePairs([partial(_read, pair, float(score)) for pair, score in zip(pairs, scores, strict=True)])


def _read(pair: DistortedPair, score: float) -> LabelledPair:
    return load_photo(pair.reference), load_photo(pair.distorted), score


def mdsi_scores(pairs: Sequence[DistortedPair], work: Path) -> NDArray[np.float64]:
    """MDSI of each pair (N,), turned so that higher is better, by all processors; kept in a folder of ``work``.

    Other pairs, or files of other sizes, have a folder of their own.
    """
    folder = work / f"kadis700k-mdsi-{digest(list(pairs))[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, len(pairs), KEPT_AT_A_TIME)
    files = [folder / f"{start:06d}.npy" for start in starts]
    jobs = [
        (file, pairs[start : start + KEPT_AT_A_TIME])
        for file, start in zip(files, starts, strict=True)
        if not file.is_file()
    ]
    with ProcessPoolExecutor(initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for _ in track(pool.map(_keep_scores, jobs), "MDSI of KADIS-700k", len(jobs)):
            pass
    return np.concatenate([np.load(file) for file in files])


def _keep_scores(job: tuple[Path, Sequence[DistortedPair]]) -> None:
    file, pairs = job
    scores = [CLASSICAL["mdsi"](load_photo(pair.reference), load_photo(pair.distorted)) for pair in pairs]
    temporary = file.with_suffix(".new.npy")
    np.save(temporary, np.array(scores))
    temporary.replace(file)
