"""Patchnet: no-reference quality of 64x64 patches, fitted to teacher labels on ``photos/train``.

Label of a patch = quality of what was done to it (teacher mixture, taken in its photo) times what there was to see: 0.3
for a patch of the reference without any detail, 1 for a sharp one, by the FISH sharpness of the *reference* patch. The
second factor stands for KonPatch's vote "looks like a part of a high-quality image" (Wiedemann 2018, formula 3), which
a defocused background fails although nothing was done to it.
"""

import json
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from scipy import stats
from torch import Tensor, nn
from torch.utils.data import Dataset

from models.artefacts import load_model
from models.fish import fish_map
from models.patch_quality import PATCH, TILE, predict_patch_quality_map
from models.preprocess import to_nchw
from models.types import Rgb8
from training.config import ExperimentConfig
from training.distortions import gaussian_blur, jpeg_420
from training.export import export_graph, write_manifest_entry
from training.fit import channels_last, fit_network, load_best
from training.networks.patchnet import Patchnet, PatchnetMap
from training.photos import Split, checksum, load_photo, photo_paths
from training.quality_labels import agreement, load_mixture
from training.quality_pairs import LabelledPhoto, make_pairs, read_pairs
from training.run_record import write_run_record

# FISH of reference patches in photos/train: quartiles 8.7, 13.3, 16.2; after a blur of sigma 3 the median is 1.5.
FOCUS_SCALE = 5.0
FEATURELESS = 0.3
COMPOSITE_BLUR_SIGMA = 3.0
COMPOSITE_JPEG_STRENGTH = 91.0  # quality 10


class Patches(Dataset[tuple[Tensor, Tensor]]):
    """Labelled patches (64, 64, 3) uint8 with quality in [0, 1]; ``drawn`` random, turned ones per epoch, or all as
    they are.
    """

    def __init__(self, patches: Rgb8, labels: NDArray[np.float64], *, drawn: int | None = None) -> None:
        self.patches = torch.from_numpy(patches)
        self.labels = torch.from_numpy(labels).float()
        self.drawn = drawn

    def __len__(self) -> int:
        return self.drawn or len(self.labels)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        if self.drawn is None:
            return self.patches[item], self.labels[item]
        chosen = int(torch.randint(len(self.labels), (1,)))
        patch = self.patches[chosen]
        if torch.rand(()) < 0.5:
            patch = patch.flip(1)
        if torch.rand(()) < 0.5:
            patch = patch.transpose(0, 1)
        return patch, self.labels[chosen]


def cells(pixels: Rgb8, side: int) -> Rgb8:
    """Whole squares of a photo, row by row: (rows * columns, side, side, 3)."""
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    cut = pixels[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
    return np.ascontiguousarray(cut.swapaxes(1, 2).reshape(-1, side, side, 3))


def patch_worth(reference: Rgb8) -> NDArray[np.float64]:
    """What there is to see in each cell of a reference, ``FEATURELESS``..1, from its FISH sharpness."""
    focus = 1 - np.exp(-fish_map(reference, window=PATCH, stride=PATCH).ravel() / FOCUS_SCALE)
    return np.asarray(FEATURELESS + (1 - FEATURELESS) * focus)


def patch_labels(photo: LabelledPhoto) -> NDArray[np.float64]:
    """Labels of the cells of the reference and of each distorted version: (1 + V, cells)."""
    mixture = load_mixture()
    quality = mixture.quality(photo.features[PATCH]).reshape(len(photo.distorted), -1)
    worth = patch_worth(photo.reference)
    return np.asarray(np.vstack([np.ones_like(worth), quality]) * worth)


def read_patches(config: ExperimentConfig, split: Split) -> tuple[Rgb8, NDArray[np.float64]]:
    """All labelled patches of a split."""
    patches, labels = [], []
    for photo in read_pairs(config.work / "quality-pairs" / split):
        patches += [cells(version, PATCH) for version in (photo.reference, *photo.distorted)]
        labels.append(patch_labels(photo).ravel())
    return np.concatenate(patches), np.concatenate(labels)


def prepare(config: ExperimentConfig) -> None:
    """Make the labelled pairs of ``photos/train`` and ``photos/val``."""
    make_pairs(config.data, "val", config.work / "quality-pairs" / "val", seed=50000, processes=config.threads)
    make_pairs(config.data, "train", config.work / "quality-pairs" / "train", seed=0, processes=config.threads)


def quality_loss(network: nn.Module, batch: Any) -> Tensor:
    """Squared error, as in section 5.1.1, plus a small share of one minus the correlation over the batch."""
    patches, labels = batch
    predicted = network(patches.permute(0, 3, 1, 2).float() / 255)
    centred = [values - values.mean() for values in (predicted, labels)]
    correlation = (centred[0] * centred[1]).sum() / (centred[0].norm() * centred[1].norm() + 1e-6)
    loss: Tensor = nn.functional.mse_loss(predicted, labels) * 20 + 0.2 * (1 - correlation)
    return loss


def fit(config: ExperimentConfig) -> None:
    """Fit Patchnet; the best weights are chosen on ``photos/val``."""
    drawn = int(config.labels["patches_per_epoch"])
    train = Patches(*read_patches(config, "train"), drawn=drawn)
    patches, labels = read_patches(config, "val")
    validate = Patches(patches[::2], labels[::2])
    fit_network(_network(config), train, validate, quality_loss, config)
    write_run_record(config.checkpoints / "run.json", config, {"train": checksum(photo_paths(config.data, "train"))})


def _network(config: ExperimentConfig) -> nn.Module:
    torch.manual_seed(config.seed)
    return channels_last(Patchnet(config.preset))


def evaluate(config: ExperimentConfig) -> dict[str, Any]:
    """The shipped graph on ``photos/val``: agreement with the labels, and local distortions found in composites."""
    patches, labels = read_patches(config, "val")
    model = load_model("patchnet")
    predicted = np.concatenate(
        [model.run({"patch": to_nchw(patches[i : i + 256])})["quality"] for i in range(0, len(patches), 256)]
    )
    sharpness = np.array([float(fish_map(patch, window=PATCH)[0, 0]) for patch in patches])
    report: dict[str, Any] = {
        "val_patches": len(labels),
        "val_teacher": agreement(predicted, labels),
        "val_teacher_fish": agreement(sharpness, labels),
        "val_percentiles_1_50_99": [round(float(value), 3) for value in np.percentile(predicted, [1, 50, 99])],
    }
    report |= _composite_figures(config)
    (config.folder / "metrics.json").write_text(json.dumps(report, indent=2))
    return report


def _composite_figures(config: ExperimentConfig) -> dict[str, Any]:
    """AUC of telling untouched patches from those of a blurred or compressed half, averaged over photos, and mean
    values.
    """
    kinds = {"blurred": (gaussian_blur, COMPOSITE_BLUR_SIGMA), "compressed": (jpeg_420, COMPOSITE_JPEG_STRENGTH)}
    figures: dict[str, Any] = {}
    paths = photo_paths(config.data, "val")
    for name, (apply, strength) in kinds.items():
        areas, fish_areas, good, bad = [], [], [], []
        for path in track(paths, description=f"half {name}"):
            pixels = load_photo(path)
            distorted = apply(pixels, strength, np.random.default_rng(0))
            half = pixels.shape[1] // 2 // 8 * 8
            mixed = np.concatenate([pixels[:, :half], distorted[:, half:]], axis=1)
            left, right = _halves(predict_patch_quality_map(mixed).values, half)
            areas.append(_auc(left, right))
            fish_areas.append(_auc(*_halves(fish_map(mixed, window=PATCH, stride=16), half)))
            good.append(float(left.mean()))
            bad.append(float(right.mean()))
        figures[f"half_{name}"] = {
            "auc": round(float(np.mean(areas)), 4),
            "auc_fish": round(float(np.mean(fish_areas)), 4),
            "mean_untouched": round(float(np.mean(good)), 3),
            "mean_distorted": round(float(np.mean(bad)), 3),
            "photos_untouched_higher": f"{int(np.sum(np.array(good) > np.array(bad)))}/{len(paths)}",
        }
    return figures


def _halves(values: NDArray[np.float32], half: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Values of the windows that lie wholly left and wholly right of ``half``, stride 16."""
    return values[:, : (half - PATCH) // 16 + 1], values[:, -(-half // 16) :]


def _auc(good: NDArray[np.float32], bad: NDArray[np.float32]) -> float:
    """Probability that a good value exceeds a bad one."""
    return float(stats.mannwhitneyu(good.ravel(), bad.ravel()).statistic / (good.size * bad.size))


def export(config: ExperimentConfig) -> None:
    """Write ``patchnet.onnx`` and its tiled form ``patchnet_map.onnx``, compared with PyTorch on real patches."""
    network = Patchnet(config.preset)
    load_best(network, config)
    paths = photo_paths(config.data, "val")
    patches, _ = read_patches(config, "val")
    tiles = np.stack([load_photo(path)[:TILE, :TILE] for path in paths[:3]])
    errors = {
        "patchnet": export_graph(
            network,
            "patchnet",
            {"patch": torch.from_numpy(to_nchw(patches[:: len(patches) // 16]))},
            ["quality"],
            weights=config.weights,
        ),
        "patchnet_map": export_graph(
            PatchnetMap(network).eval(),
            "patchnet_map",
            {"tile": torch.from_numpy(to_nchw(tiles))},
            ["quality"],
            weights=config.weights,
        ),
    }
    metrics_file = config.folder / "metrics.json"
    metrics = json.loads(metrics_file.read_text()) if metrics_file.is_file() else {}
    for name, tile in (("patchnet", PATCH), ("patchnet_map", TILE)):
        write_manifest_entry(
            name,
            version="1.0.0",
            preset=config.preset,
            weights=config.weights,
            contract={
                "colour": "sRGB",
                "range": [0, 1],
                "tile": tile,
                "padding": "reflection",
                "unit": "quality 0..1, higher is better",
            },
            training_data="teacher labels on photos/train (462 photos)",
            licence="weights as the project; training photos: Unsplash, CC0, CC-BY-SA, Urban100, BSDS500 (research)",
            metrics=metrics | {"pytorch_onnx_relative_error": errors[name]},
        )
