"""What the full-reference network's FC layers see of each patch of each pair, computed once: they then fit in minutes.

The streams and the statistics do not change while the FC layers are fitted, so running them again in every epoch and
every fold would give the same numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from models.preprocess import to_nchw
from models.types import Rgb8
from training.networks.multiscale_fr import PATCH, MultiscaleFr, residual_size
from training.networks.pair_statistics import PairStatistics


@dataclass(frozen=True, slots=True)
class PairFeatures:
    """V pairs of P patches: ``features`` float32 (V, P, F), ``sizes`` of the residuals float32 (V, P)."""

    features: NDArray[np.float32]
    sizes: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FeatureFolders:
    """Where features are kept: ``seen`` changes with the weights of the streams, ``measured`` with nothing."""

    seen: Path
    measured: Path


def features_of_pairs(
    network: MultiscaleFr, reference: Rgb8, distorted: Rgb8, name: str, folders: FeatureFolders
) -> PairFeatures:
    """Of a reference (H, W, 3) and V versions (V, H, W, 3), over the whole 128x128 patches of a grid.

    ``name``: of the files in ``folders``; what is there already is not computed again.
    """
    patches = partial(_each_version, reference, distorted)
    statistics = network.statistics or PairStatistics()
    columns = [
        kept_array(folders.seen / f"{name}.npy", lambda: patches(network.seen)),
        kept_array(folders.measured / f"{name}.npy", lambda: patches(statistics)),
    ]
    return PairFeatures(
        np.concatenate(columns, axis=-1),
        kept_array(folders.measured / f"{name}-sizes.npy", lambda: patches(residual_size)),
    )


@torch.inference_mode()
def _each_version(reference: Rgb8, distorted: Rgb8, measure: Callable[[Tensor, Tensor], Tensor]) -> NDArray[np.float32]:
    first = torch.from_numpy(to_nchw(whole_patches(reference)))
    return np.stack([measure(first, torch.from_numpy(to_nchw(whole_patches(one)))).numpy() for one in distorted])


def kept_array(path: Path, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """The array at ``path``, made and written there if it is missing."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        with temporary.open("wb") as file:
            np.save(file, make())
        temporary.replace(path)
    return np.asarray(np.load(path))


def whole_patches(pixels: Rgb8) -> Rgb8:
    """(H, W, 3) to (P, 128, 128, 3), row by row; what is left over at the right and below is not used."""
    rows, columns = pixels.shape[0] // PATCH, pixels.shape[1] // PATCH
    cut = pixels[: rows * PATCH, : columns * PATCH].reshape(rows, PATCH, columns, PATCH, 3)
    return np.ascontiguousarray(cut.swapaxes(1, 2).reshape(-1, PATCH, PATCH, 3))


@dataclass(frozen=True, slots=True)
class LabelledFeatures:
    """Pairs of one source of labels: ``scores`` (V,) 0..100, ``weights`` (V,).

    ``fine``: the labels differ by little near 100 and are meant so.
    """

    pairs: PairFeatures
    scores: NDArray[np.float64]
    weights: NDArray[np.float64]
    fine: bool

    def chosen(self, index: NDArray[np.bool_]) -> "LabelledFeatures":
        """The pairs where ``index`` (V,) is true."""
        pairs = PairFeatures(self.pairs.features[index], self.pairs.sizes[index])
        return LabelledFeatures(pairs, self.scores[index], self.weights[index], self.fine)


class FeatureDataset(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """``patches`` patches of each pair, drawn anew each time or the first: features, sizes, (score, weight, fine)."""

    def __init__(self, groups: Sequence[LabelledFeatures], *, patches: int, fixed: bool = False) -> None:
        self.groups = groups
        self.patches = patches
        self.fixed = fixed
        index = [(number, row) for number, group in enumerate(groups) for row in range(len(group.scores))]
        # Mixed once, so that batches that are not shuffled hold every group too: the loss correlates over a batch.
        self.index = [index[place] for place in np.random.default_rng(0).permutation(len(index))]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor, Tensor]:
        number, row = self.index[item]
        group = self.groups[number]
        count = group.pairs.features.shape[1]
        order = np.arange(count)[: self.patches] if self.fixed else _drawn(count, self.patches)
        label = torch.tensor([group.scores[row], group.weights[row], float(group.fine)], dtype=torch.float32)
        return (
            torch.from_numpy(group.pairs.features[row, order]),
            torch.from_numpy(group.pairs.sizes[row, order]),
            label,
        )


def _drawn(count: int, patches: int) -> NDArray[np.int64]:
    """``patches`` of ``count``, drawn by the random numbers of the run."""
    return torch.randperm(count)[:patches].numpy()
