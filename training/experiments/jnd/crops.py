"""Crops with their JND labels: made once per crop, kept as files, served to the training loop as a data set."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from rich.progress import track
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.utils.data import Dataset

from models.jnd import TILE
from models.types import Rgb8
from training.data.photos import is_lossless, load_photo, photo_paths, random_crops
from training.experiments.jnd.config import JndConfig, LabelSettings
from training.experiments.jnd.labels import threshold_field
from training.maths.colour import to_luma
from training.metrics.ssimulacra2 import srgb_to_tensor
from training.networks.fpsnet_maps import FeatureMaps

FittingSplit = Literal["train", "val"]
BORDER = 2
"""Cells of a label's edge that are not learned from: the teachers treat a crop's edge in their own ways."""

LABEL_SIGMA = 1.0
"""Cells over which a label is smoothed: two labels of one crop with different signs correlate at 0.69 before and 0.92
after, and the smoothed field is seen as little as the original."""


def label_crops(config: JndConfig, split: FittingSplit) -> None:
    """Write ``SPLIT/00000.npz`` ... (``crop``, ``log_ratio``) for those crops that have no file yet."""
    folder = config.folder / split
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    crops = choose_crops(config, split)
    missing = [index for index in range(len(crops)) if not _file(folder, index).is_file()]
    jobs = ((_file(folder, index), crops[index], config.labels, index) for index in missing)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(config.threads, mp_context=context) as pool:
        for _ in track(pool.map(_label_one, jobs), total=len(missing), description=f"labels of {split}"):
            pass


def _label_one(job: tuple[Path, Rgb8, LabelSettings, int]) -> None:
    path, crop, settings, seed = job
    torch.set_num_threads(1)
    log_ratio, _ = threshold_field(crop, settings, seed)
    temporary = path.with_suffix(".new.npz")
    np.savez(temporary, crop=crop, log_ratio=log_ratio)
    temporary.replace(path)


def _file(folder: Path, index: int) -> Path:
    return folder / f"{index:05d}.npz"


def choose_crops(config: JndConfig, split: FittingSplit) -> list[Rgb8]:
    """``labels.SPLIT_crops`` crops over photos in a random order, lossless photos first; repeats photos when needed."""
    rng = np.random.default_rng(config.seed + (split == "val"))
    paths = photo_paths(config.data, split)
    order = sorted(rng.permutation(len(paths)), key=lambda index: not is_lossless(paths[index]))
    wanted = {"train": config.labels.train_crops, "val": config.labels.val_crops}[split]
    chosen: list[Rgb8] = []
    while len(chosen) < wanted:
        before = len(chosen)
        for index in order:
            chosen.extend(random_crops(load_photo(paths[index]), TILE, 1, rng))
        if len(chosen) == before:
            raise FileNotFoundError(f"no photo of {split} has {TILE} pixels on both sides")
    return chosen[:wanted]


class LabelledCrops(Dataset[list[Tensor]]):
    """[image (3, 256, 256) in [0, 1], focus map, perceptual map, label (1, 64, 64)], all held in memory.

    The maps hold nothing that is learned, so they are made once. With ``augment`` all four are turned alike.
    """

    def __init__(self, config: JndConfig, split: FittingSplit, *, augment: bool) -> None:
        files = sorted((config.folder / split).glob("?????.npz"))
        if not files:
            raise FileNotFoundError(f"no labels in {config.folder / split}: run limen-train prepare jnd first")
        self._samples = [_read_sample(path) for path in track(files, description=f"maps of {split}", transient=True)]
        self._augment = augment
        self.rng = np.random.default_rng(config.seed)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> list[Tensor]:
        sample = self._samples[index]
        if not self._augment:
            return sample
        turn, mirror = int(self.rng.integers(4)), bool(self.rng.integers(2))
        turned = [torch.rot90(part, turn, (1, 2)) for part in sample]
        return [part.flip(2) if mirror else part for part in turned]


def _read_sample(path: Path) -> list[Tensor]:
    with np.load(path) as stored:
        image, label = srgb_to_tensor(stored["crop"]), gaussian_filter(stored["log_ratio"], LABEL_SIGMA)
    with torch.no_grad():
        focus, perceptual, _ = FeatureMaps()(to_luma(image))
    return [image[0], focus[0], perceptual[0], torch.from_numpy(label)[None]]
