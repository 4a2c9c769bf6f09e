"""The full-reference paper's own experiment (multiscale-fr-iqa.md, section III): tables I and II on its data sets.

Published: patches of 128x128, the score of the whole image as their label, l2 loss, 80 % of the references for fitting
and 20 % for the figures, SRCC and PLCC after a four-parameter logistic; momentum SGD.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset

from models.preprocess import to_nchw
from models.types import Rgb8
from training.data.csiq import read_csiq
from training.data.errors import DatasetMissingError
from training.data.live import read_live
from training.data.photos import load_photo
from training.data.records import ScoredPair
from training.data.splits import save_folds, source_folds
from training.data.tid import read_tid2008, read_tid2013
from training.experiments.full_reference.pair_features import whole_patches
from training.maths.agreement import agreement
from training.metrics.classical import CLASSICAL_OF_DATABASES, Metric
from training.networks.multiscale_fr import ABLATIONS, PATCH, PRESETS, MultiscaleFr, MultiscaleShape
from training.run.config import ExperimentConfig
from training.run.fit import channels_last, fit_network, load_history
from training.run.progress import track

DATABASES: dict[str, Callable[[Path], list[ScoredPair]]] = {
    "live": read_live,
    "csiq": read_csiq,
    "tid2008": read_tid2008,
    "tid2013": read_tid2013,
}
"""Table I's databases by the name of their folder."""

# One fifth of the references is kept for the figures.
PARTS = 5
# The paper keeps the weights of the last epoch; fit_network keeps those of the best epoch on a few pairs it has seen,
# which is the last or nearly so, and no pair of the held-out references chooses anything.
CHECKED_EVERY = 10
# Patches per call when a whole image is scored.
BATCH = 32


@dataclass(frozen=True, slots=True)
class PairToScore:
    """``load`` gives reference and distorted image, uint8 (H, W, 3); ``score``: higher is better, of any unit.

    ``patches``: how many of 128x128 the images have side by side.
    """

    load: Callable[[], tuple[Rgb8, Rgb8]]
    score: float
    patches: int


class ScoredPatches(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Random 128x128 patches, flipped at random, with the standardised score of the whole image.

    An epoch has as many of each image as lie side by side in it: LIVE's 623 pairs for fitting are 14,000 patches, 100
    batches and more, not four. ``fixed``: one of each, always the same.
    """

    def __init__(self, pairs: Sequence[PairToScore], *, fixed: bool = False) -> None:
        scores = np.array([pair.score for pair in pairs])
        self.pairs = pairs
        self.scores = (scores - scores.mean()) / (scores.std() + 1e-9)
        self.fixed = fixed
        self.owners = np.repeat(np.arange(len(pairs)), 1 if fixed else [pair.patches for pair in pairs])

    def __len__(self) -> int:
        return len(self.owners)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng(item if self.fixed else int(torch.randint(2**31, (1,))))
        owner = int(self.owners[item])
        first, second = random_cut(*self.pairs[owner].load(), rng)
        return torch.from_numpy(first), torch.from_numpy(second), torch.tensor(self.scores[owner], dtype=torch.float32)


def random_cut(reference: Rgb8, distorted: Rgb8, rng: np.random.Generator) -> tuple[Rgb8, Rgb8]:
    """The same random 128x128 patch of both, flipped left to right half the time."""
    row, column = (int(rng.integers(side - PATCH + 1)) for side in reference.shape[:2])
    step = -1 if rng.random() < 0.5 else 1
    area = (slice(row, row + PATCH), slice(column, column + PATCH))
    return reference[area][:, ::step].copy(), distorted[area][:, ::step].copy()


def squared_error(network: nn.Module, batch: Any) -> Tensor:
    """Equation 3: l2 between the score of the image and that of its patch."""
    reference, distorted, scores = batch
    first, second = (side.permute(0, 3, 1, 2).float() / 255 for side in (reference, distorted))
    loss: Tensor = nn.functional.mse_loss(network(first, second), scores)
    return loss


def fit_published(
    config: ExperimentConfig, train: Sequence[PairToScore], held: Sequence[PairToScore], shape: MultiscaleShape
) -> nn.Module:
    """A network of ``shape`` fitted end to end to ``train``, at the epoch that did best on ``held``."""
    torch.manual_seed(config.seed)
    network = channels_last(MultiscaleFr(shape=shape))
    return fit_network(network, ScoredPatches(train), ScoredPatches(held, fixed=True), squared_error, config)


@torch.inference_mode()
def image_score(network: nn.Module, pair: PairToScore) -> float:
    """Mean of the network over the 128x128 patches of an image."""
    first, second = (torch.from_numpy(to_nchw(whole_patches(side))) for side in pair.load())
    starts = range(0, len(first), BATCH)
    parts = [network(first[start : start + BATCH], second[start : start + BATCH]) for start in starts]
    return float(torch.cat(parts).mean())


def table(config: ExperimentConfig, root: Path) -> dict[str, Any]:
    """Tables I and II on every database that is there, and the losses of figure 4.

    Preset ``lite`` runs the same networks with its own, smaller FC layers, to see them run. ``root`` holds folders
    named ``live``, ``csiq``, ``tid2008``, ``tid2013``. Raises: DatasetMissingError if none of them is there, or a part
    of one is missing.
    """
    present = [name for name in DATABASES if (root / name).is_dir()]
    if not present:
        raise DatasetMissingError(f"none of {', '.join(DATABASES)} is in {root}: at least one is needed")
    return {name: _database(config, name, DATABASES[name](root / name)) for name in present}


def _database(config: ExperimentConfig, name: str, pairs: list[ScoredPair]) -> dict[str, Any]:
    sources = {scored.pair.source for scored in pairs}
    parts = source_folds(sources, min(PARTS, len(sources)), seed=config.seed)
    save_folds(config.checkpoints / "tables" / name / "split.json", parts)
    held_out = set(parts[0])
    train = [_to_score(scored) for scored in pairs if scored.pair.source not in held_out]
    test = [_to_score(scored) for scored in pairs if scored.pair.source in held_out]
    hidden = PRESETS[config.preset].hidden
    rivals = {name: _rival(metric, test) for name, metric in CLASSICAL_OF_DATABASES.items()}
    found, histories = {}, {}
    for ablation, shape in ABLATIONS.items():
        variant = f"{config.variant}/tables/{name}/{ablation.replace(' ', '-')}".strip("/")
        part = config.model_copy(update={"variant": variant})
        network = fit_published(part, train, train[::CHECKED_EVERY], replace(shape, hidden=hidden))
        predicted = np.array([image_score(network, pair) for pair in track(test, f"{name}: {ablation}")])
        found[ablation] = agreement(predicted, np.array([pair.score for pair in test]))
        histories[ablation] = [train_loss for train_loss, _ in load_history(part)]
    return {
        "references": len(held_out),
        "pairs": len(test),
        "table 1": rivals | {"proposed": found["proposed"]},
        "table 2": found,
        "figure 4: training loss by epoch": histories["proposed"],
    }


def _rival(metric: Metric, test: Sequence[PairToScore]) -> dict[str, float]:
    """Agreement of a metric with people on the pairs that the network is measured on."""
    values = np.array([metric(*pair.load()) for pair in track(test, "rivals")])
    return agreement(values, np.array([pair.score for pair in test]))


def _to_score(scored: ScoredPair) -> PairToScore:
    with Image.open(scored.pair.reference) as image:
        patches = patch_count(image.height, image.width)
    return PairToScore(partial(_load_pair, scored.pair.reference, scored.pair.distorted), scored.quality, patches)


def patch_count(height: int, width: int) -> int:
    """Patches of 128x128 side by side in an image."""
    return (height // PATCH) * (width // PATCH)


def _load_pair(reference: Path, distorted: Path) -> tuple[Rgb8, Rgb8]:
    return load_photo(reference), load_photo(distorted)
