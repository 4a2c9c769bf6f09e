"""Preset ``paper``: fitted as published, patches to MOS by least squares, on TID2013's recreated pairs.

A fifth of the photos is measured on and nothing else, as in section III; another fifth chooses the epoch.
"""

import json
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from models.types import Rgb8
from training.experiments.full_reference.config import FullReferenceConfig
from training.experiments.full_reference.heads import FOLDS
from training.experiments.full_reference.tables import PairToScore, fit_published, image_score, patch_count
from training.labels.tid_pairs import TidPhoto, read_tid_photos
from training.maths.agreement import agreement
from training.networks.multiscale_fr import PRESETS, MultiscaleFr
from training.run.fit import load_best
from training.run.progress import track

SHAPE = PRESETS["paper"]


MEASURED, CHOOSING = 0, 1
"""Places among ``FOLDS`` photos."""


def fit(config: FullReferenceConfig) -> None:
    """End to end."""
    photos = _photos(config)
    chosen = [index % FOLDS for index in range(len(photos))]
    train = [photo for photo, place in zip(photos, chosen, strict=True) if place not in (MEASURED, CHOOSING)]
    choose = [photo for photo, place in zip(photos, chosen, strict=True) if place == CHOOSING]
    pairs, checks = ([pair for photo in part for pair in _pairs(photo)] for part in (train, choose))
    fit_published(config, pairs, checks, SHAPE)


def evaluate(config: FullReferenceConfig) -> dict[str, Any]:
    """Agreement with people on photos that neither fitted nor chose; also ``metrics.json``.

    Raises: FileNotFoundError before a fit.
    """
    network = fitted_network(config)
    photos = _photos(config)[MEASURED::FOLDS]
    scores = [np.array([image_score(network, pair) for pair in _pairs(photo)]) for photo in track(photos, "people")]
    within = [float(stats.spearmanr(found, photo.mos).statistic) for found, photo in zip(scores, photos, strict=True)]
    people = agreement(np.concatenate(scores), np.concatenate([photo.mos for photo in photos]))
    found = {
        "people": people | {"srocc_within_photo": round(float(np.mean(within)), 4)},
        "photos": len(photos),
        "pairs": sum(len(photo.mos) for photo in photos),
    }
    (config.checkpoints / "metrics.json").write_text(json.dumps(found, indent=2))
    return found


def _photos(config: FullReferenceConfig) -> list[TidPhoto]:
    return list(read_tid_photos(config.data, config.work / "tid2013"))


def _pairs(photo: TidPhoto) -> list[PairToScore]:
    patches = patch_count(*photo.reference.shape[:2])
    return [
        PairToScore(partial(_both, photo.reference, version), float(mos), patches)
        for version, mos in zip(photo.distorted, photo.mos, strict=True)
    ]


def _both(reference: Rgb8, distorted: Rgb8) -> tuple[Rgb8, Rgb8]:
    return reference, distorted


def fitted_network(config: FullReferenceConfig) -> MultiscaleFr:
    """The network with its best weights. Raises: FileNotFoundError before a fit."""
    network = MultiscaleFr("paper")
    load_best(network, config)
    return network.eval()
