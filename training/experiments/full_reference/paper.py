"""Preset ``paper``: fitted as published, patches to MOS by least squares, on TID2013's recreated pairs."""

from functools import partial

from models.types import Rgb8
from training.experiments.full_reference.config import FullReferenceConfig
from training.experiments.full_reference.heads import FOLDS
from training.experiments.full_reference.tables import PairToScore, fit_published
from training.labels.tid_pairs import read_tid_photos
from training.networks.multiscale_fr import PRESETS, MultiscaleFr
from training.run.fit import load_best


def fit(config: FullReferenceConfig) -> None:
    """End to end; every fifth photo chooses the epoch."""
    photos = list(read_tid_photos(config.data, config.work / "tid2013"))
    parts: tuple[list[PairToScore], list[PairToScore]] = ([], [])
    for index, photo in enumerate(photos):
        for version, mos in zip(photo.distorted, photo.mos, strict=True):
            parts[index % FOLDS == 0].append(PairToScore(partial(_both, photo.reference, version), float(mos)))
    fit_published(config, *parts, PRESETS["paper"])


def _both(reference: Rgb8, distorted: Rgb8) -> tuple[Rgb8, Rgb8]:
    return reference, distorted


def fitted_network(config: FullReferenceConfig) -> MultiscaleFr:
    """The network with its best weights. Raises: FileNotFoundError before a fit."""
    network = MultiscaleFr("paper")
    load_best(network, config)
    return network.eval()
