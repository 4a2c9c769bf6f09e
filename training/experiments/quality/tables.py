"""The Patchnet thesis' own experiments on KonPatch (Wiedemann 2018, section 5).

``limen-train table NAME --root ROOT`` looks for ``ROOT/konpatch``. One thing differs from the
thesis: no source photo is on both sides of a split, where it draws single patches.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn
from torch.utils.data import Dataset

from models.patch_quality import PATCH
from models.preprocess import to_nchw
from training.data.konpatch import read_konpatch, read_local_opinions
from training.data.photos import load_photo
from training.data.records import JudgedPatch, LocalOpinions
from training.data.splits import save_folds, source_folds
from training.maths.agreement import agreement, roc_auc
from training.networks.patchnet import Patchnet, PatchnetMap
from training.run.config import ExperimentConfig
from training.run.fit import channels_last, fit_network
from training.run.progress import track

Floats = NDArray[np.float64]

# Section 5.1.1: one fifth is kept for testing, the rest is split in five for cross-validation.
PARTS = 5
# Section 5.3.1: the blur of predicted and judged maps, as a share of the image's width; figure 11's thresholds.
BLUR_SHARE = 0.1
THRESHOLDS = tuple(round(0.1 * step, 1) for step in range(1, 9))


class ArrayDataset(Dataset[tuple[Tensor, ...]]):
    """Rows of arrays of one length as they are: bytes stay bytes, anything else becomes float32."""

    def __init__(self, *arrays: NDArray[Any]) -> None:
        self.arrays = [torch.from_numpy(a if a.dtype == np.uint8 else a.astype(np.float32)) for a in arrays]

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, item: int) -> tuple[Tensor, ...]:
        return tuple(array[item] for array in self.arrays)


def squared_error(network: nn.Module, batch: Any) -> Tensor:
    """Mean squared error; every entry but the last is an input, photos uint8 (N, H, W, 3) or float maps."""
    *inputs, truth = batch
    loss: Tensor = nn.functional.mse_loss(network(*(_to_network(value) for value in inputs)), truth)
    return loss


def _to_network(value: Tensor) -> Tensor:
    return value.permute(0, 3, 1, 2).float() / 255 if value.dtype == torch.uint8 else value


def konpatch_score(patch: JudgedPatch) -> float:
    """Formula 3 of the Patchnet thesis, over 100 so that a sigmoid can reach it: the MOS of the photo for a patch that
    was marked as high quality, 0 for any other.
    """
    return patch.source_mos / 100 if patch.high_quality else 0.0


def patchnet_table(config: ExperimentConfig, root: Path) -> dict[str, Any]:
    """Table 1: five instances on one test set; figure 11: AUC of the first one's maps by threshold.

    Raises: DatasetMissingError.
    """
    patches = read_konpatch(root / "konpatch")
    opinions = read_local_opinions(root / "konpatch")
    test, folds = konpatch_split([patch.source for patch in patches], seed=config.seed)
    save_folds(config.checkpoints / "table" / "konpatch.json", [test, *folds])
    tested = np.isin([patch.source for patch in patches], test)
    truth = np.array([konpatch_score(patch) for patch in patches])[tested]
    pixels = np.stack([load_photo(patch.path) for patch in patches if patch.source in test])
    instances, networks = [], []
    for number in range(len(folds)):
        network = konpatch_instance(config, patches, number)
        predicted = predict_rows(network, pixels)
        squared, absolute = float(np.mean((predicted - truth) ** 2)), float(np.abs(predicted - truth).mean())
        instances.append({"mse": squared, "mae": absolute, **agreement(predicted, truth)})
        networks.append(network)
    return {"table_1": instances, "figure_11": local_auc(networks[0], opinions)}


def konpatch_instance(config: ExperimentConfig, patches: Sequence[JudgedPatch], number: int) -> nn.Module:
    """Patchnet fitted without the test set; part ``number`` of the cross-validation chooses the epoch."""
    test, folds = konpatch_split([patch.source for patch in patches], seed=config.seed)
    truth = np.array([konpatch_score(patch) for patch in patches])
    pixels = np.stack([load_photo(patch.path) for patch in patches])
    sources = np.array([patch.source for patch in patches])
    validation = np.isin(sources, folds[number])
    fitted = ~validation & ~np.isin(sources, test)
    torch.manual_seed(config.seed + number)
    return fit_part(
        config,
        f"instance-{number}",
        Patchnet(config.preset),
        ArrayDataset(pixels[fitted], truth[fitted]),
        ArrayDataset(pixels[validation], truth[validation]),
    )


def konpatch_split(sources: Sequence[str], *, seed: int) -> tuple[list[str], list[list[str]]]:
    """Section 5.1.1: one fifth of the sources for testing, and the others in five parts for cross-validation."""
    test, *others = source_folds(sources, PARTS, seed=seed)
    return test, source_folds([source for part in others for source in part], PARTS, seed=seed)


def fit_part(
    config: ExperimentConfig, name: str, network: nn.Module, train: Dataset[Any], validate: Dataset[Any]
) -> nn.Module:
    """One of a table's networks, fitted with ``squared_error``; its checkpoints go to ``table/name``."""
    part = config.model_copy(update={"name": name, "variant": "", "work": config.checkpoints / "table"})
    return fit_network(channels_last(network), train, validate, squared_error, part)


@torch.inference_mode()
def predict_rows(network: nn.Module, *inputs: NDArray[Any]) -> Floats:
    """What the network gives for each row of ``inputs``, photos uint8 (N, H, W, 3) or float maps: (N,)."""
    values = [
        network(*(_to_network(torch.from_numpy(side[start : start + 64])) for side in inputs))
        for start in range(0, len(inputs[0]), 64)
    ]
    return np.asarray(torch.cat(values).double().numpy())


@torch.inference_mode()
def local_auc(network: nn.Module, opinions: Sequence[LocalOpinions]) -> dict[str, float]:
    """Median ROC-AUC of predicted maps against the judged ones binarised at each threshold (section 5.3.1).

    Thresholds that leave an image all good or all bad do not count it; one that no image counts for is left out.
    """
    patchnet = PatchnetMap(network).eval()  # type: ignore[arg-type]
    areas: dict[str, list[float]] = {}
    for opinion in track(opinions, description="maps of local opinions"):
        pixels = load_photo(opinion.path)
        found = patchnet(torch.from_numpy(to_nchw(pixels[None])))[0][0].numpy()
        predicted, judged = centred_map(found, pixels.shape[:2]), opinion_map(opinion, pixels.shape[:2])
        for threshold in THRESHOLDS:
            good = judged > threshold
            if good.any() and not good.all():
                areas.setdefault(str(threshold), []).append(roc_auc(predicted[good], predicted[~good]))
    return {threshold: round(float(np.median(values)), 4) for threshold, values in areas.items()}


def opinion_map(opinion: LocalOpinions, shape: tuple[int, int]) -> Floats:
    """Formula 11, blurred: the share of participants with a box over each pixel, (H, W) in [0, 1]."""
    votes = np.zeros(shape)
    for boxes in opinion.boxes.values():
        marked = np.zeros(shape, dtype=bool)
        for box in boxes:
            marked[box.top : box.bottom, box.left : box.right] = True
        votes += marked
    return np.asarray(ndimage.gaussian_filter(votes / max(1, len(opinion.boxes)), BLUR_SHARE * shape[1]))


def centred_map(values: NDArray[np.float32], shape: tuple[int, int]) -> Floats:
    """A map at stride 8 brought to the image's size: each value at its window's centre, zeros around, blurred alike."""
    full = np.zeros(shape)
    fine = values.repeat(8, axis=0).repeat(8, axis=1)
    top = left = PATCH // 2 - 4
    height, width = min(fine.shape[0], shape[0] - top), min(fine.shape[1], shape[1] - left)
    full[top : top + height, left : left + width] = fine[:height, :width]
    return np.asarray(ndimage.gaussian_filter(full, BLUR_SHARE * shape[1]))
