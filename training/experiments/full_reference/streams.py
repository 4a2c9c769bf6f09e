"""The streams of preset ``lite``: they learn to tell kinds and strengths of distortions apart, nobody's opinion."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from training.experiments.full_reference.config import FullReferenceConfig
from training.experiments.full_reference.parts import opinions_folder, part_of
from training.experiments.full_reference.tables import random_cut
from training.labels.opinion_pairs import read_opinion_pairs
from training.networks.distortion_kinds import DistortionKinds, scaled_strengths
from training.networks.multiscale_fr import MultiscaleFr
from training.run.fit import channels_last, fit_network, load_best

STREAM_PATCHES = 2
"""Patches of a pair in a batch."""


class KindPairs(Dataset[tuple[Tensor, Tensor, Tensor, Tensor]]):
    """Random 128x128 patches of each pair, flipped at random: reference, distorted, kind, strengths of the pair."""

    def __init__(self, config: FullReferenceConfig, split: str, *, fixed: bool = False) -> None:
        self.photos = [photo for _, photo in read_opinion_pairs(opinions_folder(config, split))]
        self.fixed = fixed
        self.index = [(photo, row) for photo, pairs in enumerate(self.photos) for row in range(len(pairs.psnr))]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        number, row = self.index[item]
        photo = self.photos[number]
        rng = np.random.default_rng(item if self.fixed else int(torch.randint(2**31, (1,))))
        cuts = [random_cut(photo.reference, photo.distorted[row], rng) for _ in range(STREAM_PATCHES)]
        first, second = (torch.from_numpy(np.stack(side)) for side in zip(*cuts, strict=True))
        strengths = scaled_strengths(float(photo.psnr[row]), float(photo.ssimulacra2[row]))
        return first, second, torch.tensor(int(photo.info[row, 0])), torch.tensor(strengths, dtype=torch.float32)


def kinds_loss(network: nn.Module, batch: Any) -> Tensor:
    """Cross-entropy of the kind plus smooth L1 of the strengths, of every patch."""
    reference, distorted, kind, strengths = batch
    count = reference.shape[1]
    first, second = (side.flatten(0, 1).permute(0, 3, 1, 2).float() / 255 for side in (reference, distorted))
    logits, found = network(first, second)
    loss: Tensor = nn.functional.cross_entropy(logits, kind.repeat_interleave(count))
    return loss + 2 * nn.functional.smooth_l1_loss(found, strengths.repeat_interleave(count, 0), beta=0.25)


def fit_streams(config: FullReferenceConfig) -> None:
    """Fit streams and summary by kind and strengths of the opinion pairs."""
    torch.manual_seed(config.seed)
    task = channels_last(DistortionKinds(MultiscaleFr(config.preset)))
    part = _streams_part(config, **config.streams.model_dump())
    fit_network(task, KindPairs(config, "train"), KindPairs(config, "val", fixed=True), kinds_loss, part)


def fitted_streams(config: FullReferenceConfig) -> MultiscaleFr:
    """The network whose streams are fitted and whose FC layers are not. Raises: FileNotFoundError before that."""
    task = DistortionKinds(MultiscaleFr(config.preset))
    load_best(task, _streams_part(config))
    return task.network


def _streams_part(config: FullReferenceConfig, **fit: Any) -> FullReferenceConfig:
    """Every seed of the FC layers works on the same streams, so that they are fitted once."""
    return part_of(config.model_copy(update={"variant": ""}), "streams", **fit)
