"""The tiles that SUR-FeatNet learns from: crops of photos and drawn pictures, JPEG versions, the teacher's labels.

Teacher: ``training.labels.threshold_teacher``; a label is its ln distance of two tiles of 256 x 256 on the JPEG block
grid. Each worker cuts, encodes and judges the tiles of one photo and returns all of it, so that nothing is cut twice.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from models.sur.observers import DEFAULT_PIXELS_PER_DEGREE
from models.sur.reference import VIEWING_PLACES
from models.sur.tiles import TILE
from models.types import Rgb8
from training.data.drawn import drawn_tile
from training.data.photos import Split, is_free, load_photo, photo_paths, random_crops
from training.distort.jpeg_variants import variants
from training.experiments.sur.config import SurConfig
from training.labels.threshold_teacher import LEAST, log_lost_quality, threshold_log_distance
from training.run.fingerprint import digest
from training.run.progress import track

EQUAL = LEAST
"""Label of two equal tiles."""
VERSIONS = 16
"""Versions of each tile, as ``variants`` makes them."""
UNTOUCHED_SHARE = 0.15
"""Of the tiles of a batch, those that also stand beside themselves."""

_SEEN_FROM_ELSEWHERE = (2, 13)
"""Versions whose distance is also asked for at other pixels per degree: libjpeg-turbo's and Limen's."""
_DRAWN = 1 / 3
"""Share of photos beside which a drawn picture is taken."""
_RECOLOURED, _MOST_SATURATION = 0.3, 2.5
"""Share of crops whose colours are exchanged and up to so many times as strong: in few photos of photos/train are they
strong, and Limen's encoder saves where the teacher sees little of them."""


def prepare(config: SurConfig) -> None:
    """Cut crops, make their JPEG variants, score them; one ``.npy`` each for references, variants and labels.

    What was made from other photos is made again.
    """
    splits: tuple[Split, ...] = ("train", "val")
    for split in splits:
        paths = [path for path in photo_paths(config.data, split) if is_free(path)]
        jobs = [(path, [config.seed, int(split == "val"), index]) for index, path in enumerate(paths)]
        made, record = digest(paths), config.folder / f"{split}-made-from.txt"
        known = record.read_text() if record.is_file() else made
        if known != made or not (config.folder / f"{split}-labels.npy").is_file():
            _prepare_split(config, split, jobs)
        record.write_text(made)


def _prepare_split(config: SurConfig, split: Split, jobs: list[tuple[Path, list[int]]]) -> None:
    crops: list[Rgb8] = []
    versions: list[list[Rgb8]] = []
    labels: list[list[float]] = []
    shifts: list[NDArray[np.float64]] = []
    with ProcessPoolExecutor() as pool:
        for made in track(pool.map(_labelled_versions, jobs), description=f"labels of {split}", total=len(jobs)):
            for crop, of_crop, distances, viewing in made:
                crops.append(crop)
                versions.append(of_crop)
                labels.append(distances)
                shifts.append(viewing)
    np.save(config.folder / f"{split}-references.npy", np.stack(crops))
    np.save(config.folder / f"{split}-variants.npy", np.array(versions))
    np.save(config.folder / f"{split}-viewing.npy", np.array(shifts, np.float32))
    np.save(config.folder / f"{split}-labels.npy", np.array(labels, np.float32))


def _labelled_versions(
    job: tuple[Path, list[int]],
) -> list[tuple[Rgb8, list[Rgb8], list[float], NDArray[np.float64]]]:
    """Each crop of one photo, its versions, their labels and viewing shifts; a photo's draws depend on no other's."""
    torch.set_num_threads(1)
    path, seed = job
    rng = np.random.default_rng(seed)
    made = []
    for crop in _crops(path, rng):
        versions = variants(crop, rng)[0]
        labels = [threshold_log_distance(crop, version) for version in versions]
        made.append((crop, versions, labels, _viewing_shifts(crop, versions)))
    return made


def _viewing_shifts(crop: Rgb8, versions: list[Rgb8]) -> NDArray[np.float64]:
    """(versions, places): ColorVideoVDP's ln lost quality at ``VIEWING_PLACES`` less that at the default; NaN where
    it was not asked: of 16 versions two are, for each takes twice as long as a label."""
    shifts = np.full((len(versions), len(VIEWING_PLACES)), np.nan)
    for index in _SEEN_FROM_ELSEWHERE:
        usual = log_lost_quality(crop, versions[index], DEFAULT_PIXELS_PER_DEGREE)
        shifts[index] = [log_lost_quality(crop, versions[index], place) - usual for place in VIEWING_PLACES]
    return shifts


def _crops(path: Path, rng: np.random.Generator) -> list[Rgb8]:
    """Two crops of a photo, some in other colours; of one photo in three a drawn picture too."""
    photo = load_photo(path)
    crops = list(random_crops(photo, TILE, 2, rng))
    crops = [_recoloured(crop, rng) if rng.random() < _RECOLOURED else crop for crop in crops]
    if rng.random() < _DRAWN:
        crops.append(drawn_tile(TILE, rng, photo))
    return crops


def _recoloured(crop: Rgb8, rng: np.random.Generator) -> Rgb8:
    exchanged = crop[..., rng.permutation(3)].astype(np.float32)
    grey = exchanged.mean(-1, keepdims=True)
    stronger = grey + np.float32(rng.uniform(1, _MOST_SATURATION)) * (exchanged - grey)
    return np.asarray(stronger.round().clip(0, 255), np.uint8)


class TilePairs(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Reference uint8 (3, 256, 256), V of its versions (V, 3, 256, 256), their labels (V,).

    ``versions``: how many to draw anew each time, flipped and turned at random, now and then the reference itself; or
    which, as they are.
    """

    def __init__(self, folder: Path, split: str, versions: int | Sequence[int]) -> None:
        self.references = np.load(folder / f"{split}-references.npy")
        self.pairs = np.load(folder / f"{split}-variants.npy")
        self.labels = np.load(folder / f"{split}-labels.npy")
        self.shifts = np.load(folder / f"{split}-viewing.npy")
        self.versions = versions

    def __len__(self) -> int:
        return len(self.references)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        drawn = isinstance(self.versions, int)
        chosen = torch.randperm(self.pairs.shape[1])[: self.versions] if drawn else torch.tensor(self.versions)
        reference = torch.from_numpy(self.references[index].copy()).movedim(-1, 0)
        distorted = torch.from_numpy(self.pairs[index][chosen.numpy()]).movedim(-1, 1)
        labels = torch.from_numpy(self.labels[index][chosen.numpy()])
        if not drawn:
            return reference, distorted, labels
        if torch.rand(()) < UNTOUCHED_SHARE:
            distorted[0], labels[0] = reference, EQUAL
        return *_turned(reference, distorted), labels


def _turned(reference: Tensor, distorted: Tensor) -> tuple[Tensor, Tensor]:
    """The same random flips and transposition of both."""
    for axis in (-1, -2):
        if torch.rand(()) < 0.5:
            reference, distorted = reference.flip(axis), distorted.flip(axis)
    if torch.rand(()) < 0.5:
        reference, distorted = reference.transpose(-1, -2), distorted.transpose(-1, -2)
    return reference.contiguous(), distorted.contiguous()
