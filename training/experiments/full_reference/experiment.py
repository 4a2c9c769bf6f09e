"""Multi-scale full-reference network: fitted to TID2013's MOS, its kinds on ``photos/train``, and SSIMULACRA2 there.

Two steps. The streams learn to tell kinds and strengths of distortions apart on ``photos/train``; no opinion of
anybody enters. Then the FC layers learn the score from all that the network sees of a pair: TID2013's MOS, the mean
opinion of the same kinds made on ``photos/train``, and SSIMULACRA2 at high quality, of every kind. The shipped
weights learn from all 19 photos of TID2013; what they are worth on people is measured by ``FOLDS`` further fits of the
FC layers, each of which saw neither the pairs nor the opinions of the photos it is asked about. No figure of this
network is ever quoted on Kodak, from which the pairs are made.

Preset ``paper`` is fitted as published, patches to MOS by least squares, on TID2013's pairs; ``table`` runs the paper's
tables on its own data sets (``training.experiments.full_reference.tables``).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from models.full_reference import predict_full_reference_score
from models.graphs.onnx_model import OnnxModel
from models.types import Rgb8
from training.data.photos import Split, checksum, photo_paths
from training.distort.tid2013 import PSNR_OF_LEVEL_DB
from training.experiments.full_reference import tables
from training.experiments.full_reference.classical_scores import make_rivals
from training.experiments.full_reference.figures import figures
from training.experiments.full_reference.pair_features import (
    FeatureDataset,
    FeatureFolders,
    LabelledFeatures,
    PairFeatures,
    features_of_pairs,
    kept_array,
    whole_patches,
)
from training.experiments.full_reference.tables import PairToScore, table
from training.experiments.on_photos import compare_on_photos
from training.labels.high_quality_pairs import make_high_quality_pairs, read_high_quality_pairs
from training.labels.mixture import BEST_MOS
from training.labels.opinion_pairs import CODEC, make_opinion_pairs, mean_opinions, opinion_of, read_opinion_pairs
from training.labels.tid_pairs import TidPhoto, make_tid_pairs, read_tid_photos
from training.maths.agreement import batch_correlation
from training.metrics.ssimulacra2 import ssimulacra2_of_arrays
from training.networks.distortion_kinds import DistortionKinds, scaled_strengths
from training.networks.multiscale_fr import PATCH, PRESETS, Head, MultiscaleFr
from training.networks.teacher_line import SCORE_AT, SHARE, SHARE_AT, SSIMULACRA2_AT
from training.run.config import ExperimentConfig
from training.run.export import TorchModel, export_graph, just_exported, write_manifest_entry
from training.run.fit import channels_last, fit_network, load_best
from training.run.record import write_run_record

__all__ = ["evaluate", "export", "fit", "prepare", "table"]

FOLDS = 5
# Seeds of the opinion pairs and of those at high quality.
SPLITS: tuple[tuple[Split, int, int], ...] = (("val", 70000, 90000), ("train", 20000, 80000))
# Patches of a pair that are averaged before the loss, as the score of a photo is the mean over its patches.
HEAD_PATCHES, STREAM_PATCHES = 4, 2
VALIDATION_PATCHES = 6
# Pairs that SSIMULACRA2 alone judges are codecs above ``HIGH_QUALITY``, and those of TID2013's kinds that are weaker
# than its weakest (33 dB).
HIGH_QUALITY, WEAKER_THAN_TID_DB = 50.0, 34.0
# JPEG's opinions lie at most so much above the line: people like it better than SSIMULACRA2 does, and the order of
# qualities would break where that begins to decide.
JPEG, JPEG_ABOVE = 10, 2.5
# Of the losses: opinions of the pair itself, the mean opinion of its kind, SSIMULACRA2.
OWN_WEIGHT, KIND_WEIGHT, FINE_WEIGHT = 1.5, 0.5, 1.0


def prepare(config: ExperimentConfig) -> None:
    """Recreate TID2013's pairs, make the pairs of ``photos/train`` and ``val``, and compute the classical metrics."""
    tid = config.work / "tid2013"
    make_tid_pairs(config.data, tid, processes=config.threads)
    for split, opinion_seed, high_seed in SPLITS:
        opinions, high = opinions_folder(config, split), high_quality_folder(config, split)
        make_opinion_pairs(config.data, split, opinions, seed=opinion_seed, processes=config.threads)
        make_high_quality_pairs(config.data, split, high, seed=high_seed, processes=config.threads)
    make_rivals(config.data, tid, config.folder / "rivals", processes=config.threads)


def fit(config: ExperimentConfig) -> None:
    """Fit the streams, then the FC layers on everything, then those of the folds that measure them."""
    if config.preset == "paper":
        _fit_paper(config)
    else:
        _fit_streams(config)
        _fit_heads(config)
    write_run_record(
        config.checkpoints / "run.json",
        config,
        {"train": checksum(photo_paths(config.data, "train")), "kodak": checksum(photo_paths(config.data, "kodak"))},
    )


def evaluate(config: ExperimentConfig) -> dict[str, Any]:
    """People: photos of TID2013 that a fold left out. Order and SSIMULACRA2: the shipped graph on ``photos/val``."""
    return figures(config)


def export(config: ExperimentConfig) -> None:
    """Write ``full_reference.onnx``, compared with PyTorch on real patches and on photos of several sizes."""
    network = fitted_network(config)
    _, photo = next(iter(read_opinion_pairs(opinions_folder(config, "val"))))
    first = torch.from_numpy(whole_patches(photo.reference)).permute(0, 3, 1, 2).float() / 255
    second = torch.from_numpy(whole_patches(photo.distorted[0])).permute(0, 3, 1, 2).float() / 255
    error = export_graph(
        network, "full_reference", {"reference": first, "distorted": second}, ["score"], weights=config.weights
    )
    network_model: OnnxModel = TorchModel(network, "full_reference", ["reference", "distorted"], ["score"])
    on_photos = compare_on_photos(
        "full_reference",
        config.data,
        (network_model, just_exported("full_reference", config)),
        lambda photo, distorted, model: predict_full_reference_score(photo, distorted, model).patch_scores,
    )
    write_manifest_entry(
        "full_reference",
        version="2.1.0",
        preset=config.preset,
        contract={
            "colour": "sRGB",
            "range": [0, 1],
            "tile": PATCH,
            "padding": "reflection",
            "unit": "score 0..100, 100 only for identical patches; MOS of TID2013 = score * 0.072",
        },
        training_data="MOS of TID2013 on pairs recreated from 19 Kodak photos and on its kinds of distortion made on "
        "photos/train (462); SSIMULACRA2 at high quality, of every kind, on photos/train",
        licence="weights as the project; photos: Unsplash, CC0, CC-BY-SA, Urban100, BSDS500 (research), Kodak",
        metrics=_kept_metrics(config) | {"pytorch_onnx_relative_error": max(error, on_photos)},
        weights=config.weights,
    )


def fitted_network(config: ExperimentConfig) -> MultiscaleFr:
    """The network with the weights that ship. Raises: FileNotFoundError before a fit."""
    network = MultiscaleFr(config.preset)
    if config.preset == "paper":
        load_best(network, config)
        return network.eval()
    network = _fitted_streams(config)
    load_best(network.head, part_of(config, "all"))
    return network.eval()


def opinions_folder(config: ExperimentConfig, split: str) -> Path:
    """Where the pairs with lent opinions of a split are."""
    return config.work / "opinion-pairs" / split


def high_quality_folder(config: ExperimentConfig, split: str) -> Path:
    """Where the pairs of a split are that SSIMULACRA2 alone judges."""
    return config.work / "high-quality-pairs" / split


def part_of(config: ExperimentConfig, name: str, **fit: Any) -> ExperimentConfig:
    """The same configuration for one of the fits, with its own checkpoints."""
    changed = config.fit.model_copy(update=fit)
    return config.model_copy(update={"variant": f"{config.variant}/{name}".strip("/"), "fit": changed})


def _kept_metrics(config: ExperimentConfig) -> dict[str, Any]:
    file = config.checkpoints / "metrics.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    return found


def _fit_paper(config: ExperimentConfig) -> None:
    """As published, on TID2013's recreated pairs; every fifth photo chooses the epoch."""
    photos = list(read_tid_photos(config.data, config.work / "tid2013"))
    parts: tuple[list[PairToScore], list[PairToScore]] = ([], [])
    for index, photo in enumerate(photos):
        for version, mos in zip(photo.distorted, photo.mos, strict=True):
            parts[index % FOLDS == 0].append(PairToScore(partial(_both, photo.reference, version), float(mos)))
    tables.fit_published(config, *parts, PRESETS["paper"])


def _both(reference: Rgb8, distorted: Rgb8) -> tuple[Rgb8, Rgb8]:
    return reference, distorted


# The streams.


class KindPairs(Dataset[tuple[Tensor, Tensor, Tensor, Tensor]]):
    """Random 128x128 patches of each pair, flipped at random: reference, distorted, kind, strengths of the pair."""

    def __init__(self, config: ExperimentConfig, split: str, *, fixed: bool = False) -> None:
        self.photos = [photo for _, photo in read_opinion_pairs(opinions_folder(config, split))]
        self.fixed = fixed
        self.index = [(photo, row) for photo, pairs in enumerate(self.photos) for row in range(len(pairs.psnr))]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        number, row = self.index[item]
        photo = self.photos[number]
        rng = np.random.default_rng(item if self.fixed else int(torch.randint(2**31, (1,))))
        cuts = [tables.random_cut(photo.reference, photo.distorted[row], rng) for _ in range(STREAM_PATCHES)]
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


def _fit_streams(config: ExperimentConfig) -> None:
    torch.manual_seed(config.seed)
    task = channels_last(DistortionKinds(MultiscaleFr(config.preset)))
    labels = config.labels
    part = _streams_part(
        config,
        epochs=int(labels["stream_epochs"]),
        batch_size=int(labels["stream_batch_size"]),
        learning_rate=labels["stream_learning_rate"],
    )
    fit_network(task, KindPairs(config, "train"), KindPairs(config, "val", fixed=True), kinds_loss, part)


def _fitted_streams(config: ExperimentConfig) -> MultiscaleFr:
    task = DistortionKinds(MultiscaleFr(config.preset))
    load_best(task, _streams_part(config))
    return task.network


def _streams_part(config: ExperimentConfig, **fit: Any) -> ExperimentConfig:
    """Every seed of the FC layers works on the same streams, so that they are fitted once."""
    return part_of(config.model_copy(update={"variant": ""}), "streams", **fit)


# The FC layers.


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


def _fit_heads(config: ExperimentConfig) -> None:
    """One fit on everything, then one for each fold."""
    network = _fitted_streams(config)
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
    config: ExperimentConfig, train: Sequence[LabelledFeatures], validate: Sequence[LabelledFeatures]
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


def _feature_folders(config: ExperimentConfig, split: str) -> FeatureFolders:
    return FeatureFolders(config.folder / "seen" / split, config.folder / "measured" / split)


def _seen_photo(config: ExperimentConfig, network: MultiscaleFr, photo: TidPhoto) -> SeenPairs:
    folders, name = _feature_folders(config, "tid2013"), f"{photo.photo:02d}"
    judged = kept_array(
        folders.measured / f"{name}-ssimulacra2.npy",
        lambda: np.array([ssimulacra2_of_arrays(photo.reference, version)[0] for version in photo.distorted]),
    )
    pairs = features_of_pairs(network, photo.reference, photo.distorted, name, folders)
    return SeenPairs(name, pairs, photo.info, np.array(PSNR_OF_LEVEL_DB)[photo.info[:, 1] - 1], judged)


def _seen_versions(config: ExperimentConfig, network: MultiscaleFr, split: str) -> list[SeenPairs]:
    seen = []
    for name, photo in read_opinion_pairs(opinions_folder(config, split)):
        pairs = features_of_pairs(network, photo.reference, photo.distorted, name, _feature_folders(config, split))
        seen.append(SeenPairs(name, pairs, photo.info, photo.psnr, photo.ssimulacra2))
    return seen


def _at_high_quality(config: ExperimentConfig, network: MultiscaleFr, split: str) -> list[LabelledFeatures]:
    """Every kind at high quality; kinds that no network is fitted to stay out, so that figures on them mean that."""
    found = []
    for name, photo in read_high_quality_pairs(high_quality_folder(config, split)):
        if len(photo.kinds):
            folders = _feature_folders(config, f"high-{split}")
            pairs = features_of_pairs(network, photo.reference, photo.distorted, name, folders)
            found.append(taught(pairs, photo.ssimulacra2).chosen(~photo.unseen))
    return found
