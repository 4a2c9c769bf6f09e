"""Regions of photos on which the map is judged: as large as the photo allows, of one shape in a batch."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from models.jnd.prediction import MARGIN, SIDES
from models.types import Rgb8
from training.data.photos import is_lossless, learning_paths, load_photo, photo_paths
from training.run.config import ExperimentConfig
from training.run.progress import track

LARGEST = 512
"""Most rows and columns of a region."""
SMALLEST = 256
"""Fewest; photos with a shorter side are left out."""
MIRRORED = 0.5
"""Share of batches with reflected pixels at their edges, as a whole photo has when its map is made."""
TONED, FADED = 0.35, 0.25
"""Shares of regions with another gamma and with less contrast: photos darker, lighter and flatter than these."""
Shape = tuple[int, int]


class RegionBatches(Dataset[Tensor]):
    """``count`` random batches of regions of train: uint8 (B, 3, H, W), H <= W, both multiples of ``SIDES``.

    A batch is drawn from the photos whose region has one shape, shapes in proportion to their pixels, and has about
    ``size`` times ``LARGEST`` squared pixels. Regions are cut anew each time, turned, mirrored and toned.
    """

    def __init__(self, config: ExperimentConfig, *, count: int, size: int) -> None:
        self._groups = _photos_by_shape(learning_paths(config.data, "train"))
        self._count, self._size = count, size

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Tensor:
        rng = np.random.default_rng(int(torch.randint(2**62, (1,))))
        shapes = list(self._groups)
        pixels = np.array([rows * columns * len(self._groups[rows, columns]) for rows, columns in shapes], float)
        shape = shapes[rng.choice(len(shapes), p=pixels / pixels.sum())]
        photos = self._groups[shape]
        wanted = max(1, self._size * LARGEST**2 // (shape[0] * shape[1]))
        chosen = rng.choice(len(photos), min(wanted, len(photos)), replace=False)
        batch = np.stack([toned(_random_region(photos[photo], shape, rng), rng) for photo in chosen])
        if rng.random() < MIRRORED:
            batch = _with_mirrored_edges(batch)
        turned = torch.rot90(torch.from_numpy(batch), 2 * int(rng.integers(2)), (2, 3))
        return turned.flip(3) if rng.integers(2) else turned


class MiddleRegions(Dataset[Tensor]):
    """The middle region of each lossless photo of val: uint8 (1, 3, H, W)."""

    def __init__(self, config: ExperimentConfig) -> None:
        groups = _photos_by_shape([path for path in photo_paths(config.data, "val") if is_lossless(path)])
        self._regions = [_middle_region(photo, shape) for shape, photos in groups.items() for photo in photos]

    def __len__(self) -> int:
        return len(self._regions)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(self._regions[index][None].copy())


def region_shape(rows: int, columns: int) -> Shape:
    """Rows and columns of the largest region in a photo, within ``LARGEST``."""
    return min(rows // SIDES * SIDES, LARGEST), min(columns // SIDES * SIDES, LARGEST)


def toned(region: Rgb8, rng: np.random.Generator) -> Rgb8:
    """The region (3, H, W), sometimes with a gamma of 0.67 to 1.5, sometimes with 0.6 to 1 of its contrast."""
    gamma = np.exp(rng.uniform(-0.4, 0.4)) if rng.random() < TONED else 1.0
    kept = rng.uniform(0.6, 1.0) if rng.random() < FADED else 1.0
    if gamma == kept == 1:
        return region
    light = (region.astype(np.float32) / 255) ** np.float32(gamma)
    mean = light.mean((1, 2), keepdims=True)
    changed: Rgb8 = np.rint((mean + (light - mean) * np.float32(kept)) * 255).astype(np.uint8)
    return changed


def _photos_by_shape(paths: list[Path]) -> dict[Shape, list[Rgb8]]:
    """Photos, (3, H, W) and not higher than wide, by the shape of their region; smaller ones are left out."""
    groups: dict[Shape, list[Rgb8]] = {}
    for path in track(paths, description="photos"):
        photo = np.moveaxis(load_photo(path), -1, 0)
        landscape = photo if photo.shape[1] <= photo.shape[2] else photo.swapaxes(1, 2)
        if min(photo.shape[1:]) >= SMALLEST:
            groups.setdefault(region_shape(*landscape.shape[1:]), []).append(landscape)
    if not groups:
        raise FileNotFoundError(f"none of {len(paths)} photos has {SMALLEST} pixels on both sides")
    return groups


def _random_region(photo: Rgb8, shape: Shape, rng: np.random.Generator) -> Rgb8:
    top, left = (int(rng.integers(side - kept + 1)) for side, kept in zip(photo.shape[1:], shape, strict=True))
    return photo[:, top : top + shape[0], left : left + shape[1]]


def _with_mirrored_edges(batch: Rgb8) -> Rgb8:
    """Same shape; the outer ``MARGIN`` pixels reflect what lies within."""
    inner = batch[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    return np.pad(inner, ((0, 0), (0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)), mode="symmetric")


def _middle_region(photo: Rgb8, shape: Shape) -> Rgb8:
    top, left = ((side - kept) // 2 for side, kept in zip(photo.shape[1:], shape, strict=True))
    return photo[:, top : top + shape[0], left : left + shape[1]]
