"""Labelled pairs for the scores that see no reference: only distortions that leave artefacts in the picture itself.

A change of mean, contrast or saturation of an unknown original cannot be told from another original, so a score that
sees one photo alone is neither trained nor measured on them. Left are codecs, noise, lost detail, banding, fringes and
local errors of ``training/distort/distortions.py``, alone, two in a row, and as local mixtures: one kind at two
strengths in different places of one photo, which on a codec's block grid is what VarJPEG makes, or a distorted area in
an untouched photo. What is learned from is varied first (``training/distort/originals.py``).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.types import Rgb8
from training.data.photos import Split
from training.distort.distortions import GENERATED
from training.distort.originals import as_another_camera
from training.distort.strength import Distortion
from training.labels.pairs import LabelledPhoto, Recipe, make_pairs, read_pairs
from training.run.config import ExperimentConfig
from training.run.processes import processors

# Which family a kind of the generator belongs to; kinds that are in none are the changes of tone.
FAMILIES: dict[str, tuple[str, ...]] = {
    "jpeg": ("jpeg-420", "jpeg-444"),
    "codec": ("webp", "avif", "jpeg2000", "noisy-then-compressed"),
    "blur": ("blur", "resampled", "denoised", "chromatic-aberration"),
    "noise": (
        "gaussian-noise", "chroma-noise", "correlated-noise", "masked-noise", "high-frequency-noise",
        "multiplicative-noise", "impulse-noise", "comfort-noise",
    ),
    "banding": ("quantised", "dithered"),
    "local": ("pattern-noise", "block-errors"),
}  # fmt: skip
FAMILY_OF = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}
ARTEFACTS: tuple[Distortion, ...] = tuple(kind for kind in GENERATED if kind.name in FAMILY_OF)
# What photos meet most often is drawn this much more often than the rest.
WEIGHTS = {"jpeg": 3.0, "codec": 1.5, "blur": 1.5}
# Shares of versions with two kinds in a row and with a local mixture.
TWO_KINDS, LOCAL_MIXTURE = 0.15, 0.2
# Local mixtures follow this grid: the coded unit of a 4:2:0 JPEG.
GRID = 16

TRAIN_ROUNDS, VAL_ROUNDS = 6, 3
ROUND_SEEDS = {"train": 100_000, "val": 200_000}


def draw_artefacts(pixels: Rgb8, seed: int) -> tuple[Rgb8, str]:
    """A random version and the names of its kinds, joined by ``+`` in a row, by ``|`` side by side."""
    rng = np.random.default_rng(seed)
    first, second = _draw_kind(rng), _draw_kind(rng)
    chance = rng.random()
    distorted = first.apply(pixels, first.draw_strength(rng), rng)
    if chance < LOCAL_MIXTURE:
        varied = chance < LOCAL_MIXTURE / 2
        other = first.apply(pixels, first.draw_strength(rng), rng) if varied else pixels
        inside = draw_area(pixels.shape[:2], rng)
        return np.where(inside[..., None], distorted, other), f"{first.name}|{first.name if varied else 'untouched'}"
    if chance < LOCAL_MIXTURE + TWO_KINDS:
        return second.apply(distorted, second.draw_strength(rng), rng), f"{first.name}+{second.name}"
    return distorted, first.name


def _draw_kind(rng: np.random.Generator) -> Distortion:
    weights = np.array([WEIGHTS.get(FAMILY_OF[kind.name], 1.0) for kind in ARTEFACTS])
    return ARTEFACTS[int(rng.choice(len(ARTEFACTS), p=weights / weights.sum()))]


def draw_area(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.bool_]:
    """A smooth random area on ``GRID``, (H, W); its share of the photo lies between a quarter and three quarters."""
    rows, columns = (-(-side // GRID) for side in shape)
    field = ndimage.gaussian_filter(rng.standard_normal((rows, columns)), rng.uniform(1.0, 4.0))
    inside = field > np.quantile(field, rng.uniform(0.25, 0.75))
    return np.asarray(inside.repeat(GRID, 0).repeat(GRID, 1)[: shape[0], : shape[1]])


TRAIN_RECIPE = Recipe(draw_artefacts, as_another_camera, lossless=4, lossy=2)
VAL_RECIPE = Recipe(draw_artefacts, lossless=3, lossy=2)


def prepare_artefacts(config: ExperimentConfig) -> None:
    """Make every round of ``photos/val`` and ``photos/train``: fresh crops and fresh versions of the same photos."""
    for split, rounds, recipe in (("val", VAL_ROUNDS, VAL_RECIPE), ("train", TRAIN_ROUNDS, TRAIN_RECIPE)):
        for number in range(rounds):
            make_pairs(
                config.data,
                "train" if split == "train" else "val",
                round_folder(config, split, number),
                seed=ROUND_SEEDS[split] + 1000 * number,
                processes=processors(),
                recipe=recipe,
            )


def round_folder(config: ExperimentConfig, split: str, number: int) -> Path:
    """Where a round lies."""
    return config.work / "artefact-pairs" / f"{split}-{number}"


def read_artefacts(config: ExperimentConfig, split: Split, rounds: range | None = None) -> Iterator[LabelledPhoto]:
    """The photos of the rounds, all by default. Of ``val``, round 0 chooses weights and the others measure them."""
    for number in rounds or range(TRAIN_ROUNDS if split == "train" else VAL_ROUNDS):
        yield from read_pairs(round_folder(config, split, number))
