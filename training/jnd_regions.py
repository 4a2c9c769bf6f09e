"""Regions of photos with what butteraugli sees there per luma level of noise: what the map is refined on.

How visible a unit of noise is at a place hardly depends on the map that shaped the noise, so it is measured once per
region with the program and then stands for butteraugli while the network learns (``training.jnd_judges``).
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rich.progress import track
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.utils.data import Dataset

from models.jnd import TILE
from models.types import Float32Array, Rgb8
from training.butteraugli import butteraugli_map
from training.config import ExperimentConfig
from training.jnd_crops import FittingSplit
from training.jnd_labels import VISIBILITY_SIGMA, add_noise
from training.jnd_protocol import local_deviation_map, random_signs, solve_gamma
from training.networks.fpsnet import STRIDE
from training.photos import is_lossless, load_photo, photo_paths
from training.teachers import srgb_to_tensor

LARGEST = 512
"""Pixels of a region's side: four tiles, so that the network learns how tiles of one photo share the noise."""
MEASURED_EXPONENT = 0.875
"""Local deviation to this power shapes the noise that is measured: between the two best of the plain maps."""
MEASURED_ENERGIES = (100.0, 10.0)
"""Squared luma levels: the protocol's, and about the threshold of visibility."""


def measure_regions(config: ExperimentConfig, split: FittingSplit) -> None:
    """Write ``regions/SPLIT/NAME.npz`` (``region``, ``gains``) for each lossless photo that has none yet."""
    folder = config.folder / "regions" / split
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(config.seed)
    for path in track([path for path in photo_paths(config.data, split) if is_lossless(path)], f"regions of {split}"):
        region = choose_region(load_photo(path), rng)
        target = folder / f"{path.stem}.npz"
        if not target.is_file():
            temporary = target.with_suffix(".new.npz")
            np.savez(temporary, region=region, gains=visibility_gains(region, config.seed))
            temporary.replace(target)


def choose_region(photo: Rgb8, rng: np.random.Generator) -> Rgb8:
    """A region of whole tiles, at most ``LARGEST`` a side, on a grid of 8 pixels; a photo is at least one tile."""
    height, width = photo.shape[:2]
    rows, columns = (min(LARGEST, side // TILE * TILE) for side in (height, width))
    top, left = (int(rng.integers((side - kept) // 8 + 1)) * 8 for side, kept in ((height, rows), (width, columns)))
    return photo[top : top + rows, left : left + columns]


def visibility_gains(region: Rgb8, seed: int) -> Float32Array:
    """ln(butteraugli distance per luma level) at each energy of ``MEASURED_ENERGIES``, (2, H/4, W/4)."""
    shape = local_deviation_map(MEASURED_EXPONENT)(region)
    sign = random_signs(region, seed)
    return np.stack([_gain(region, shape, sign, energy) for energy in MEASURED_ENERGIES]).astype(np.float32)


def _gain(region: Rgb8, shape: NDArray[np.float64], sign: NDArray[np.float64], energy: float) -> NDArray[np.float64]:
    amplitude = shape * solve_gamma(region, shape, sign, energy)
    distance = butteraugli_map(region, add_noise(region, amplitude, sign))
    seen = gaussian_filter(distance**2, VISIBILITY_SIGMA) / gaussian_filter(amplitude**2, VISIBILITY_SIGMA)
    height, width = region.shape[0] // STRIDE, region.shape[1] // STRIDE
    cells: NDArray[np.float64] = 0.5 * np.log(seen.reshape(height, STRIDE, width, STRIDE).mean((1, 3)) + 1e-8)
    return cells


class MeasuredRegions(Dataset[list[Tensor]]):
    """[region (3, H, W) in [0, 1], gains (2, H/4, W/4)], H and W whole tiles; ``augment`` turns both alike."""

    def __init__(self, config: ExperimentConfig, split: FittingSplit, *, augment: bool) -> None:
        self._files = sorted((config.folder / "regions" / split).glob("*.npz"))
        if not self._files:
            raise FileNotFoundError(f"no regions in {config.folder / 'regions' / split}: run limen-train prepare jnd")
        self._augment = augment
        self._rng = np.random.default_rng(config.seed)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> list[Tensor]:
        sample = read_region(self._files[index])
        if not self._augment:
            return sample
        turn, mirror = int(self._rng.integers(4)), bool(self._rng.integers(2))
        turned = [torch.rot90(part, turn, (1, 2)) for part in sample]
        return [part.flip(2) if mirror else part for part in turned]


def read_region(path: Path) -> list[Tensor]:
    """One sample of ``MeasuredRegions``, unturned."""
    with np.load(path) as stored:
        return [srgb_to_tensor(stored["region"])[0], torch.from_numpy(stored["gains"])]


def gain_at(gains: Tensor, energy: float) -> Tensor:
    """Distance per luma level (N, 1, H, W) of noise of some energy: its ln is linear in ln(energy) between the two."""
    upper, lower = (float(np.log(value)) for value in MEASURED_ENERGIES)
    share = (float(np.log(energy)) - lower) / (upper - lower)
    cells = share * gains[:, :1] + (1 - share) * gains[:, 1:]
    return torch.exp(F.interpolate(cells, scale_factor=STRIDE, mode="bilinear", align_corners=False))
