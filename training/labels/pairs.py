"""Distorted versions of the training photos with their features, made once and kept under the work folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.types import Rgb8
from training.data.photo_files import Arrays, make_files, read_files
from training.data.photos import Split, is_lossless, learning_paths, load_photo
from training.distort.distortions import draw_distorted
from training.labels.features import pair_features

# Largest crop (rows, columns) that is labelled: whole cells of 64 and 128 pixels.
CROP = (256, 384)
CELLS: tuple[int | None, ...] = (None, 64, 128)
# Distorted versions per photo; lossless photos get more, JPEG-compressed ones are there for variety.
VERSIONS_LOSSLESS, VERSIONS_LOSSY = 4, 1

Draw = Callable[[Rgb8, int], tuple[Rgb8, str]]
"""Photo and seed in, distorted version and the names of its kinds out."""
Vary = Callable[[Rgb8, np.random.Generator], Rgb8]
"""Photo in, another original out."""


def draw_any(pixels: Rgb8, seed: int) -> tuple[Rgb8, str]:
    """A version of any kind that the generator knows."""
    return draw_distorted(pixels, seed=seed)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How many versions of a lossless and of a lossy photo are drawn, and by which function (of module level); ``vary``
    changes the original before, none if left out.
    """

    draw: Draw = draw_any
    vary: Vary | None = None
    lossless: int = VERSIONS_LOSSLESS
    lossy: int = VERSIONS_LOSSY


EVERY_KIND = Recipe()


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A reference crop, its distorted versions and their features over the photo and over cells of 64 and 128
    pixels.
    """

    name: str
    reference: Rgb8
    distorted: Rgb8
    kinds: tuple[str, ...]
    features: dict[int | None, NDArray[np.float64]]


def make_pairs(
    data: Path, split: Split, folder: Path, *, seed: int, processes: int, recipe: Recipe = EVERY_KIND
) -> None:
    """Write one file per photo into ``folder``; files that are there already are kept, so a stopped run goes on."""
    numbered = enumerate(learning_paths(data, split))
    jobs = {folder / f"{path.stem}.npz": (path, seed + index, recipe) for index, path in numbered}
    make_files(_make_photo, jobs, processes=processes, description=f"pairs of {split}")


def read_pairs(folder: Path) -> Iterator[LabelledPhoto]:
    """The photos of ``make_pairs`` in a fixed order. Raises: FileNotFoundError if there are none."""
    for name, arrays in read_files(folder, made_by="limen-train prepare"):
        features = {cell: arrays[f"features_{cell or 0}"] for cell in CELLS}
        yield LabelledPhoto(name, arrays["reference"], arrays["distorted"], tuple(arrays["kinds"].tolist()), features)


def _make_photo(source: Path, seed: int, recipe: Recipe) -> Arrays:
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    photo = load_photo(source)
    reference = random_crop(photo if recipe.vary is None else recipe.vary(photo, rng), rng)
    versions = recipe.lossless if is_lossless(source) else recipe.lossy
    drawn = [recipe.draw(reference, int(rng.integers(2**31))) for _ in range(versions)]
    pooled = [pair_features(reference, pixels, CELLS) for pixels, _ in drawn]
    arrays: Arrays = {
        "reference": reference,
        "distorted": np.stack([pixels for pixels, _ in drawn]),
        "kinds": np.array([kind for _, kind in drawn]),
    }
    arrays |= {f"features_{cell or 0}": np.stack([one[i] for one in pooled]) for i, cell in enumerate(CELLS)}
    return arrays


def random_crop(photo: Rgb8, rng: np.random.Generator) -> Rgb8:
    """At most ``CROP``, at a random place; portrait photos lie on their side to fit."""
    upright = photo if photo.shape[1] >= photo.shape[0] else np.rot90(photo)
    height, width = (min(have, most) for have, most in zip(upright.shape[:2], CROP, strict=True))
    row, column = (
        int(rng.integers(have - kept + 1)) for have, kept in zip(upright.shape[:2], (height, width), strict=True)
    )
    return np.ascontiguousarray(upright[row : row + height, column : column + width])
