"""Pairs of ``photos`` for the full-reference score: people's opinion of a kind of distortion, and SSIMULACRA2's.

TID2013's opinions are of few photos. Its kinds of distortion are made again on the training photos; a pair takes the
mean opinion of its kind at its PSNR, as ``opinion_of`` reads it from TID2013's pairs, so that the network learns to
tell kinds and strengths apart on many photos. The codecs come at high quality too, where SSIMULACRA2 is the better
judge.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.metrics.classical import psnr_db
from models.types import Rgb8
from training.data.photo_files import Arrays, make_files, read_files
from training.data.photos import Split, learning_paths, load_photo
from training.distort import codecs
from training.distort.strength import Distortion, at_psnr
from training.distort.tid2013 import BY_CHANCE, PSNR_OF_LEVEL_DB, RECREATED, kind_of
from training.labels.pairs import random_crop
from training.metrics.ssimulacra2 import ssimulacra2_of_arrays

# Versions of each photo: kinds of TID2013 and codecs at high quality.
TID_VERSIONS, CODEC_VERSIONS = 5, 4
# PSNR drawn around that of a level, to either side.
PSNR_SPREAD_DB = 1.5
# The kinds whose opinion does not follow PSNR, so that only the PSNR of the level itself is asked for: the number of
# blocks (15) and the direction of the contrast (17) go with the level.
BY_LEVEL = (15, 17)
# Sparse sampling (24) takes longer to make than all the others together.
LENT = tuple(kind for kind in RECREATED if kind not in (*BY_CHANCE, 24))
"""The kinds of TID2013 whose mean opinion is lent to other photos."""
CODEC = 0
"""Stands for the number of the distortion where a pair is a codec's."""

CODECS: tuple[Distortion, ...] = (
    Distortion("jpeg-420", codecs.jpeg_420, 3, 75),
    Distortion("jpeg-444", codecs.jpeg_444, 3, 75),
    Distortion("webp", codecs.webp, 3, 60),
    Distortion("avif", codecs.avif, 5, 60),
    Distortion("jpeg2000", codecs.jpeg2000, 3, 30),
    Distortion("varjpeg", codecs.varjpeg, 3, 75),
)


@dataclass(frozen=True, slots=True)
class OpinionPhoto:
    """A reference and its versions: uint8 (V, H, W, 3), ``info`` (V, 2) distortion and level, ``psnr`` and
    ``ssimulacra2`` (V,).
    """

    reference: Rgb8
    distorted: Rgb8
    info: NDArray[np.int64]
    psnr: NDArray[np.float64]
    ssimulacra2: NDArray[np.float64]


def make_opinion_pairs(data: Path, split: Split, folder: Path, *, seed: int, processes: int) -> None:
    """Write one file per photo into ``folder``; files that are there already are kept."""
    numbered = enumerate(learning_paths(data, split))
    jobs = {folder / f"{path.stem}.npz": (path, seed + index) for index, path in numbered}
    make_files(_make_photo, jobs, processes=processes, description=f"opinions of {split}")


def read_opinion_pairs(folder: Path) -> Iterator[tuple[str, OpinionPhoto]]:
    """Name and pairs of each photo of ``make_opinion_pairs``, in a fixed order.

    Raises: FileNotFoundError if there are none.
    """
    for name, arrays in read_files(folder, made_by="limen-train prepare full_reference"):
        yield name, OpinionPhoto(**arrays)


def _make_photo(source: Path, seed: int) -> Arrays:
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    reference = random_crop(load_photo(source), rng)
    drawn = [_draw_tid(reference, rng) for _ in range(TID_VERSIONS)] + [
        _draw_codec(reference, rng) for _ in range(CODEC_VERSIONS)
    ]
    distorted = np.stack([pixels for pixels, _, _ in drawn])
    return {
        "reference": reference,
        "distorted": distorted,
        "info": np.array([(kind, level) for _, kind, level in drawn]),
        "psnr": np.array([psnr_db(reference, version) for version in distorted]),
        "ssimulacra2": np.array([ssimulacra2_of_arrays(reference, version)[0] for version in distorted]),
    }


def _draw_tid(reference: Rgb8, rng: np.random.Generator) -> tuple[Rgb8, int, int]:
    distortion, level = int(rng.choice(LENT)), int(rng.integers(1, 6))
    kind = kind_of(distortion, level)
    spread = 0.0 if distortion in BY_LEVEL else rng.uniform(-PSNR_SPREAD_DB, PSNR_SPREAD_DB)
    target_db, seed = PSNR_OF_LEVEL_DB[level - 1] + spread, int(rng.integers(2**31))
    pixels = at_psnr(reference, kind.apply, target_db, seed=seed, low=kind.low, high=kind.high, within_db=0.3)
    return pixels, distortion, level


def _draw_codec(reference: Rgb8, rng: np.random.Generator) -> tuple[Rgb8, int, int]:
    """Uniform in quality (JPEG 2000: log-uniform in rate), so that high qualities are as frequent as low ones."""
    kind = CODECS[int(rng.integers(len(CODECS)))]
    even = kind.draw_strength(rng) if kind.name == "jpeg2000" else rng.uniform(kind.weakest, kind.strongest)
    return kind.apply(reference, even, rng), CODEC, 0


def opinion_of(
    table: dict[tuple[int, int], float], info: NDArray[np.int64], psnr: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean opinion of each pair's kind at its PSNR, by straight lines between the levels.

    Args: ``table``: mean MOS by (distortion, level); ``info`` (V, 2) and ``psnr`` (V,) of the pairs. Returns: (V,), NaN
    for codecs, for pairs more than 4 dB beyond what TID2013 holds and for kinds that ``table`` does not hold.
    """
    found = np.full(len(info), np.nan)
    for index, (distortion, level) in enumerate(info):
        if distortion == CODEC or not min(PSNR_OF_LEVEL_DB) - 4 < psnr[index] < max(PSNR_OF_LEVEL_DB) + 4:
            continue
        if distortion in BY_LEVEL:
            if abs(psnr[index] - PSNR_OF_LEVEL_DB[level - 1]) < PSNR_SPREAD_DB:
                found[index] = table.get((distortion, level), np.nan)
            continue
        known = [step for step in range(5, 0, -1) if (distortion, step) in table]
        if known:
            at = [PSNR_OF_LEVEL_DB[step - 1] for step in known]
            found[index] = np.interp(psnr[index], at, [table[distortion, step] for step in known])
    return found


def mean_opinions(info: NDArray[np.int64], mos: NDArray[np.float64]) -> dict[tuple[int, int], float]:
    """Mean MOS by (distortion, level) over photos: ``info`` (N, 2), ``mos`` (N,)."""
    cells = {(int(distortion), int(level)) for distortion, level in info}
    return {cell: float(mos[(info == cell).all(1)].mean()) for cell in cells}
