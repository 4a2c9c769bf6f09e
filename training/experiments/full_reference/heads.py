"""The FC layers of preset ``lite``: the score from all that the network sees of a pair.

Labels: TID2013's MOS, the mean opinion of the same kinds made on ``photos/train``, and SSIMULACRA2 at high quality, of
every kind. The shipped weights learn from all 19 photos of TID2013; what they are worth on people is measured by
``FOLDS`` further fits, each of which saw neither the pairs nor the opinions of the photos it is asked about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.distort.tid2013 import PSNR_OF_LEVEL_DB
from training.experiments.full_reference.config import FullReferenceConfig
from training.experiments.full_reference.pair_features import (
    FeatureDataset,
    FeatureFolders,
    LabelledFeatures,
    PairFeatures,
    features_of_pairs,
    kept_array,
)
from training.experiments.full_reference.parts import high_quality_folder, opinions_folder, part_of
from training.experiments.full_reference.streams import fitted_streams
from training.labels.high_quality_pairs import read_high_quality_pairs
from training.labels.mixture import BEST_MOS
from training.labels.opinion_pairs import CODEC, mean_opinions, opinion_of, read_opinion_pairs
from training.labels.tid_pairs import TidPhoto, read_tid_photos
from training.maths.agreement import batch_correlation
from training.metrics.ssimulacra2 import ssimulacra2_of_arrays
from training.networks.multiscale_fr import PRESETS, Head, MultiscaleFr
from training.networks.teacher_line import SCORE_AT, SHARE, SHARE_AT, SSIMULACRA2_AT
from training.run.fit import fit_network

FOLDS = 5
"""Of the photos of TID2013."""
HEAD_PATCHES, VALIDATION_PATCHES = 4, 6
"""Patches of a pair that are averaged before the loss, as the score of a photo is the mean over its patches."""
HIGH_QUALITY, WEAKER_THAN_TID_DB = 50.0, 34.0
"""Pairs that SSIMULACRA2 alone judges are codecs above ``HIGH_QUALITY``, and those of TID2013's kinds that are weaker
than its weakest (33 dB)."""
JPEG, JPEG_ABOVE = 10, 2.5
"""TID2013's number. JPEG's opinions lie at most so much above the line: people like it better than SSIMULACRA2 does,
and the order of qualities would break where that begins to decide."""
OWN_WEIGHT, KIND_WEIGHT, FINE_WEIGHT = 1.5, 0.5, 1.0
"""Of the losses: opinions of the pair itself, the mean opinion of its kind, SSIMULACRA2."""


@dataclass(frozen=True, slots=True)
class SeenPairs:
    """V pairs of one photo as the FC layers see them: ``info`` (V, 2); ``psnr`` and ``ssimulacra2`` (V,)."""

    name: str
    pairs: PairFeatures
    info: NDArray[np.int64]
    psnr: NDArray[np.float64]
    ssimulacra2: NDArray[np.float64]

    def judged(self, mos: NDArray[np.float64], weight: float) -> LabelledFeatures:
        """The pairs whose ``mos`` (V,) is a number, with the score that it stands for."""
        scores = score_of(mos, self.info, self.ssimulacra2)
        labelled = LabelledFeatures(self.pairs, scores, np.full(len(scores), weight), fine=False)
        return labelled.chosen(np.isfinite(mos))

    def at_high_quality(self) -> LabelledFeatures:
        """Codecs, and every kind where it is weak, with what SSIMULACRA2 makes of them."""
        unjudged = (self.info[:, 0] == CODEC) | (self.psnr > WEAKER_THAN_TID_DB)
        return taught(self.pairs, self.ssimulacra2).chosen(unjudged & (self.ssimulacra2 > HIGH_QUALITY))


def taught(pairs: PairFeatures, ssimulacra2: NDArray[np.float64]) -> LabelledFeatures:
    """Pairs with what SSIMULACRA2 makes of them."""
    scores = score_of_ssimulacra2(ssimulacra2)
    return LabelledFeatures(pairs, scores, np.full(len(scores), FINE_WEIGHT), fine=True)


def score_of_ssimulacra2(ssimulacra2: NDArray[np.float64]) -> NDArray[np.float64]:
    """The line that joins SSIMULACRA2 to the scale of the scores."""
    return np.interp(ssimulacra2, SSIMULACRA2_AT, SCORE_AT)


def score_of(
    mos: NDArray[np.float64], info: NDArray[np.int64], ssimulacra2: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Score 0..100 that pairs (V,) with ``mos`` are to get: it leans to SSIMULACRA2 as the network does."""
    scores, line = np.minimum(100, mos / BEST_MOS * 100), score_of_ssimulacra2(ssimulacra2)
    scores = np.where(info[:, 0] == JPEG, np.minimum(scores, line + JPEG_ABOVE), scores)
    share = np.interp(ssimulacra2, SHARE_AT, SHARE)
    return (1 - share) * scores + share * line


def score_loss(head: nn.Module, batch: Any) -> Tensor:
    """Smooth L1 in steps of ten points, plus one minus the correlation over the batch; patches averaged first.

    Where labels are fine, the logarithm of what is missing to 100 counts too, so that high qualities keep their order.
    """
    features, sizes, labels = batch
    scores, weights, fine = labels.unbind(1)
    predicted = head(features.flatten(0, 1), sizes.flatten()).view(sizes.shape).mean(1)
    error = nn.functional.smooth_l1_loss(predicted / 10, scores / 10, reduction="none")
    missing = torch.log((100.5 - predicted) / (100.5 - scores))
    exact = nn.functional.smooth_l1_loss(missing, torch.zeros_like(missing), reduction="none", beta=0.2)
    correlation = batch_correlation(predicted, scores)
    return torch.as_tensor(((error + 2 * fine * exact) * weights).mean() + 1 - correlation)


def fit_heads(config: FullReferenceConfig) -> None:
    """One fit on everything, then one for each fold."""
    network = fitted_streams(config)
    photos = list(read_tid_photos(config.data, config.work / "tid2013"))
    seen = [_seen_photo(config, network, photo) for photo in photos]
    made = {split: _seen_versions(config, network, split) for split in ("train", "val")}
    high = {split: _at_high_quality(config, network, split) for split in ("train", "val")}
    for fold in (None, *range(FOLDS)):
        part = part_of(config, "all" if fold is None else f"fold-{fold}")
        kept = [index for index in range(len(photos)) if index % FOLDS != fold]
        opinions = mean_opinions(
            np.concatenate([photos[index].info for index in kept]),
            np.concatenate([photos[index].mos for index in kept]),
        )
        lent = {
            split: [pairs.judged(opinion_of(opinions, pairs.info, pairs.psnr), KIND_WEIGHT) for pairs in made[split]]
            + [*(pairs.at_high_quality() for pairs in made[split]), *high[split]]
            for split in made
        }
        own = [seen[index].judged(photos[index].mos, OWN_WEIGHT) for index in kept]
        head = _fit_head(part, [*own, *lent["train"]], lent["val"])
        for pairs in seen[fold::FOLDS] if fold is not None else []:
            np.save(part.checkpoints / f"{pairs.name}.npy", _scores(head, pairs.pairs))


def _fit_head(
    config: FullReferenceConfig, train: Sequence[LabelledFeatures], validate: Sequence[LabelledFeatures]
) -> nn.Module:
    torch.manual_seed(config.seed)
    count = train[0].pairs.features.shape[-1]
    head = Head(count, PRESETS[config.preset])
    head.scale_to(torch.from_numpy(np.concatenate([group.pairs.features.reshape(-1, count) for group in train])))
    check = FeatureDataset(validate, patches=VALIDATION_PATCHES, fixed=True)
    return fit_network(head, FeatureDataset(train, patches=HEAD_PATCHES), check, score_loss, config)


@torch.inference_mode()
def _scores(head: nn.Module, pairs: PairFeatures) -> NDArray[np.float64]:
    flat = head(torch.from_numpy(pairs.features).flatten(0, 1), torch.from_numpy(pairs.sizes).flatten())
    return np.asarray(flat.view(pairs.sizes.shape).mean(1).double().numpy())


def _feature_folders(config: FullReferenceConfig, split: str) -> FeatureFolders:
    return FeatureFolders(config.folder / "seen" / split, config.folder / "measured" / split)


def _seen_photo(config: FullReferenceConfig, network: MultiscaleFr, photo: TidPhoto) -> SeenPairs:
    folders, name = _feature_folders(config, "tid2013"), f"{photo.photo:02d}"
    judged = kept_array(
        folders.measured / f"{name}-ssimulacra2.npy",
        lambda: np.array([ssimulacra2_of_arrays(photo.reference, version)[0] for version in photo.distorted]),
    )
    pairs = features_of_pairs(network, photo.reference, photo.distorted, name, folders)
    return SeenPairs(name, pairs, photo.info, np.array(PSNR_OF_LEVEL_DB)[photo.info[:, 1] - 1], judged)


def _seen_versions(config: FullReferenceConfig, network: MultiscaleFr, split: str) -> list[SeenPairs]:
    seen = []
    for name, photo in read_opinion_pairs(opinions_folder(config, split)):
        pairs = features_of_pairs(network, photo.reference, photo.distorted, name, _feature_folders(config, split))
        seen.append(SeenPairs(name, pairs, photo.info, photo.psnr, photo.ssimulacra2))
    return seen


def _at_high_quality(config: FullReferenceConfig, network: MultiscaleFr, split: str) -> list[LabelledFeatures]:
    """Every kind at high quality; kinds that no network is fitted to stay out, so that figures on them mean that."""
    found = []
    for name, photo in read_high_quality_pairs(high_quality_folder(config, split)):
        if len(photo.kinds):
            folders = _feature_folders(config, f"high-{split}")
            pairs = features_of_pairs(network, photo.reference, photo.distorted, name, folders)
            found.append(taught(pairs, photo.ssimulacra2).chosen(~photo.unseen))
    return found
