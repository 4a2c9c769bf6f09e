"""Patchnet: no-reference quality of 64x64 patches, fitted to teacher labels on ``photos/train``.

Label of a patch = quality of what was done to it, by the teacher mixture, taken in its photo; 1 for every patch of an
untouched photo. It is fitted to and measured on distortions that leave artefacts
(``training/labels/artefact_pairs.py``).
"""

import json
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from models.graphs.onnx_model import OnnxModel
from models.metrics.fish import fish_map
from models.patch_quality import PATCH, TILE, predict_patch_quality_map, tiled_patch_features, tiled_patch_quality
from models.preprocess import pad_to_at_least, to_nchw
from models.types import Float32Array, Rgb8
from training.data.photos import ANY_USE, Split, learning_paths, load_photo, photo_paths
from training.distort.codecs import jpeg_420
from training.distort.detail import gaussian_blur
from training.experiments.on_photos import compare_on_photos
from training.experiments.quality.config import PatchQualityConfig
from training.experiments.quality.tables import patchnet_table as table
from training.figures.paired import beside_baselines
from training.figures.report import Report, Scatter, write_report
from training.labels.artefact_pairs import VAL_ROUNDS, prepare_artefacts, read_artefacts
from training.labels.mixture import load_mixture
from training.labels.pairs import make_pairs
from training.maths.agreement import batch_correlation, roc_auc
from training.networks.patchnet import Patchnet, PatchnetMap
from training.run.config import ExperimentConfig
from training.run.export import (
    TorchModel,
    export_graph,
    exported_model,
    just_exported,
    write_manifest_entry,
)
from training.run.fit import channels_last, fit_network, load_best, load_history
from training.run.processes import processors
from training.run.progress import track
from training.run.record import kept_metrics

__all__ = ["evaluate", "export", "fit", "prepare", "table"]

COMPOSITE_BLUR_SIGMA = 3.0
COMPOSITE_JPEG_STRENGTH = 91.0  # quality 10
COMPOSITE_STRIDE = 16


@dataclass(frozen=True, slots=True)
class LabelledVersions:
    """Untouched and distorted photos (H, W, 3) uint8 with the quality of each 64x64 cell (H // 64, W // 64); photo of
    each.
    """

    pixels: list[Rgb8]
    quality: list[NDArray[np.float64]]
    photos: list[str]


class DrawnPatches(Dataset[tuple[Tensor, Tensor]]):
    """``drawn`` random, turned patches per epoch: half on the grid of cells, half anywhere, labels interpolated."""

    def __init__(self, versions: LabelledVersions, *, drawn: int) -> None:
        self.versions = versions
        self.drawn = drawn

    def __len__(self) -> int:
        return self.drawn

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng(int(torch.randint(2**62, (1,))))
        version = int(rng.integers(len(self.versions.pixels)))
        quality = self.versions.quality[version]
        step = PATCH if rng.random() < 0.5 else 1
        row, column = (int(rng.integers((side - 1) * PATCH // step + 1)) * step for side in quality.shape)
        patch = self.versions.pixels[version][row : row + PATCH, column : column + PATCH]
        if rng.random() < 0.5:
            patch = patch[:, ::-1]
        if rng.random() < 0.5:
            patch = patch.swapaxes(0, 1)
        label = quality_at(quality, row / PATCH, column / PATCH)
        return torch.from_numpy(patch.copy()), torch.tensor(label, dtype=torch.float32)


class GridPatches(Dataset[tuple[Tensor, Tensor]]):
    """Labelled patches (N, 64, 64, 3) uint8 with quality (N,), as they are."""

    def __init__(self, patches: Rgb8, labels: NDArray[np.float64]) -> None:
        self.patches = torch.from_numpy(patches)
        self.labels = torch.from_numpy(labels).float()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        return self.patches[item], self.labels[item]


def quality_at(quality: NDArray[np.float64], row: float, column: float) -> float:
    """Bilinear value between the cells of a photo, ``row`` and ``column`` in cells."""
    top, left = int(row), int(column)
    bottom, right = min(top + 1, quality.shape[0] - 1), min(left + 1, quality.shape[1] - 1)
    below, beyond = row - top, column - left
    upper = quality[top, left] * (1 - beyond) + quality[top, right] * beyond
    lower = quality[bottom, left] * (1 - beyond) + quality[bottom, right] * beyond
    return float(upper * (1 - below) + lower * below)


def cells(pixels: Rgb8, side: int) -> Rgb8:
    """Whole squares of a photo, row by row: (rows * columns, side, side, 3)."""
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    cut = pixels[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
    return np.ascontiguousarray(cut.swapaxes(1, 2).reshape(-1, side, side, 3))


def read_versions(config: ExperimentConfig, split: Split, rounds: range | None = None) -> LabelledVersions:
    """Every version of a split, untouched photos among them; ``rounds`` as in ``read_artefacts``."""
    mixture, versions = load_mixture(), LabelledVersions([], [], [])
    for photo in read_artefacts(config, split, rounds):
        quality = mixture.quality(photo.features[PATCH])
        versions.pixels.extend((photo.reference, *photo.distorted))
        versions.quality.extend((np.ones_like(quality[0]), *quality))
        versions.photos.extend([photo.name] * (1 + len(quality)))
    return versions


def grid_patches(versions: LabelledVersions) -> tuple[Rgb8, NDArray[np.float64], NDArray[np.str_]]:
    """Every cell: patches (N, 64, 64, 3), quality (N,) and photo (N,)."""
    counts = [quality.size for quality in versions.quality]
    return (
        np.concatenate([cells(pixels, PATCH) for pixels in versions.pixels]),
        np.concatenate([quality.ravel() for quality in versions.quality]),
        np.repeat(versions.photos, counts),
    )


def prepare(config: ExperimentConfig) -> None:
    """Make the rounds of artefacts of ``photos/train`` and ``photos/val``."""
    prepare_artefacts(config)


def prepare_pairs(config: ExperimentConfig) -> None:
    """Make the pairs of every kind of ``photos/train`` and ``photos/val``, which DIPQA is fitted to."""
    make_pairs(config.data, "val", config.work / "quality-pairs" / "val", seed=50000, processes=processors())
    make_pairs(config.data, "train", config.work / "quality-pairs" / "train", seed=0, processes=processors())


def quality_loss(network: nn.Module, batch: Any) -> Tensor:
    """Squared error, as in section 5.1.1, plus a small share of one minus the correlation over the batch."""
    patches, labels = batch
    pays = patches.is_cuda or torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    with torch.autocast(patches.device.type, torch.bfloat16, enabled=pays):
        logits = cast(Patchnet, network).logit(patches.permute(0, 3, 1, 2).float() / 255)
    predicted = torch.sigmoid(logits.float())
    correlation = batch_correlation(predicted, labels)
    loss: Tensor = nn.functional.mse_loss(predicted, labels) * 20 + 0.3 * (1 - correlation)
    return loss


def fit(config: PatchQualityConfig) -> None:
    """Fit Patchnet; the best weights are chosen on ``photos/val``."""
    train = DrawnPatches(read_versions(config, "train"), drawn=config.patches_per_epoch)
    patches, labels, _ = grid_patches(read_versions(config, "val", range(1)))
    fit_network(_network(config), train, GridPatches(patches, labels), quality_loss, config)


def _network(config: ExperimentConfig) -> nn.Module:
    torch.manual_seed(config.seed)
    return channels_last(Patchnet(config.preset))


def evaluate(config: ExperimentConfig) -> dict[str, Any]:
    """The exported graph on ``photos/val`` in the rounds that chose no weights, and local distortions in composites."""
    patches, labels, photos = grid_patches(read_versions(config, "val", range(1, VAL_ROUNDS)))
    model = exported_model("patchnet", config)
    batches = (to_nchw(patches[start : start + 256]) for start in range(0, len(patches), 256))
    predicted = np.concatenate([model.run({"patch": batch})["quality"] for batch in batches]).astype(np.float64)
    sharpness = np.array([float(fish_map(patch, window=PATCH)[0, 0]) for patch in patches])
    figures: dict[str, Any] = {
        "patches": len(labels),
        **beside_baselines(predicted, {"fish": sharpness}, labels, photos),
        "percentiles_1_50_99": [round(float(value), 3) for value in np.percentile(predicted, [1, 50, 99])],
    }
    figures |= _composite_figures(config, exported_model("patchnet_map", config))
    (config.checkpoints / "metrics.json").write_text(json.dumps(figures, indent=2))
    scatter = Scatter("patches of photos/val", predicted, labels, "quality 0..1")
    report = Report("patch_quality", figures, history=load_history(config), scatters=[scatter])
    write_report(config.checkpoints / "report.html", report)
    return figures


def _composite_figures(config: ExperimentConfig, model: OnnxModel) -> dict[str, Any]:
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
            left, right = _halves(tiled_patch_quality(mixed, model, stride=COMPOSITE_STRIDE), half)
            areas.append(roc_auc(left, right))
            fish_areas.append(roc_auc(*_halves(fish_map(mixed, window=PATCH, stride=COMPOSITE_STRIDE), half)))
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
    """Values of the windows that lie wholly left and wholly right of ``half``."""
    return values[:, : (half - PATCH) // COMPOSITE_STRIDE + 1], values[:, -(-half // COMPOSITE_STRIDE) :]


def export(config: ExperimentConfig) -> None:
    """Write ``patchnet.onnx`` and its tiled form ``patchnet_map.onnx``, compared with PyTorch on real patches."""
    network = Patchnet(config.preset)
    load_best(network, config)
    paths = photo_paths(config.data, "val")
    patches, _, _ = grid_patches(read_versions(config, "val", range(1)))
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
            ["quality", "features"],
            weights=config.weights,
        ),
    }
    errors["patchnet"] = max(errors["patchnet"], _error_on_photos(config, network))
    errors["patchnet_map"] = max(errors["patchnet_map"], _error_of_map_on_photos(config, network))
    metrics = kept_metrics(config)
    for name, tile in (("patchnet", PATCH), ("patchnet_map", TILE)):
        write_manifest_entry(
            name,
            version="3.0.0",
            preset=config.preset,
            weights=config.weights,
            contract={
                "colour": "sRGB",
                "range": [0, 1],
                "tile": tile,
                "padding": "reflection",
                "unit": "quality 0..1, higher is better",
            },
            training_data=f"teacher labels on photos/train ({len(learning_paths(config.data, 'train'))} photos)",
            licence=ANY_USE,
            metrics=metrics | {"pytorch_onnx_relative_error": errors[name]},
        )


def _error_on_photos(config: ExperimentConfig, network: Patchnet) -> float:
    """Of ``patchnet`` as a window that slides, patch by patch."""

    def slid(photo: Rgb8, _: Rgb8, model: OnnxModel) -> Float32Array:
        return predict_patch_quality_map(photo, model, stride=PATCH // 2).values

    whole: OnnxModel = TorchModel(network, "patchnet", ["patch"], ["quality"])
    models = whole, just_exported("patchnet", config)
    return compare_on_photos("patchnet", config.data, models, slid)


def _error_of_map_on_photos(config: ExperimentConfig, network: Patchnet) -> float:
    """Of ``patchnet_map``: quality and features of every eighth pixel, by tiles."""

    def tiled(photo: Rgb8, _: Rgb8, model: OnnxModel) -> Float32Array:
        quality, features = tiled_patch_features(pad_to_at_least(photo, PATCH, PATCH), model)
        return np.concatenate([quality[None], features])

    tile_wise: OnnxModel = TorchModel(PatchnetMap(network), "patchnet_map", ["tile"], ["quality", "features"])
    models = tile_wise, just_exported("patchnet_map", config)
    return compare_on_photos("patchnet_map", config.data, models, tiled)
