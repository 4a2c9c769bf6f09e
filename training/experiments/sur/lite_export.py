"""Export of preset ``lite``: both graphs, the observer profiles that go with them, and their manifest entries."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.sur.observers import JNDS, ObserverProfile
from models.sur.reference import SurModels, SurReference
from models.sur.tile_features import FILE, TileFeatures
from models.sur.tiles import TILE
from training.data.photos import ANY_USE, learning_paths
from training.experiments.on_photos import compare_on_photos
from training.experiments.sur.config import SurConfig
from training.experiments.sur.curves import (
    PhotoCurves,
    calibrate_profiles,
    curve_paths,
    measured_curves,
    photo_errors,
    pooled_excess,
)
from training.experiments.sur.lite import fitted, torch_models
from training.experiments.sur.tiles import TilePairs
from training.networks.sur_featnet import FILTERS, GROUPS, SCALES, OfOpponents, SurFeatNet, SurFeatures
from training.run.export import (
    EXPORTED,
    disagreement,
    export_graph,
    exported_model,
    just_exported,
    tolerated,
    write_manifest_entry,
)

VERSION = "5.1"
GRAPHS = ("sur_features", "sur_head")


def export(config: SurConfig) -> None:
    """Centre the head on whole photos, write both graphs, the observer profiles and the manifest entries."""
    network = fitted(config)
    train, val = measured_curves(config, "train"), measured_curves(config, "val")
    offset = _centre(network, config, train)
    errors = photo_errors(config, "val", val, torch_models(network))
    disagreement = _write_graphs(network, config)
    pooled = pooled_excess(curve_paths(config, "train"), config.folder / "pooled.npz")
    _write_observers(
        calibrate_profiles(train.log_distance, config.data / "tables", pooled=pooled), errors, config.weights
    )
    found = {
        "val_log_distance_mae": round(float(np.abs(errors).mean()), 4),
        "offset": round(offset, 4),
        "pooled_excess": round(pooled, 4),
    }
    _write_entries(config, found | {"pytorch_onnx_relative_error": disagreement})


def _centre(network: SurFeatNet, config: SurConfig, train: PhotoCurves) -> float:
    """Take the mean error of ln distance on whole photos of ``train`` from the head's last bias, and return it."""
    offset = float(photo_errors(config, "train", train, torch_models(network)).mean())
    last = network.head.regression[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.bias.sub_(offset)
    return offset


def _write_graphs(network: SurFeatNet, config: SurConfig) -> float:
    """Largest relative disagreement of both graphs with PyTorch, on tiles and on whole photos."""
    pairs = TilePairs(config.folder, "val", (2, 9))
    tiles = torch.stack([pairs[index][0] for index in range(3)]).float() / 255
    others = torch.stack([pairs[index][1][0] for index in range(3)]).float() / 255
    with torch.inference_mode():
        seen = {"opponents": network.features.opponents(tiles)}
        features = {"reference": network.features(tiles), "distorted": network.features(others)}
    outputs = ["log_distance", "viewing_shift"]
    graph = export_graph(OfOpponents(network.features), "sur_features", seen, ["features"], weights=config.weights)
    write_filters(network.features, config.weights)
    loops = TileFeatures(config.weights, EXPORTED).run({"opponents": seen["opponents"].numpy()})["features"]
    return max(
        graph,
        tolerated(FILE, disagreement(loops, features["reference"].numpy())),
        export_graph(network.head, "sur_head", features, outputs, weights=config.weights),
        compare_on_photos(
            "sur_features and sur_head",
            config.data,
            (torch_models(network), SurModels(*(just_exported(name, config) for name in GRAPHS))),
            lambda photo, distorted, models: SurReference(photo, models).log_distance(distorted),
        ),
    )


def write_filters(features: SurFeatures, weights: Path) -> None:
    """Write the numbers of the body as ``models.sur.tile_features`` reads them."""
    scales = range(SCALES)
    state = {name: values.detach().numpy() for name, values in features.state_dict().items()}
    np.savez(
        weights / FILE,
        filters=np.stack([state[f"stages.{scale}.weight"].reshape(GROUPS, FILTERS, 4, 4) for scale in scales]),
        floors=np.stack([np.exp(2 * state[f"floors.{scale}"]) for scale in scales]),
        **{f"signs{scale}": state[f"signs{scale}"][0, 0, 0].astype(np.int8) for scale in scales},
    )


def exported(config: SurConfig) -> SurModels:
    """Both graphs as exported. Raises: FileNotFoundError before an export."""
    return SurModels(*(exported_model(name, config) for name in GRAPHS))


def _write_observers(profiles: Mapping[str, ObserverProfile], errors: NDArray[np.float64], weights: Path) -> None:
    document = {
        "log_distance_error": round(float(np.sqrt((errors**2).mean())), 4),
        "profiles": {
            name: {
                "title": profile.title,
                "description": profile.description,
                "pixels_per_degree": profile.pixels_per_degree,
                "thresholds": {
                    str(jnd): dataclasses.asdict(threshold)
                    for jnd, threshold in zip(JNDS, profile.thresholds, strict=True)
                },
            }
            for name, profile in profiles.items()
        },
    }
    (weights / "observers.json").write_text(json.dumps(document, indent=2) + "\n")


def _write_entries(config: SurConfig, metrics: dict[str, Any]) -> None:
    tile = {
        "colour_space": "Y, X and B - Y of models.sur.opponents",
        "tile": TILE,
        "tile_grid": 16,
        "filters_sha256": hashlib.sha256((config.weights / FILE).read_bytes()).hexdigest(),
    }
    pair = {
        "inputs": "features of two tiles at one place",
        "output": "log_distance: mean ln of SSIMULACRA2's penalty, 10 - JOD of ColorVideoVDP and 1 - IW-SSIM, lower is "
        "better; viewing_shift: what is added at 20, 60, 85 and 120 pixels per degree instead of 38",
    }
    photos = len(learning_paths(config.data, "train"))
    contracts: tuple[dict[str, Any], ...] = (tile, pair)
    for name, contract in zip(GRAPHS, contracts, strict=True):
        write_manifest_entry(
            name,
            version=VERSION,
            preset=config.preset,
            weights=config.weights,
            contract=contract,
            training_data=f"JPEG variants of {photos} photos (photo*, CID22, CLIC 2025) and drawn pictures; teachers "
            "SSIMULACRA2, ColorVideoVDP, IW-SSIM; profiles from JPEG AIC-3 and MCL-JCI's published GEVs",
            licence=ANY_USE,
            metrics=metrics,
        )
