"""Pairs of every kind at high quality, spread evenly over SSIMULACRA2, which alone judges them.

Near the original people see little of what a distortion does, and SSIMULACRA2 is fitted to those who looked closest.
Each photo gets a few kinds of the generator, sometimes two in a row; each is as strong as a SSIMULACRA2 drawn between
``LOWEST`` and ``HIGHEST`` asks for. Photos of ``val`` get kinds too that no network is fitted to.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.types import Rgb8
from training.data.photo_files import Arrays, make_files, read_files
from training.data.photos import Split, is_lossless, learning_paths, load_photo
from training.distort.distortions import ADDED, GENERATED, UNSEEN
from training.distort.strength import Distortion, at_measure
from training.labels.pairs import random_crop
from training.metrics.ssimulacra2 import ssimulacra2_of_arrays

LOWEST, HIGHEST = 44.0, 97.0
# A pair further from what it was to be than this is left out: not every kind reaches every quality.
TOLERANCE = 3.0
WITHIN = 0.7
# Versions of each photo: of the generator's kinds, and on ``val`` of kinds that are never fitted to.
SEEN_VERSIONS, UNSEEN_VERSIONS = 6, 6
# The generator's weakest strengths are visible; a search begins so many times below them.
BELOW = 10.0
MIXTURE_SHARE = 0.2
# Codecs take no strength below that of quality 100; JPEG 2000 at a ratio of 2 is nearly lossless.
CODECS = {"jpeg-420": 1.0, "jpeg-444": 1.0, "webp": 1.0, "avif": 1.0, "varjpeg": 2.0, "jpeg2000": 2.0}


@dataclass(frozen=True, slots=True)
class HighQualityPhoto:
    """A reference and its versions: uint8 (V, H, W, 3), ``kinds`` (V,) by name, ``ssimulacra2`` (V,)."""

    reference: Rgb8
    distorted: Rgb8
    kinds: NDArray[np.str_]
    ssimulacra2: NDArray[np.float64]

    @property
    def unseen(self) -> NDArray[np.bool_]:
        """(V,), true for kinds that no network is fitted to."""
        return np.isin(self.kinds, [kind.name for kind in UNSEEN])


def make_high_quality_pairs(data: Path, split: Split, folder: Path, *, seed: int, processes: int) -> None:
    """Write one file per photo into ``folder``; files that are there already are kept.

    Of ``train`` only photos without JPEG traces are taken; ``val`` is there to be looked at, with all its photos.
    """
    numbered = enumerate(learning_paths(data, split))
    taken = [(index, path) for index, path in numbered if split == "val" or is_lossless(path)]
    jobs = {folder / f"{path.stem}.npz": (path, seed + index, split == "val") for index, path in taken}
    make_files(_make_photo, jobs, processes=processes, description=f"high quality of {split}")


def read_high_quality_pairs(folder: Path) -> Iterator[tuple[str, HighQualityPhoto]]:
    """Name and pairs of each photo of ``make_high_quality_pairs``, in a fixed order.

    Raises: FileNotFoundError if there are none.
    """
    for name, arrays in read_files(folder, made_by="limen-train prepare full_reference"):
        yield name, HighQualityPhoto(**arrays)


def _make_photo(source: Path, seed: int, with_unseen: bool) -> Arrays:
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    reference = random_crop(load_photo(source), rng)
    kinds = [_draw_kind(rng) for _ in range(SEEN_VERSIONS)]
    if with_unseen:
        kinds += [UNSEEN[index] for index in rng.permutation(len(UNSEEN))[:UNSEEN_VERSIONS]]
    versions, names, reached = [], [], []
    for kind in kinds:
        wanted, noise = float(rng.uniform(LOWEST, HIGHEST)), int(rng.integers(2**31))
        pixels = at_measure(
            reference,
            kind.apply,
            _ssimulacra2,
            wanted,
            seed=noise,
            low=kind.weakest,
            high=kind.strongest,
            within=WITHIN,
        )
        found = _ssimulacra2(reference, pixels)
        if abs(found - wanted) <= TOLERANCE:
            versions.append(pixels)
            names.append(kind.name)
            reached.append(found)
    return {
        "reference": reference,
        "distorted": np.array(versions, np.uint8).reshape(-1, *reference.shape),
        "kinds": np.array(names, np.str_),
        "ssimulacra2": np.array(reached, np.float64),
    }


def _ssimulacra2(reference: Rgb8, distorted: Rgb8) -> float:
    return float(ssimulacra2_of_arrays(reference, distorted)[0])


def _draw_kind(rng: np.random.Generator) -> Distortion:
    """One kind of the generator from hardly anything to bad, or two in a row, both as strong in their own range."""
    known = [*GENERATED, *ADDED]
    first, second = (_from_weaker(known[int(rng.integers(len(known)))]) for _ in range(2))
    if rng.random() >= MIXTURE_SHARE:
        return first

    def both(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
        for kind in (first, second):
            pixels = kind.apply(pixels, kind.weakest * (kind.strongest / kind.weakest) ** np.log(strength), rng)
        return pixels

    return Distortion(f"{first.name}+{second.name}", both, 1.0, float(np.e))


def _from_weaker(kind: Distortion) -> Distortion:
    return Distortion(kind.name, kind.apply, CODECS.get(kind.name, kind.weakest / BELOW), kind.strongest)
