"""Meta-aggregation: the global score of a photo from its Patchnet, FISH and grey maps, fitted to teacher labels.

Label of a photo = 100 times the teacher mixture's quality of what was done to it, nothing else. It is fitted to and
measured on distortions that leave artefacts (``training/labels/artefact_pairs.py``): codecs, noise, lost detail,
banding, local mixtures. A shift of mean, contrast or saturation of an unknown original is not in it. The maps are made
with the shipped ``patchnet_map`` graph and cached under its checksum and the number of rounds, so that a new Patchnet
calls for new maps.
"""

import json
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from models.graphs.artefacts import load_manifest, load_model
from models.graphs.onnx_model import OnnxModel
from models.metrics.fish import fish_sharpness
from models.quality_score import MAP_SIDE, area_resize, quality_maps
from models.types import Float32Array, Rgb8
from training.data.photos import ANY_USE, Split, learning_paths
from training.experiments.on_photos import compare_on_photos
from training.experiments.quality.config import QualityScoreConfig
from training.experiments.quality.koniq_tables import quality_score_table as table
from training.figures.paired import beside_baselines
from training.figures.report import Report, Scatter, write_report
from training.labels.artefact_pairs import FAMILIES, FAMILY_OF, VAL_ROUNDS, prepare_artefacts, read_artefacts
from training.labels.mixture import load_mixture
from training.maths.agreement import agreement, batch_correlation
from training.networks.meta_aggregation import OWN_MAPS, PRESETS, MetaAggregation
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


UNTOUCHED = "untouched"


class Maps(Dataset[tuple[Tensor, Tensor]]):
    """Maps (M, S, S) with scores 0..100; ``turned`` flips them at random, as section 5.4 does."""

    def __init__(self, maps: NDArray[np.float16], scores: NDArray[np.float64], *, turned: bool) -> None:
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
        return maps.float(), self.scores[item]


def prepare(config: QualityScoreConfig) -> None:
    """Make the labelled pairs, then the maps of every version."""
    prepare_artefacts(config)
    for split in ("train", "val"):
        read_maps(config, "train" if split == "train" else "val")


@dataclass(frozen=True, slots=True)
class MappedVersions:
    """Versions of photos in order: maps (N, M, S, S) float16; scores (N,) 0..100; plain means (N,); photo and kind."""

    maps: NDArray[np.float16]
    scores: NDArray[np.float64]
    patchnet: NDArray[np.float64]
    fish: NDArray[np.float64]
    photos: NDArray[np.str_]
    kinds: NDArray[np.str_]
    rounds: NDArray[np.int64]

    def where(self, chosen: NDArray[np.bool_]) -> "MappedVersions":
        """Those that are chosen."""
        return MappedVersions(*(getattr(self, field.name)[chosen] for field in fields(self)))


def read_maps(config: QualityScoreConfig, split: Split) -> MappedVersions:
    """Every version of a split and the untouched photos with the maps that the preset sees; made if not cached."""
    rounds = config.train_rounds if split == "train" else VAL_ROUNDS
    file = config.folder / f"maps-{split}-{load_manifest()['patchnet_map'].sha256[:12]}-{rounds}.npz"
    if not file.is_file():
        _make_maps(config, split, rounds, file)
    with np.load(file) as arrays:
        planes = OWN_MAPS + PRESETS[config.preset].features
        return MappedVersions(**dict(arrays) | {"maps": arrays["maps"][:, :planes]})


def _make_maps(config: QualityScoreConfig, split: Split, rounds: int, file: Path) -> None:
    model, mixture = load_model("patchnet_map"), load_mixture()
    rows: list[tuple[Any, ...]] = []
    for number in range(rounds):
        for photo in track(list(read_artefacts(config, split, range(number, number + 1))), description=f"maps {split}"):
            qualities = mixture.quality(photo.features[None][:, 0, 0])
            versions = zip(
                (photo.reference, *photo.distorted), (1.0, *qualities), (UNTOUCHED, *photo.kinds), strict=True
            )
            for version, quality, kind in versions:
                maps = quality_maps(version, model)
                small = area_resize(maps, MAP_SIDE, MAP_SIDE).astype(np.float16)
                rows.append((small, 100 * quality, maps[0].mean(), fish_sharpness(version), photo.name, kind, number))
    names = (field.name for field in fields(MappedVersions))
    columns: dict[str, Any] = {
        name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }
    temporary = file.with_suffix(".new.npz")
    np.savez(temporary, **columns)
    temporary.replace(file)


def score_loss(network: nn.Module, batch: Any) -> Tensor:
    """Smooth L1 in steps of ten points, plus one minus the correlation over the batch."""
    maps, scores = batch
    predicted = network(maps)
    correlation = batch_correlation(predicted, scores)
    loss: Tensor = nn.functional.smooth_l1_loss(predicted / 10, scores / 10) + (1 - correlation)
    return loss


def fit(config: QualityScoreConfig) -> None:
    """Fit the aggregation; the best weights are chosen on ``photos/val``."""
    train, validate = read_maps(config, "train"), read_maps(config, "val")
    validate = validate.where(validate.rounds == 0)
    fit_network(
        _network(config),
        Maps(train.maps, train.scores, turned=True),
        Maps(validate.maps, validate.scores, turned=False),
        score_loss,
        config,
    )


def _network(config: QualityScoreConfig) -> nn.Module:
    torch.manual_seed(config.seed)
    return channels_last(MetaAggregation(config.preset))


def evaluate(config: QualityScoreConfig) -> dict[str, Any]:
    """The exported graph on ``photos/val`` in the rounds that chose no weights, beside the plain means."""
    data, model = read_maps(config, "val"), exported_model("quality_score", config)
    data = data.where(data.rounds > 0)
    predicted = _scores(model, data)
    changed = data.kinds != UNTOUCHED
    figures: dict[str, Any] = {"versions": len(predicted), **_beside_means(predicted, data)}
    figures["without_untouched"] = _beside_means(predicted[changed], data.where(changed))
    figures["srocc_by_family"] = {
        family: agreement(predicted[chosen], data.scores[chosen])["srocc"]
        for family in FAMILIES
        if (chosen := np.array([FAMILY_OF.get(kind) == family for kind in data.kinds])).sum() > 1
    }
    figures["other_seeds"] = _other_seeds(config, data)
    (config.checkpoints / "metrics.json").write_text(json.dumps(figures, indent=2))
    scatter = Scatter("quality score on photos/val", predicted, data.scores, "MOS 0..100")
    report = Report("quality_score", figures, history=load_history(config), scatters=[scatter])
    write_report(config.checkpoints / "report.html", report)
    return figures


def _scores(model: OnnxModel, data: MappedVersions) -> NDArray[np.float64]:
    batches = (data.maps[start : start + 64].astype(np.float32) for start in range(0, len(data.maps), 64))
    return np.concatenate([model.run({"maps": batch})["mos"] for batch in batches]).astype(np.float64)


@torch.inference_mode()
def _other_seeds(config: QualityScoreConfig, data: MappedVersions) -> dict[str, dict[str, float]]:
    """Agreement of every fit of this preset with another seed that lies beside this one."""
    found = {}
    for variant in (folder.name for folder in config.other_seeds if (folder / "best.pt").is_file()):
        network = load_best(MetaAggregation(config.preset), config.model_copy(update={"variant": variant}))
        batches = (torch.from_numpy(data.maps[start : start + 64]).float() for start in range(0, len(data.maps), 64))
        predicted = torch.cat([network(batch) for batch in batches]).double().numpy()
        found[variant] = agreement(predicted, data.scores)
    return found


def _beside_means(predicted: NDArray[np.float64], data: MappedVersions) -> dict[str, Any]:
    means = {"patchnet_mean": data.patchnet.astype(np.float64), "fish": data.fish}
    return beside_baselines(predicted, means, data.scores, data.photos)


def export(config: QualityScoreConfig) -> None:
    """Write ``quality_score.onnx``, compared with PyTorch on real maps."""
    network = load_best(MetaAggregation(config.preset), config)
    maps = torch.from_numpy(read_maps(config, "val").maps[:8]).float()
    error = export_graph(network, "quality_score", {"maps": maps}, ["mos"], weights=config.weights)
    models = TorchModel(network, "quality_score", ["maps"], ["mos"]), just_exported("quality_score", config)
    on_photos = compare_on_photos("quality_score", config.data, models, partial(_score, maps.shape[1]))
    metrics = kept_metrics(config)
    write_manifest_entry(
        "quality_score",
        version="3.0.0",
        preset=config.preset,
        weights=config.weights,
        contract={
            "maps": ["patchnet 0..1", "fish >= 0", "grey 0..1", "96 features of patchnet_map >= 0"],
            "tile": MAP_SIDE,
            "made_by": "models.quality_score.quality_maps, then area means",
            "unit": "MOS 0..100, higher is better",
        },
        training_data=f"teacher mixture on photos/train ({len(learning_paths(config.data, 'train'))} photos)",
        licence=ANY_USE,
        metrics=metrics | {"pytorch_onnx_relative_error": max(error, on_photos)},
    )


def _score(planes: int, photo: Rgb8, _: Rgb8, model: OnnxModel) -> Float32Array:
    """MOS of a photo from the maps that the preset sees, (1,)."""
    maps = quality_maps(photo, load_model("patchnet_map"))[:planes]
    return model.run({"maps": area_resize(maps, MAP_SIDE, MAP_SIDE)[None]})["mos"]
