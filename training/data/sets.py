"""What a folder of published data sets holds: each is read as an experiment reads it, and what is missing is said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.data.csiq import read_csiq
from training.data.errors import DatasetFormatError, DatasetMissingError
from training.data.hmii import read_hmii
from training.data.jnd_pano import read_jnd_pano
from training.data.kadid import read_kadid10k, read_kadis700k
from training.data.koniq import read_koniq10k
from training.data.konpatch import read_konpatch
from training.data.live import read_live
from training.data.mcl_jci import read_mcl_jci
from training.data.shen2020 import read_shen2020
from training.data.tid import read_tid2008, read_tid2013

FOUND, MISSING, BROKEN = "found", "missing", "broken"
"""Read as an experiment reads it; no folder of that name; a folder that cannot be read as the set."""

READERS: dict[str, tuple[Callable[[Path], Sequence[Any]], int]] = {
    "mcl-jci": (read_mcl_jci, 50),
    "jnd-pano": (read_jnd_pano, 40),
    "kadis-700k": (read_kadis700k, 700_000),
    "kadid-10k": (read_kadid10k, 10_125),
    "tid2008": (read_tid2008, 1_700),
    "tid2013": (read_tid2013, 3_000),
    "live": (read_live, 779),
    "csiq": (read_csiq, 866),
    "koniq-10k": (read_koniq10k, 10_073),
    "shen2020": (read_shen2020, 202),
    "konpatch": (read_konpatch, 32_000),
    "hmii/64": (read_hmii, 0),
    "hmii/128": (read_hmii, 0),
}
"""Reader and number of items of the whole set, 0 where no paper says it, by the name of the folder."""

WEIGHTS = {
    "imagenet/inception_v3.pth": "torchvision's state dict of Inception-V3",
    "imagenet/vgg13_bn.pth": "torchvision's state dict of VGG13-bn",
    "beit/config.json": "a BEiT for segmentation, as save_pretrained of transformers writes it",
}
"""Weights that some experiments start from, by their place."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Of one data set or file, by its place below the root: its ``state``, and how much there is or what is missing."""

    name: str
    state: str
    says: str


def look_through(root: Path) -> list[Finding]:
    """What ``root`` holds of the published data sets and of weights to start from."""
    sets = [_look_at(root / name, name, read, whole) for name, (read, whole) in READERS.items()]
    weights = [Finding(name, FOUND if (root / name).is_file() else MISSING, says) for name, says in WEIGHTS.items()]
    return sets + weights


def _look_at(folder: Path, name: str, read: Callable[[Path], Sequence[Any]], whole: int) -> Finding:
    try:
        count = len(read(folder))
    except (DatasetMissingError, DatasetFormatError) as error:
        return Finding(name, BROKEN if folder.is_dir() else MISSING, str(error))
    part = f" of {whole}" if whole and count != whole else ""
    return Finding(name, FOUND, f"{count}{part} items")
