"""Multi-scale full-reference network: fitted to TID2013's MOS and to the teacher mixture on ``photos/train``.

The shipped weights learn from all 19 photos of TID2013; what they are worth on people is measured by ``FOLDS`` further
fits that each leave photos out. No figure of this network is ever quoted on Kodak, from which the pairs are made.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from scipy import stats
from torch import Tensor, nn
from torch.utils.data import Dataset

from models.artefacts import load_model
from models.classical_metrics import ms_ssim, psnr_db, ssim
from models.full_reference import predict_full_reference_score
from models.preprocess import as_rgb, to_nchw
from models.types import Rgb8
from training import tid2013
from training.config import ExperimentConfig
from training.distortions import jpeg_420
from training.export import export_graph, write_manifest_entry
from training.fit import channels_last, fit_network, load_best
from training.networks.multiscale_fr import PATCH, MultiscaleFr
from training.photos import checksum, load_photo, photo_paths
from training.quality_labels import BEST_MOS, MIXTURE_FILE, agreement, fit_mixture, load_mixture, save_mixture
from training.quality_pairs import make_pairs, read_pairs
from training.run_record import write_run_record
from training.teachers import ssimulacra2_of_arrays
from training.tid2013 import read_tid_pairs

FOLDS = 3
# Patches of a pair that are averaged before the loss, as the score of a photo is the mean over its patches.
PATCHES = 2
JPEG_QUALITIES = range(10, 100, 5)
# The classical metrics are slow: they are compared on every fourth pair.
COMPARED_EVERY = 4


@dataclass(frozen=True, slots=True)
class ScoredPhoto:
    """A reference, its distorted versions uint8 (V, H, W, 3), and their scores (V,), 0..100."""

    number: int
    reference: Rgb8
    distorted: Rgb8
    scores: NDArray[np.float64]


class PatchPairs(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """``PATCHES`` random 128x128 patches of each pair, flipped at random, with the score of the whole photo."""

    def __init__(self, photos: Sequence[ScoredPhoto], *, patches: int = PATCHES, fixed: bool = False) -> None:
        self.photos = photos
        self.patches = patches
        self.fixed = fixed
        self.index = [(photo, version) for photo in range(len(photos)) for version in range(len(photos[photo].scores))]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor, Tensor]:
        number, version = self.index[item]
        photo = self.photos[number]
        rng = np.random.default_rng(item if self.fixed else int(torch.randint(2**31, (1,))))
        cuts = [_cut(photo.reference, photo.distorted[version], rng) for _ in range(self.patches)]
        first, second = (torch.from_numpy(np.stack(side)) for side in zip(*cuts, strict=True))
        return first, second, torch.tensor(photo.scores[version], dtype=torch.float32)


def _cut(reference: Rgb8, distorted: Rgb8, rng: np.random.Generator) -> tuple[Rgb8, Rgb8]:
    row, column = (int(rng.integers(side - PATCH + 1)) for side in reference.shape[:2])
    step = -1 if rng.random() < 0.5 else 1
    area = (slice(row, row + PATCH), slice(column, column + PATCH))
    return reference[area][:, ::step].copy(), distorted[area][:, ::step].copy()


def quality_loss(network: nn.Module, batch: Any) -> Tensor:
    """Smooth L1 in steps of ten points, plus one minus the correlation over the batch; patches averaged first."""
    reference, distorted, scores = batch
    count = reference.shape[1]
    first, second = (side.flatten(0, 1).permute(0, 3, 1, 2).float() / 255 for side in (reference, distorted))
    predicted = network(first, second).view(-1, count).mean(1)
    centred = [values - values.mean() for values in (predicted, scores)]
    correlation = (centred[0] * centred[1]).sum() / (centred[0].norm() * centred[1].norm() + 1e-6)
    loss: Tensor = nn.functional.smooth_l1_loss(predicted / 10, scores / 10) + (1 - correlation)
    return loss


def prepare(config: ExperimentConfig) -> None:
    """Recreate TID2013's pairs, make the pairs of ``photos/train`` and ``val``, and fit the teacher mixture if
    missing.
    """
    tid2013.make_tid_pairs(config.data, config.work / "tid2013", processes=config.threads)
    for split, seed in (("val", 50000), ("train", 0)):
        folder = config.work / "quality-pairs" / split
        make_pairs(config.data, "val" if split == "val" else "train", folder, seed=seed, processes=config.threads)
    if not MIXTURE_FILE.is_file():
        fit_teacher_mixture(config)


def fit_teacher_mixture(config: ExperimentConfig) -> None:
    """Fit the mixture to TID2013 and write it beside the configurations; its labels then change for every
    experiment.
    """
    features, mos, photos = tid2013.tid_features(config.work / "tid2013")
    save_mixture(fit_mixture(features, mos, photos))


def tid_photos(config: ExperimentConfig) -> list[ScoredPhoto]:
    """TID2013's pairs with MOS on the scale of the network: ``BEST_MOS`` is 100."""
    photos = []
    for pairs in read_tid_pairs(config.data, config.work / "tid2013"):
        photos.append(
            ScoredPhoto(pairs.photo, pairs.reference, pairs.distorted, np.minimum(100, pairs.mos / BEST_MOS * 100))
        )
    return photos


def teacher_photos(config: ExperimentConfig, split: str) -> list[ScoredPhoto]:
    """The pairs of ``photos`` with the score of the teacher mixture, 0..100."""
    mixture = load_mixture()
    return [
        ScoredPhoto(-1, photo.reference, photo.distorted, 100 * mixture.quality(photo.features[None][:, 0, 0]))
        for photo in read_pairs(config.work / "quality-pairs" / split)
    ]


def fit(config: ExperimentConfig) -> None:
    """Fit the shipped weights on everything, then the folds that measure them."""
    tid, teacher = tid_photos(config), teacher_photos(config, "train")
    validation = PatchPairs(teacher_photos(config, "val"), patches=4, fixed=True)
    fit_network(_network(config), PatchPairs([*tid, *teacher]), validation, quality_loss, config)
    write_run_record(
        config.checkpoints / "run.json",
        config,
        {"train": checksum(photo_paths(config.data, "train")), "kodak": checksum(photo_paths(config.data, "kodak"))},
    )
    for fold in range(FOLDS):
        fit_fold(config, fold, tid, teacher, validation)


def fit_fold(
    config: ExperimentConfig,
    fold: int,
    tid: list[ScoredPhoto],
    teacher: list[ScoredPhoto],
    validation: Dataset[Any],
) -> None:
    """Fit without every third photo of TID2013 and keep the predictions for those photos."""
    shorter = config.fit.model_copy(update={"epochs": int(config.labels["fold_epochs"])})
    part = config.model_copy(update={"name": f"fold-{fold}", "work": config.folder, "fit": shorter})
    kept = [photo for index, photo in enumerate(tid) if index % FOLDS != fold]
    left_out = [photo for index, photo in enumerate(tid) if index % FOLDS == fold]
    network = fit_network(_network(config), PatchPairs([*kept, *teacher]), validation, quality_loss, part)
    score = partial(_score_torch, network)
    predicted = [score(photo.reference, version) for photo in left_out for version in photo.distorted]
    np.save(part.folder / "predicted.npy", np.array(predicted))


def _network(config: ExperimentConfig) -> nn.Module:
    torch.manual_seed(config.seed)
    return channels_last(MultiscaleFr(config.preset))


@torch.inference_mode()
def _score_torch(network: nn.Module, reference: Rgb8, distorted: Rgb8) -> float:
    """Mean over the 128x128 patches of a photo whose sides are multiples of 128."""
    first, second = (torch.from_numpy(to_nchw(_patches(image))) for image in (reference, distorted))
    return float(network(first, second).mean())


def _patches(pixels: Rgb8) -> Rgb8:
    rows, columns = pixels.shape[0] // PATCH, pixels.shape[1] // PATCH
    cut = pixels[: rows * PATCH, : columns * PATCH].reshape(rows, PATCH, columns, PATCH, 3)
    return np.ascontiguousarray(cut.swapaxes(1, 2).reshape(-1, PATCH, PATCH, 3))


def evaluate(config: ExperimentConfig) -> dict[str, Any]:
    """People: photos of TID2013 that a fold left out. Teacher and order: the shipped graph on ``photos/val``."""
    report: dict[str, Any] = {"tid2013_left_out_photos": _fold_figures(config)}
    report |= _validation_figures(config)
    (config.folder / "metrics.json").write_text(json.dumps(report, indent=2))
    return report


def _fold_figures(config: ExperimentConfig) -> dict[str, Any]:
    """Agreement with people on the photos of the folds that have been fitted, and of the classical metrics there."""
    tid = tid_photos(config)
    predicted, opinions, per_fold = [], [], []
    rows: dict[str, list[float]] = {"network": [], "psnr": [], "ssim": [], "ms_ssim": []}
    for fold in range(FOLDS):
        file = config.folder / f"fold-{fold}" / "predicted.npy"
        if not file.is_file():
            continue
        left_out = [photo for index, photo in enumerate(tid) if index % FOLDS == fold]
        found, mos = np.load(file), np.concatenate([photo.scores for photo in left_out])
        predicted.append(found)
        opinions.append(mos)
        per_fold.append(agreement(found, mos)["srocc"])
        rows["network"].extend(found[::COMPARED_EVERY])
        pairs = [(photo.reference, version) for photo in left_out for version in photo.distorted][::COMPARED_EVERY]
        for pair in track(pairs, description=f"classical metrics, fold {fold}"):
            rows["psnr"].append(psnr_db(*pair))
            rows["ssim"].append(ssim(*pair))
            rows["ms_ssim"].append(ms_ssim(*pair))
    some = np.concatenate([mos[::COMPARED_EVERY] for mos in opinions])
    return {
        "network": agreement(np.concatenate(predicted), np.concatenate(opinions)),
        "pairs": sum(map(len, opinions)),
        "folds_fitted": f"{len(per_fold)} of {FOLDS}",
        "srocc_per_fold": per_fold,
        "every_fourth_pair": {name: agreement(np.array(row), some) for name, row in rows.items()},
    }


def _validation_figures(config: ExperimentConfig) -> dict[str, Any]:
    """Agreement with the teacher; order over JPEG qualities; agreement with SSIMULACRA2 where it is above 50."""
    model = load_model("full_reference")
    photos = teacher_photos(config, "val")
    predicted = [
        predict_full_reference_score(photo.reference, version, model).score
        for photo in photos
        for version in photo.distorted
    ]
    truth = np.concatenate([photo.scores for photo in photos])
    ordered, steps = 0, 0
    scores: list[float] = []
    references: list[float] = []
    paths = photo_paths(config.data, "val")[::8]
    identical = []
    for path in track(paths, description="JPEG order"):
        pixels = as_rgb(load_photo(path))
        identical.append(predict_full_reference_score(pixels, pixels, model).score)
        versions = [jpeg_420(pixels, 101 - quality, np.random.default_rng(0)) for quality in JPEG_QUALITIES]
        found = [predict_full_reference_score(pixels, version, model).score for version in versions]
        ordered += int((np.diff(found) > 0).sum())
        steps += len(found) - 1
        scores.extend(found)
        references.extend(float(ssimulacra2_of_arrays(pixels, version)[0]) for version in versions)
    high = np.array(references) > 50
    return {
        "val_teacher": agreement(np.array(predicted), truth),
        "val_jpeg_steps_in_order": round(ordered / steps, 4),
        "val_ssimulacra2_above_50_srocc": round(
            float(stats.spearmanr(np.array(scores)[high], np.array(references)[high]).statistic), 4
        ),
        "identical_images": [min(identical), max(identical)],
    }


def export(config: ExperimentConfig) -> None:
    """Write ``full_reference.onnx``, compared with PyTorch on real patches."""
    network = load_best(MultiscaleFr(config.preset), config)
    photo = next(iter(teacher_photos(config, "val")))
    first = torch.from_numpy(to_nchw(_patches(photo.reference)))
    second = torch.from_numpy(to_nchw(_patches(photo.distorted[0])))
    error = export_graph(
        network, "full_reference", {"reference": first, "distorted": second}, ["score"], weights=config.weights
    )
    metrics_file = config.folder / "metrics.json"
    metrics = json.loads(metrics_file.read_text()) if metrics_file.is_file() else {}
    write_manifest_entry(
        "full_reference",
        version="1.0.0",
        preset=config.preset,
        weights=config.weights,
        contract={
            "colour": "sRGB",
            "range": [0, 1],
            "tile": PATCH,
            "padding": "reflection",
            "unit": "score 0..100, 100 only for identical patches; MOS of TID2013 = score * 0.072",
        },
        training_data="MOS of TID2013 on pairs recreated from 19 Kodak photos; teacher mixture on photos/train (462)",
        licence="weights as the project; photos: Unsplash, CC0, CC-BY-SA, Urban100, BSDS500 (research), Kodak",
        metrics=metrics | {"pytorch_onnx_relative_error": error},
    )
