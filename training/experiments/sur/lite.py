"""Preset ``lite`` of SUR-FeatNet, which is shipped: body and head together, then the head on the frozen body."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from models.sur.reference import VIEWING_PLACES, SurModels
from training.experiments.sur.config import SurConfig
from training.experiments.sur.tiles import EQUAL, VERSIONS, TilePairs
from training.networks.sur_featnet import OfOpponents, SurFeatNet, SurHead
from training.run.export import TorchModel
from training.run.fit import fit_network, load_best
from training.run.progress import track


def fit(config: SurConfig) -> None:
    """Stage one: body and head together on the tiles. Stage two: the head on the frozen body, as in section 5.3."""
    train = TilePairs(config.folder, "train", config.versions)
    validate = TilePairs(config.folder, "val", range(VERSIONS))
    torch.manual_seed(config.seed)
    network = fit_network(SurFeatNet(), train, validate, absolute_error, config)
    assert isinstance(network, SurFeatNet)
    _fit_head(network, config)


def absolute_error(network: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    """L1 loss, as the paper's section 5.3, on ln distances."""
    reference, distorted, labels = batch
    predicted: Tensor = network(reference.float() / 255, distorted.float() / 255)
    return (predicted - labels).abs().mean()


def _head_config(config: SurConfig) -> SurConfig:
    fit_head = config.fit.model_copy(
        update={
            "epochs": config.head.epochs,
            "batch_size": 128,
            "learning_rate": config.head.learning_rate,
        }
    )
    return config.model_copy(update={"name": f"{config.name}/head", "fit": fit_head})


def _fit_head(network: SurFeatNet, config: SurConfig) -> None:
    train, validate = (
        _HeadInputs(network, TilePairs(config.folder, split, range(VERSIONS))) for split in ("train", "val")
    )
    fit_network(network.head, train, validate, _head_error, _head_config(config))


class _HeadInputs(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """What the head's layers see of each labelled pair under a frozen body, its label and its ``viewing_shifts``."""

    def __init__(self, network: SurFeatNet, pairs: TilePairs) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        network.to(device)
        vectors, labels = [], []
        with torch.inference_mode():
            for index in track(range(len(pairs)), description="features of the frozen body"):
                reference, distorted, label = pairs[index]
                tiles = torch.cat([reference[None], reference[None], distorted]).to(device)
                features = network.features(tiles.float() / 255)
                vectors.append(network.head.compare(features[:1].expand(len(features) - 1, -1), features[1:]).cpu())
                labels.append(torch.cat([torch.tensor([EQUAL]), label]))
        network.cpu()
        unasked = np.full((len(pairs), 1, len(VIEWING_PLACES)), np.nan, np.float32)
        shifts = np.concatenate([unasked, pairs.shifts], axis=1).reshape(-1, len(VIEWING_PLACES))
        self.vectors, self.labels = torch.cat(vectors).clone(), torch.cat(labels).clone()
        self.shifts = torch.from_numpy(shifts)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        return self.vectors[index], self.labels[index], self.shifts[index]


def _head_error(network: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    assert isinstance(network, SurHead)
    joined, labels, shifts = batch
    asked = shifts.isfinite().all(1)
    error = (network.regress(joined) - labels).abs().mean()
    return error + (network.shift(joined[asked]) - shifts[asked]).abs().mean() if asked.any() else error


def torch_models(network: SurFeatNet) -> SurModels:
    """Body and head of a network in evaluation mode."""
    return SurModels(
        TorchModel(OfOpponents(network.features), "sur_features", ["opponents"], ["features"]),
        TorchModel(network.head, "sur_head", ["reference", "distorted"], ["log_distance", "viewing_shift"]),
    )


def fitted(config: SurConfig) -> SurFeatNet:
    """The network with the weights of both stages, evaluating. Raises: FileNotFoundError before a fit."""
    network = load_best(SurFeatNet(), config)
    assert isinstance(network, SurFeatNet)
    load_best(network.head, _head_config(config))
    return network
