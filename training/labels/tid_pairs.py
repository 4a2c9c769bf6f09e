"""TID2013's pairs, made again from the Kodak photos and kept in files, with the human MOS that belong to them.

TID2013's references are 512x384 crops of the Kodak photos; the centre is taken here. Kinds and levels are those of
``training.distort.tid2013``. A part of the pairs also gets the features that the label mixture is fitted to.
"""

import csv
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from models.metrics.classical import psnr_db
from models.types import Rgb8
from training.distort.strength import at_psnr
from training.distort.tid2013 import BY_CHANCE, PSNR_OF_LEVEL_DB, RECREATED, kind_of
from training.labels.features import pair_features
from training.run.progress import track

CROP = (384, 512)
"""Rows and columns of a reference (Ponomarenko et al. 2015, section 2)."""
MOS_TABLE = Path("tables") / "tid2013_mos.csv"
FEATURE_PAIRS = 30
"""Pairs per photo whose features are computed for the mixture, drawn at random over distortions and levels."""
NOT_IN_MIXTURE = (12, 13, 24)
"""The mixture was fitted and written down before these kinds were recreated."""
TOLERANCE_DB = 1.5
"""A pair that misses its PSNR by more is left out (for instance a palette that cannot be that bad)."""
ATTEMPTS = 6
"""One wrong bit can cost more than a level's PSNR, or the whole file; others are tried before a pair is left out."""


@dataclass(frozen=True, slots=True)
class TidPhoto:
    """All recreated pairs of one photo: uint8 (V, 384, 512, 3), ``info`` (V, 2) distortion and level, ``mos`` (V,)."""

    photo: int
    reference: Rgb8
    distorted: Rgb8
    info: NDArray[np.int64]
    mos: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TidPair:
    """One distorted photo with the mean opinion of TID2013's observers, 0..9, higher is better."""

    photo: int
    distortion: int
    level: int
    mos: float
    distorted: Rgb8


def read_mos(table: Path) -> dict[tuple[int, int, int], float]:
    """MOS by (Kodak photo, distortion, level) from ``tid2013_mos.csv``."""
    with table.open(newline="") as file:
        return {
            (int(row["kodak_photo"]), int(row["distortion"]), int(row["level"])): float(row["mos"])
            for row in csv.DictReader(file)
        }


def load_reference(kodak: Path, photo: int) -> Rgb8:
    """The centre 512x384 pixels of a Kodak photo."""
    pixels = np.asarray(Image.open(kodak / f"{photo:02d}.png").convert("RGB"))
    row, column = (pixels.shape[0] - CROP[0]) // 2, (pixels.shape[1] - CROP[1]) // 2
    return pixels[row : row + CROP[0], column : column + CROP[1]]


def recreate_photo(kodak: Path, photo: int, mos: dict[tuple[int, int, int], float]) -> Iterator[TidPair]:
    """All pairs of one photo that can be made within ``TOLERANCE_DB`` of their PSNR."""
    reference = load_reference(kodak, photo)
    for distortion in RECREATED:
        for level, target_db in enumerate(PSNR_OF_LEVEL_DB, start=1):
            kind = kind_of(distortion, level)
            for attempt in range(ATTEMPTS if distortion in BY_CHANCE else 1):
                seed = attempt * 100_000 + photo * 1000 + distortion * 10 + level
                distorted = at_psnr(reference, kind.apply, target_db, seed=seed, low=kind.low, high=kind.high)
                if abs(psnr_db(reference, distorted) - target_db) <= TOLERANCE_DB:
                    yield TidPair(photo, distortion, level, mos[photo, distortion, level], distorted)
                    break


def make_tid_pairs(data: Path, folder: Path, *, processes: int) -> None:
    """Write the pairs of each photo and the features of a part of them into ``folder``; files there already are
    kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    photos = sorted({photo for photo, _, _ in read_mos(data / MOS_TABLE)})
    with ProcessPoolExecutor(processes) as pool:
        jobs = [(data, folder, photo) for photo in photos]
        for _ in track(pool.map(_make_photo, jobs), description="pairs of TID2013", total=len(jobs)):
            pass


def _make_photo(job: tuple[Path, Path, int]) -> None:
    data, folder, photo = job
    torch.set_num_threads(1)
    pairs_file, features_file = folder / f"{photo:02d}.npz", folder / f"features_{photo:02d}.npz"
    if not pairs_file.is_file():
        pairs = list(recreate_photo(data / "kodak", photo, read_mos(data / MOS_TABLE)))
        np.savez(
            pairs_file,
            distorted=np.stack([pair.distorted for pair in pairs]),
            info=np.array([[pair.distortion, pair.level] for pair in pairs]),
            mos=np.array([pair.mos for pair in pairs]),
        )
    if not features_file.is_file():
        reference = load_reference(data / "kodak", photo)
        with np.load(pairs_file) as arrays:
            distorted = arrays["distorted"]
            eligible = np.flatnonzero(~np.isin(arrays["info"][:, 0], NOT_IN_MIXTURE))
        index = np.sort(eligible[np.random.default_rng(photo).permutation(len(eligible))[:FEATURE_PAIRS]])
        features = np.array([pair_features(reference, distorted[i])[0][0, 0] for i in index])
        np.savez(features_file, index=index, features=features)


def read_tid_photos(data: Path, folder: Path) -> Iterator[TidPhoto]:
    """The photos of ``make_tid_pairs``. Raises: FileNotFoundError if there are none."""
    files = sorted(folder.glob("[0-9][0-9].npz"))
    if not files:
        raise FileNotFoundError(f"no TID2013 pairs in {folder}: run `limen-train prepare full_reference` first")
    for file in files:
        yield read_tid_photo(data, folder, int(file.stem))


def read_tid_photo(data: Path, folder: Path, photo: int) -> TidPhoto:
    """One photo of ``make_tid_pairs`` by its number. Raises: FileNotFoundError."""
    with np.load(folder / f"{photo:02d}.npz") as arrays:
        reference = load_reference(data / "kodak", photo)
        return TidPhoto(photo, reference, arrays["distorted"], arrays["info"], arrays["mos"])


def tid_features(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Features (N, F), MOS (N,) and photo (N,) of the pairs that have features."""
    features, mos, photos = [], [], []
    for file in sorted(folder.glob("features_*.npz")):
        number = int(file.stem.removeprefix("features_"))
        with np.load(file) as part, np.load(folder / f"{number:02d}.npz") as pairs:
            features.append(part["features"])
            mos.append(pairs["mos"][part["index"]])
            photos.append(np.full(len(part["index"]), number))
    return np.concatenate(features), np.concatenate(mos), np.concatenate(photos)
