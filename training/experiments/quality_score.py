"""Meta-aggregation: the global score of a photo from its Patchnet, FISH and grey maps, fitted to teacher labels.

Label of a photo = 100 times the teacher mixture's quality of what was done to it, times what there was to see: the mean
worth of the better half of its reference's patches, as Patchnet's labels have it. The maps are made with the shipped
``patchnet_map`` graph and cached under its checksum, so that a new Patchnet calls for new maps.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor, nn
from torch.utils.data import Dataset

from models.artefacts import load_manifest, load_model
from models.fish import fish_sharpness
from models.quality_score import MAP_SIDE, area_resize, quality_maps
from models.types import Rgb8
from training.config import ExperimentConfig
from training.experiments import patch_quality
from training.export import export_graph, write_manifest_entry
from training.fit import channels_last, fit_network, load_best
from training.networks.meta_aggregation import MetaAggregation
from training.photos import Split, checksum, photo_paths
from training.quality_labels import agreement, load_mixture
from training.quality_pairs import read_pairs
from training.run_record import write_run_record


class Maps(Dataset[tuple[Tensor, Tensor]]):
    """Maps (3, 64, 64) with scores 0..100; ``turned`` flips them at random, as section 5.4 does."""

    def __init__(self, maps: NDArray[np.float32], scores: NDArray[np.float64], *, turned: bool) -> None:
        self.maps = torch.from_numpy(maps)
        self.scores = torch.from_numpy(scores).float()
        self.turned = turned

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        maps = self.maps[item]
        if self.turned:
            for axis in (1, 2):
                if torch.rand(()) < 0.5:
                    maps = maps.flip(axis)
        return maps, self.scores[item]


def prepare(config: ExperimentConfig) -> None:
    """Make the labelled pairs, then the maps of every version."""
    patch_quality.prepare(config)
    for split in ("train", "val"):
        read_maps(config, "train" if split == "train" else "val")


def read_maps(config: ExperimentConfig, split: Split) -> dict[str, NDArray[Any]]:
    """``maps`` (N, 3, 64, 64) float32, ``scores`` (N,), ``patchnet``, ``fish`` (N,): plain means; made if not
    cached.
    """
    file = config.folder / f"maps-{split}-{load_manifest()['patchnet_map'].sha256[:12]}.npz"
    if not file.is_file():
        _make_maps(config, split, file)
    with np.load(file) as arrays:
        return dict(arrays) | {"quality": arrays["scores"], "scores": arrays["scores"] * arrays["worth"]}


def photo_worth(reference: Rgb8) -> float:
    """What a photo has to show, 0.3..1: the mean over the sharper half of its patches, so that a soft background is
    free.
    """
    worth = np.sort(patch_quality.patch_worth(reference))
    return float(worth[len(worth) // 2 :].mean())


def _make_maps(config: ExperimentConfig, split: Split, file: Path) -> None:
    model, mixture = load_model("patchnet_map"), load_mixture()
    maps, scores, patchnet_means, fish, worth = [], [], [], [], []
    for photo in track(list(read_pairs(config.work / "quality-pairs" / split)), description=f"maps of {split}"):
        qualities = mixture.quality(photo.features[None][:, 0, 0])
        for version, quality in zip((photo.reference, *photo.distorted), (1.0, *qualities), strict=True):
            planes = quality_maps(version, model)
            maps.append(np.stack([area_resize(plane, MAP_SIDE, MAP_SIDE) for plane in planes]))
            scores.append(100 * quality)
            patchnet_means.append(float(planes[0].mean()))
            fish.append(fish_sharpness(version))
            worth.append(photo_worth(photo.reference))
    np.savez(
        file,
        maps=np.stack(maps),
        scores=np.array(scores),
        worth=np.array(worth),
        patchnet=np.array(patchnet_means),
        fish=np.array(fish),
    )


def score_loss(network: nn.Module, batch: Any) -> Tensor:
    """Smooth L1 in steps of ten points, plus one minus the correlation over the batch."""
    maps, scores = batch
    predicted = network(maps)
    centred = [values - values.mean() for values in (predicted, scores)]
    correlation = (centred[0] * centred[1]).sum() / (centred[0].norm() * centred[1].norm() + 1e-6)
    loss: Tensor = nn.functional.smooth_l1_loss(predicted / 10, scores / 10) + (1 - correlation)
    return loss


def fit(config: ExperimentConfig) -> None:
    """Fit the aggregation; the best weights are chosen on ``photos/val``."""
    train, validate = read_maps(config, "train"), read_maps(config, "val")
    fit_network(
        _network(config),
        Maps(train["maps"], train["scores"], turned=True),
        Maps(validate["maps"], validate["scores"], turned=False),
        score_loss,
        config,
    )
    write_run_record(config.checkpoints / "run.json", config, {"train": checksum(photo_paths(config.data, "train"))})


def _network(config: ExperimentConfig) -> nn.Module:
    torch.manual_seed(config.seed)
    return channels_last(MetaAggregation(config.preset))


def evaluate(config: ExperimentConfig) -> dict[str, Any]:
    """The shipped graph on photos of ``photos/val`` under mixed distortions, beside the plain means."""
    data, model = read_maps(config, "val"), load_model("quality_score")
    predicted = np.concatenate([model.run({"maps": data["maps"][i : i + 1]})["mos"] for i in range(len(data["maps"]))])
    changed = data["quality"] < 100
    report = {
        "photos": len(predicted),
        "network": agreement(predicted, data["scores"]),
        "network_without_references": agreement(predicted[changed], data["scores"][changed]),
        "patchnet_mean": agreement(data["patchnet"], data["scores"]),
        "fish": agreement(data["fish"], data["scores"]),
        "network_on_plain_quality": agreement(predicted, data["quality"]),
        "patchnet_mean_on_plain_quality": agreement(data["patchnet"], data["quality"]),
    }
    (config.folder / "metrics.json").write_text(json.dumps(report, indent=2))
    return report


def export(config: ExperimentConfig) -> None:
    """Write ``quality_score.onnx``, compared with PyTorch on real maps."""
    network = load_best(MetaAggregation(config.preset), config)
    maps = torch.from_numpy(read_maps(config, "val")["maps"][:8])
    error = export_graph(network, "quality_score", {"maps": maps}, ["mos"], weights=config.weights)
    metrics_file = config.folder / "metrics.json"
    metrics = json.loads(metrics_file.read_text()) if metrics_file.is_file() else {}
    write_manifest_entry(
        "quality_score",
        version="1.0.0",
        preset=config.preset,
        weights=config.weights,
        contract={
            "maps": ["patchnet 0..1", "fish >= 0", "grey 0..1"],
            "tile": MAP_SIDE,
            "made_by": "models.quality_score.quality_maps, then area means",
            "unit": "MOS 0..100, higher is better",
        },
        training_data="teacher mixture on photos/train (462 photos)",
        licence="weights as the project; training photos: Unsplash, CC0, CC-BY-SA, Urban100, BSDS500 (research)",
        metrics=metrics | {"pytorch_onnx_relative_error": error},
    )
