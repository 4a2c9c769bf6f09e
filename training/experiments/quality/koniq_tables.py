"""Tables 2 and 3 of the Patchnet thesis on KonIQ-10k (Wiedemann 2018, sections 5.3.2 and 5.4).

Maps of a Patchnet that learned from KonPatch, whose 500 photos are left out as in the thesis; without KonPatch those of
the shipped one, which the figures say. Split 60/20/20. Each image that is fitted to comes as it is and three times
rotated by up to 10 degrees, cut to the largest rectangle within, all flipped both ways. One thing differs: maps of
different sizes are brought to one, so that they fill batches.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from models.graphs.artefacts import load_model
from models.graphs.onnx_model import OnnxModel
from models.quality_score import MAP_SIDE, area_resize, quality_maps
from models.types import Float32Array, Rgb8
from training.data.koniq import read_koniq10k
from training.data.konpatch import read_konpatch
from training.data.photos import load_photo
from training.data.records import JudgedPatch, ScoredImage
from training.experiments.quality.config import PatchQualityConfig
from training.experiments.quality.tables import ArrayDataset, fit_part, konpatch_instance, predict_rows
from training.maths.agreement import agreement
from training.networks.meta_aggregation import OWN_MAPS, PRESETS, MetaAggregation
from training.networks.patchnet import PatchnetMap
from training.run.config import ExperimentConfig, load_config
from training.run.export import TorchModel
from training.run.progress import track

MAP_SIZES = {"lite": (MAP_SIDE, MAP_SIDE), "paper": (96, 128)}
"""Rows and columns of the maps by preset. A KonIQ image has maps of 89x121; DenseNet-169 makes 3x4 values of 96x128,
the highest of which is the score."""
ROTATIONS, MOST_DEGREES = 3, 10.0


def quality_score_table(config: ExperimentConfig, root: Path) -> dict[str, Any]:
    """Both tables. Raises: DatasetMissingError; DatasetFormatError."""
    patches = read_konpatch(root / "konpatch") if (root / "konpatch").is_dir() else []
    images = without_konpatch(read_koniq10k(root / "koniq-10k"), patches)
    model = _patchnet(config, patches) if patches else load_model("patchnet_map")
    mos = np.array([image.mos for image in images])
    mos = 100 * (mos - mos.min()) / max(float(np.ptp(mos)), 1e-9)
    rng = np.random.default_rng(config.seed)
    order = rng.permutation(len(images))
    fifth = max(1, len(images) // 5)
    tested, validation, fitted = order[:fifth], order[fifth : 2 * fifth], order[2 * fifth :]
    maps = np.stack([_maps(config, load_photo(image.path), model) for image in track(images, "maps")])
    turned = [maps[fitted], *(_rotated_maps(config, [images[i] for i in fitted], model, rng) for _ in range(ROTATIONS))]
    every = np.concatenate(
        [part[:, :, ::rows, ::columns] for part in turned for rows in (1, -1) for columns in (1, -1)]
    )
    torch.manual_seed(config.seed)
    network = fit_part(
        config,
        "koniq10k",
        MetaAggregation(config.preset),
        ArrayDataset(every, np.tile(mos[fitted], 4 * (1 + ROTATIONS))),
        ArrayDataset(maps[validation], mos[validation]),
    )
    return {
        "patchnet learned from": "KonPatch" if patches else "other photos: the shipped weights",
        "images": len(images),
        "table_2": {
            "patchnet": agreement(maps[:, 0].mean((1, 2)), mos),
            "fish": agreement(maps[:, 1].mean((1, 2)), mos),
        },
        "table_3": agreement(predict_rows(network, maps[tested]), mos[tested]),
    }


def without_konpatch(images: Sequence[ScoredImage], patches: Sequence[JudgedPatch]) -> list[ScoredImage]:
    """The images that no patch was cut from."""
    known = {Path(patch.source).stem for patch in patches}
    return [image for image in images if image.path.stem not in known]


def _patchnet(config: ExperimentConfig, patches: Sequence[JudgedPatch]) -> OnnxModel:
    """Maps of the first instance of Table 1, by the settings of ``patch_quality``."""
    kind = load_config(PatchQualityConfig, data=config.data, work=config.work, preset=config.preset).fit
    epochs = min(kind.epochs, config.fit.epochs)
    batch = min(kind.batch_size, max(1, len(patches) // 4))
    fit = kind.model_copy(update={"epochs": epochs, "batch_size": batch, "workers": config.fit.workers})
    network = konpatch_instance(config.model_copy(update={"fit": fit}), patches, 0)
    tiles = PatchnetMap(network).eval()  # type: ignore[arg-type]
    return TorchModel(tiles, "patchnet_map", ["tile"], ["quality", "features"])


def _maps(config: ExperimentConfig, pixels: Rgb8, model: OnnxModel) -> Float32Array:
    """The maps that the preset sees, (M, R, C)."""
    planes = OWN_MAPS + PRESETS[config.preset].features
    return area_resize(quality_maps(pixels, model)[:planes], *MAP_SIZES[config.preset])


def _rotated_maps(
    config: ExperimentConfig, images: Sequence[ScoredImage], model: OnnxModel, rng: np.random.Generator
) -> NDArray[np.float32]:
    angles = rng.uniform(-MOST_DEGREES, MOST_DEGREES, len(images))
    pairs = track(list(zip(images, angles, strict=True)), "maps of rotated images")
    return np.stack([_maps(config, rotated(load_photo(image.path), float(angle)), model) for image, angle in pairs])


def rotated(pixels: Rgb8, degrees: float) -> Rgb8:
    """A photo turned by up to 45 degrees and cut to the largest rectangle that has no undefined pixel."""
    turned = np.asarray(Image.fromarray(pixels).rotate(degrees, Image.Resampling.BILINEAR, expand=True))
    height, width = inner_rectangle(pixels.shape[0], pixels.shape[1], math.radians(abs(degrees)))
    top, left = (turned.shape[0] - height) // 2, (turned.shape[1] - width) // 2
    return np.ascontiguousarray(turned[top : top + height, left : left + width])


def inner_rectangle(height: int, width: int, angle: float) -> tuple[int, int]:
    """Rows and columns of the largest upright rectangle in one of (height, width) turned by ``angle`` radians."""
    sine, cosine = math.sin(angle), math.cos(angle)
    long, short = max(height, width), min(height, width)
    if short <= 2 * sine * cosine * long or abs(sine - cosine) < 1e-10:
        half = short / 2
        sides = (half / sine, half / cosine)  # two corners touch the long sides
        columns, rows = sides if width >= height else sides[::-1]
    else:
        double = cosine * cosine - sine * sine
        columns, rows = (width * cosine - height * sine) / double, (height * cosine - width * sine) / double
    return max(1, math.floor(rows) - 2), max(1, math.floor(columns) - 2)  # less what bilinear sampling mixes in
