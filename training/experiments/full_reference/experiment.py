"""Multi-scale full-reference network: fitted to TID2013's MOS, its kinds on ``photos/train``, and SSIMULACRA2 there.

Preset ``lite`` takes two steps. The streams learn to tell kinds and strengths of distortions apart on ``photos/train``;
no opinion of anybody enters. Then the FC layers learn the score from all that the network sees of a pair. No figure of
this network is ever quoted on Kodak, from which the pairs are made. Preset ``paper`` is fitted as published; ``table``
runs the paper's tables on its own data sets (``training.experiments.full_reference.tables``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from models.full_reference import predict_full_reference_score
from models.graphs.onnx_model import OnnxModel
from training.data.photos import ANY_USE, Split, learning_paths
from training.experiments.full_reference import lite, paper
from training.experiments.full_reference.classical_scores import make_classical_scores
from training.experiments.full_reference.config import FullReferenceConfig
from training.experiments.full_reference.figures import figures
from training.experiments.full_reference.pair_features import whole_patches
from training.experiments.full_reference.parts import high_quality_folder, opinions_folder
from training.experiments.full_reference.tables import table
from training.experiments.on_photos import compare_on_photos
from training.labels.high_quality_pairs import make_high_quality_pairs
from training.labels.opinion_pairs import make_opinion_pairs, read_opinion_pairs
from training.labels.tid_pairs import make_tid_pairs
from training.networks.multiscale_fr import PATCH, MultiscaleFr
from training.run.export import TorchModel, export_graph, just_exported, write_manifest_entry
from training.run.processes import processors
from training.run.record import kept_metrics

__all__ = ["evaluate", "export", "fit", "prepare", "table"]


@dataclass(frozen=True, slots=True)
class Preset:
    """How a preset is fitted, the network that comes of it, evaluating, and what that is worth."""

    fit: Callable[[FullReferenceConfig], None]
    fitted_network: Callable[[FullReferenceConfig], MultiscaleFr]
    evaluate: Callable[[FullReferenceConfig], dict[str, Any]]


PRESETS = {
    "lite": Preset(lite.fit, lite.fitted_network, figures),
    "paper": Preset(paper.fit, paper.fitted_network, paper.evaluate),
}

SPLITS: tuple[tuple[Split, int, int], ...] = (("val", 70000, 90000), ("train", 20000, 80000))
"""Of each split, the seeds of the opinion pairs and of those at high quality."""


def prepare(config: FullReferenceConfig) -> None:
    """Recreate TID2013's pairs, make the pairs of ``photos/train`` and ``val``, and compute the classical metrics."""
    tid = config.work / "tid2013"
    make_tid_pairs(config.data, tid, processes=processors())
    for split, opinion_seed, high_seed in SPLITS:
        opinions, high = opinions_folder(config, split), high_quality_folder(config, split)
        make_opinion_pairs(config.data, split, opinions, seed=opinion_seed, processes=processors())
        make_high_quality_pairs(config.data, split, high, seed=high_seed, processes=processors())
    make_classical_scores(config.data, tid, config.folder / "rivals", processes=processors())


def fit(config: FullReferenceConfig) -> None:
    """Fit the preset."""
    PRESETS[config.preset].fit(config)


def evaluate(config: FullReferenceConfig) -> dict[str, Any]:
    """People: photos of TID2013 left out. ``lite`` also says what its graph does on ``photos/val``."""
    return PRESETS[config.preset].evaluate(config)


def export(config: FullReferenceConfig) -> None:
    """Write ``full_reference.onnx``, compared with PyTorch on real patches and on photos of several sizes."""
    network = PRESETS[config.preset].fitted_network(config)
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
    photos = len(learning_paths(config.data, "train"))
    write_manifest_entry(
        "full_reference",
        version="3.0.0",
        preset=config.preset,
        contract={
            "colour": "sRGB",
            "range": [0, 1],
            "tile": PATCH,
            "padding": "reflection",
            "unit": "score 0..100, 100 only for identical patches; MOS of TID2013 = score * 0.072",
        },
        training_data="MOS of TID2013 on pairs recreated from 19 Kodak photos and on its kinds of distortion made on "
        f"photos/train ({photos}); SSIMULACRA2 at high quality, of every kind, on photos/train",
        licence=ANY_USE,
        metrics=kept_metrics(config) | {"pytorch_onnx_relative_error": max(error, on_photos)},
        weights=config.weights,
    )
