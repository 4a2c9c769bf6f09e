"""SUR-FeatNet's training as published (Lin et al. 2020, sections 5.3 and 6.2), whatever the pairs come from.

Stage one learns a full-reference score on GAP features, stage two the SUR on the MLSP features of the frozen body, both
by Adam at the published learning rate, batch size and numbers of epochs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from models.sur.observers import ObserverProfile, load_observer_table
from models.types import Rgb8
from models.viewing import DEFAULT_OBSERVER
from training.experiments.sur.config import SurConfig
from training.networks.sur_featnet_published import (
    Body,
    MlspFeatures,
    RegressionHead,
    StageOne,
    build_body,
    enlarge,
    stage_two_head,
)
from training.run.export import export_graph
from training.run.fit import fit_network, load_best
from training.run.progress import track

IMAGENET_WEIGHTS = Path("imagenet") / "inception_v3.pth"
"""Below the data folder: torchvision's state dict of Inception-V3 trained on ImageNet, where somebody has it."""

LabelledPair = tuple[Rgb8, Rgb8, float]
"""Reference and distorted image, uint8 (H, W, 3) of one size, and what a stage learns of them."""

CHECKED_CROPS = 24
"""Crops of ``val`` that choose the epoch of stage one: 480 pairs."""


class ImagePairs(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Labelled pairs, made when asked for: uint8 (3, H, W) twice, and the label ()."""

    def __init__(self, makers: Sequence[Callable[[], LabelledPair]]) -> None:
        self.makers = makers

    def __len__(self) -> int:
        return len(self.makers)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        reference, distorted, label = self.makers[index]()
        first, second = (torch.from_numpy(side.copy()).movedim(-1, 0) for side in (reference, distorted))
        return first, second, torch.tensor(label, dtype=torch.float32)


@dataclass(frozen=True, slots=True)
class FeaturePairs(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """MLSP features (N, F) of N versions and (R, F) of their references; whose each is (N,); the label of each (N,)."""

    references: Tensor
    versions: Tensor
    owners: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        return self.references[self.owners[index]], self.versions[index], self.labels[index]


def as_tensor(image: Rgb8) -> Tensor:
    """uint8 (H, W, 3) to float32 (3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(image, -1, 0))).float() / 255


def absolute_error(network: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    """L1 between what a network or head says of pairs and their labels. Reference: section 5.3.

    Bytes are images, which the device turns into [0, 1] and enlarges where they are too small: a quarter as much comes
    to it as of floats.
    """
    reference, distorted, labels = batch
    predicted: Tensor = network(*(_image(side) for side in (reference, distorted)))
    return (predicted - labels).abs().mean()


def _image(side: Tensor) -> Tensor:
    return enlarge(side.float() / 255) if side.dtype == torch.uint8 else side


def starting_body(config: SurConfig) -> Body:
    """The body of the preset with ImageNet weights where they are at hand, else at random by the seed."""
    torch.manual_seed(config.seed)
    return build_body(config.preset, config.data / IMAGENET_WEIGHTS if has_imagenet(config) else None)


def has_imagenet(config: SurConfig) -> bool:
    """Whether the body starts from ImageNet: its weights are at hand, and the preset is the one they fit."""
    return config.preset == "paper" and (config.data / IMAGENET_WEIGHTS).is_file()


def fit_stage_one(config: SurConfig, train: Dataset[Any], validate: Dataset[Any]) -> StageOne:
    """Body and GAP head fitted to a full-reference score (figure 4a), with the best weights, evaluating."""
    network = fit_network(StageOne(starting_body(config)), train, validate, absolute_error, stage_one_config(config))
    assert isinstance(network, StageOne)
    return network


def fit_stage_two(config: SurConfig, body: Body, train: FeaturePairs, validate: FeaturePairs) -> RegressionHead:
    """The head on MLSP features of the frozen body fitted to the SUR (figure 4b)."""
    torch.manual_seed(config.seed)
    head = fit_network(stage_two_head(body), train, validate, absolute_error, part_config(config, "stage-two"))
    assert isinstance(head, RegressionHead)
    return head


def stage_one_config(config: SurConfig) -> SurConfig:
    """Stage one's checkpoints and its own number of epochs (section 6.2: five)."""
    part = part_config(config, "stage-one")
    epochs = min(config.stage_one_epochs, config.fit.epochs)
    return part.model_copy(update={"fit": config.fit.model_copy(update={"epochs": epochs})})


def part_config(config: SurConfig, part: str) -> SurConfig:
    """The same with checkpoints in a folder below."""
    return config.model_copy(update={"variant": f"{config.variant}/{part}".strip("/")})


@torch.inference_mode()
def image_features(body: Body, images: Tensor) -> Tensor:
    """MLSP features (N, F) of images (N, 3, H, W) under a body in evaluation mode, computed on the body's device."""
    device = next(body.parameters()).device
    features: Tensor = MlspFeatures(body).eval()(enlarge(images.to(device)))
    return features.cpu().clone()


# On one's own photos: the tiles, versions and teacher that preset lite learns from.


def fit_on_tiles(config: SurConfig) -> None:
    """Stage one on the teacher's ln distance of tiles, stage two on the share of viewers of ``aic-3``, first JND."""
    train, validate = (ImagePairs(_tile_makers(config.folder, split)) for split in ("train", "val"))
    body = fit_stage_one(config, train, validate).body
    features = (tile_features(config.folder, split, body) for split in ("train", "val"))
    fit_stage_two(config, body, *features)


def evaluate_on_tiles(config: SurConfig) -> dict[str, Any]:
    """Mean absolute error of the share of viewers on the tiles of ``val``, beside that of always saying the mean."""
    body, head = load_both(config)
    pairs = tile_features(config.folder, "val", body)
    with torch.inference_mode():
        found = head(pairs.references[pairs.owners], pairs.versions)
    return {
        "tiles of val": len(pairs),
        "mean absolute error of SUR": round(float((found - pairs.labels).abs().mean()), 4),
        "of the mean SUR of those tiles": round(float((pairs.labels - pairs.labels.mean()).abs().mean()), 4),
    }


def export_on_tiles(config: SurConfig) -> dict[str, float]:
    """Write body and head beside the checkpoints; largest relative disagreement with PyTorch of each."""
    body, head = load_both(config)
    tiles = torch.stack(
        [as_tensor(pair[0]) for pair in (maker() for maker in _tile_makers(config.folder, "val")[::20])]
    )
    features = image_features(body, tiles[:3])
    pair = {"reference": features, "distorted": features.flip(0)}
    return {
        "sur_features": export_graph(
            MlspFeatures(body), "sur_features", {"image": tiles[:3]}, ["features"], weights=config.weights
        ),
        "sur_head": export_graph(head, "sur_head", pair, ["sur"], weights=config.weights),
    }


def load_both(config: SurConfig) -> tuple[Body, RegressionHead]:
    """Fitted body and head. Raises: FileNotFoundError before a fit."""
    stage_one = load_best(StageOne(build_body(config.preset)), stage_one_config(config))
    assert isinstance(stage_one, StageOne)
    head = load_best(stage_two_head(stage_one.body), part_config(config, "stage-two"))
    assert isinstance(head, RegressionHead)
    return stage_one.body, head


def tile_features(folder: Path, split: str, body: Body) -> FeaturePairs:
    """MLSP features of every tile and version of a split, and the share of viewers that the teacher stands for."""
    references, pairs, labels = _tiles(folder, split)
    profile = load_observer_table().profiles[DEFAULT_OBSERVER]
    body.eval().to("cuda" if torch.cuda.is_available() else "cpu")
    whole, versions = [], []
    for index in track(range(len(references)), description=f"features of {split}"):
        whole.append(image_features(body, as_tensor(references[index])[None]))
        versions.append(image_features(body, torch.stack([as_tensor(version) for version in pairs[index]])))
    body.cpu()
    owners = torch.arange(len(references)).repeat_interleave(pairs.shape[1])
    return FeaturePairs(torch.cat(whole), torch.cat(versions), owners, _shares(labels, profile))


def _shares(labels: np.ndarray, profile: ObserverProfile) -> Tensor:
    return torch.tensor([profile.satisfied_share(float(label)) for label in labels.ravel()], dtype=torch.float32)


def _tiles(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    references = np.load(folder / f"{split}-references.npy", mmap_mode="r")
    pairs = np.load(folder / f"{split}-variants.npy", mmap_mode="r")
    labels = np.load(folder / f"{split}-labels.npy")
    count = len(references) if split == "train" else min(CHECKED_CROPS, len(references))
    return references[:count], pairs[:count], labels[:count]


def _tile_makers(folder: Path, split: str) -> list[Callable[[], LabelledPair]]:
    references, pairs, labels = _tiles(folder, split)

    def make(crop: int, version: int) -> LabelledPair:
        return references[crop], pairs[crop][version], float(labels[crop, version])

    return [partial(make, crop, version) for crop in range(len(references)) for version in range(pairs.shape[1])]
