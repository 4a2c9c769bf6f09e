"""DIPQA: full-reference DMOS of patches of 64 and 128 pixels, fitted to the teacher mixture on ``photos/train``.

The thesis's HMII opinions are not here: the label of a patch is ``1 + 4 * quality``, the mixture's quality of that
patch in its photo. So the figures say how well the network stands for the mixture, which itself was fitted to TID2013's
MOS.
"""

import json
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from models.graphs.onnx_model import OnnxModel
from models.patch_quality import DMOS_PATCHES, predict_patch_dmos_map
from models.preprocess import to_nchw
from models.types import Float32Array, Rgb8
from training.data.photos import ANY_USE, Split, learning_paths
from training.experiments.on_photos import compare_on_photos
from training.experiments.quality.config import DipqaConfig
from training.experiments.quality.dipqa_tables import dipqa_table as table
from training.experiments.quality.dipqa_tables import starting_network
from training.experiments.quality.patch_quality import cells
from training.experiments.quality.patch_quality import prepare_pairs as prepare
from training.figures.paired import beside_baselines
from training.figures.report import Report, Scatter, write_report
from training.labels.mixture import load_mixture
from training.labels.pairs import read_pairs
from training.maths.agreement import agreement, batch_correlation
from training.metrics.classical import CLASSICAL_OF_PATCHES
from training.networks.dipqa import Dipqa
from training.run.export import (
    TorchModel,
    export_graph,
    exported_model,
    just_exported,
    write_manifest_entry,
)
from training.run.fit import channels_last, fit_network, load_best, load_history
from training.run.progress import track
from training.run.record import kept_metrics

__all__ = ["evaluate", "export", "fit", "prepare", "table"]

# Patches of which the classical metrics are computed for comparison, of those that the network is measured on.
COMPARED = 700


class PatchPairs(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Pairs (S, S, 3) uint8 with DMOS 1..5; ``drawn`` random, flipped ones per epoch, or all as they are."""

    def __init__(self, first: Rgb8, second: Rgb8, dmos: NDArray[np.float64], *, drawn: int | None = None) -> None:
        self.first = torch.from_numpy(first)
        self.second = torch.from_numpy(second)
        self.dmos = torch.from_numpy(dmos).float()
        self.drawn = drawn

    def __len__(self) -> int:
        return self.drawn or len(self.dmos)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor, Tensor]:
        if self.drawn is None:
            return self.first[item], self.second[item], self.dmos[item]
        chosen = int(torch.randint(len(self.dmos), (1,)))
        pair = self.first[chosen], self.second[chosen]
        if torch.rand(()) < 0.5:
            pair = pair[0].flip(1), pair[1].flip(1)
        if torch.rand(()) < 0.5:
            pair = pair[0].transpose(0, 1), pair[1].transpose(0, 1)
        return *pair, self.dmos[chosen]


def read_patch_pairs(config: DipqaConfig, split: Split, side: int) -> tuple[Rgb8, Rgb8, NDArray[np.float64]]:
    """All labelled pairs of a split: reference and distorted patches, and DMOS."""
    mixture = load_mixture()
    first, second, dmos = [], [], []
    for photo in read_pairs(config.work / "quality-pairs" / split):
        for version, features in zip(photo.distorted, photo.features[side], strict=True):
            first.append(cells(photo.reference, side))
            second.append(cells(version, side))
            dmos.append(1 + 4 * mixture.quality(features).ravel())
    return np.concatenate(first), np.concatenate(second), np.concatenate(dmos)


def photos_of_pairs(config: DipqaConfig, split: Split, side: int) -> NDArray[np.str_]:
    """Name of the photo of each pair of ``read_patch_pairs``."""
    names = [
        np.repeat(photo.name, features.shape[0] * features.shape[1])
        for photo in read_pairs(config.work / "quality-pairs" / split)
        for features in photo.features[side]
    ]
    return np.concatenate(names)


def dmos_loss(network: nn.Module, batch: Any) -> Tensor:
    """Absolute error in grades, plus half of one minus the correlation over the batch."""
    first, second, dmos = batch
    predicted = network(*(side.permute(0, 3, 1, 2).float() / 255 for side in (first, second)))
    correlation = batch_correlation(predicted, dmos)
    loss: Tensor = nn.functional.l1_loss(predicted, dmos) + 0.5 * (1 - correlation)
    return loss


def fit(config: DipqaConfig) -> None:
    """Fit one network per patch size; the best weights are chosen on ``photos/val``."""
    for side in DMOS_PATCHES:
        train = PatchPairs(*read_patch_pairs(config, "train", side), drawn=config.of_patch(side).pairs_per_epoch)
        first, second, dmos = read_patch_pairs(config, "val", side)
        validate = PatchPairs(first[::2], second[::2], dmos[::2])
        fit_network(_network(config, side), train, validate, dmos_loss, _part(config, side))


def _part(config: DipqaConfig, side: int) -> DipqaConfig:
    epochs = min(config.of_patch(side).epochs, config.fit.epochs)
    fit = config.fit.model_copy(update={"epochs": epochs})
    return config.model_copy(update={"name": f"patch-{side}", "work": config.folder, "fit": fit})


def _network(config: DipqaConfig, side: int) -> nn.Module:
    return channels_last(starting_network(config, config.data, side))


def evaluate(config: DipqaConfig) -> dict[str, Any]:
    """The exported graphs on patches of ``photos/val``, beside classical metrics of the same patches."""
    compared = {f"dipqa_{side}": _compare(config, side) for side in DMOS_PATCHES}
    figures = {name: found for name, (found, _) in compared.items()}
    (config.checkpoints / "metrics.json").write_text(json.dumps(figures, indent=2))
    history = load_history(_part(config, DMOS_PATCHES[0]))
    scatters = [scatter for _, scatter in compared.values()]
    write_report(config.checkpoints / "report.html", Report("dipqa", figures, history=history, scatters=scatters))
    return figures


def _compare(config: DipqaConfig, side: int) -> tuple[dict[str, Any], Scatter]:
    """Figures of the graph for one patch size, and its predictions against the labels."""
    model = exported_model(f"dipqa_{side}", config)
    first, second, dmos = read_patch_pairs(config, "val", side)
    found = [
        model.run({"reference": to_nchw(first[i : i + 128]), "distorted": to_nchw(second[i : i + 128])})["dmos"]
        for i in range(0, len(dmos), 128)
    ]
    predicted = np.concatenate(found).astype(np.float64)
    chosen = np.linspace(0, len(dmos) - 1, min(COMPARED, len(dmos))).astype(int)
    baselines = {
        name: np.array([metric(first[i], second[i]) for i in track(chosen, description=f"{name} {side}")])
        for name, metric in CLASSICAL_OF_PATCHES.items()
    }
    photos = photos_of_pairs(config, "val", side)
    figures = {
        "pairs": len(dmos),
        "all_pairs": agreement(predicted, dmos),
        "compared": len(chosen),
        **beside_baselines(predicted[chosen], baselines, dmos[chosen], photos[chosen]),
        "identical": float(model.run({"reference": to_nchw(first[:1]), "distorted": to_nchw(first[:1])})["dmos"][0]),
    }
    return figures, Scatter(f"dipqa_{side} on photos/val", predicted, dmos, "DMOS")


def export(config: DipqaConfig) -> None:
    """Write ``dipqa_64.onnx`` and ``dipqa_128.onnx``, compared with PyTorch on real patches."""
    metrics = kept_metrics(config)
    for side in DMOS_PATCHES:
        name = f"dipqa_{side}"
        network = load_best(Dipqa(side, config.preset), _part(config, side))
        first, second, _ = read_patch_pairs(config, "val", side)
        every = len(first) // 12
        inputs = {"reference": first[::every], "distorted": second[::every]}
        error = export_graph(
            network,
            name,
            {key: torch.from_numpy(to_nchw(value)) for key, value in inputs.items()},
            ["dmos"],
            weights=config.weights,
        )
        on_photos = compare_on_photos(
            name,
            config.data,
            (TorchModel(network, name, list(inputs), ["dmos"]), just_exported(name, config)),
            partial(_dmos_map, side),
        )
        write_manifest_entry(
            name,
            version="2.0.0",
            preset=config.preset,
            weights=config.weights,
            contract={
                "colour": "sRGB",
                "range": [0, 1],
                "tile": side,
                "padding": "reflection",
                "unit": "DMOS 1 (bad) .. 5 (excellent), 5 only for identical patches",
            },
            training_data=f"teacher mixture on photos/train ({len(learning_paths(config.data, 'train'))} photos)",
            licence=ANY_USE,
            metrics=metrics.get(name, {}) | {"pytorch_onnx_relative_error": max(error, on_photos)},
        )


def _dmos_map(side: int, photo: Rgb8, distorted: Rgb8, model: OnnxModel) -> Float32Array:
    return predict_patch_dmos_map(photo, distorted, model, patch_size=side).values
