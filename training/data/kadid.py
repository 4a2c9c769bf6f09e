"""KADID-10k (81 photos, 25 distortions, five levels, opinions of people) and KADIS-700k (140,000 photos, none).

KADID-10k as given out: ``images/I01.png``, ``images/I01_01_01.png`` and ``dmos.csv`` with
``dist_img,ref_img,dmos,var``; its "DMOS" runs 1..5 and higher is better. KADIS-700k as given out: ``ref_imgs/`` and
``kadis700k_ref_imgs.csv``, whose first column is a file and second the number of its distortion;
``dist_imgs/NAME_TT_LL.bmp`` are made by the authors' program. Lin, Hosu and Saupe 2019 and 2020.
"""

import csv
import math
from pathlib import Path

from training.data.errors import DatasetFormatError, DatasetMissingError, Home
from training.data.records import DistortedPair, ScoredPair

KADID = Home("KADID-10k", "https://database.mmsp-kn.de/kadid-10k-database.html")
KADIS = Home("KADIS-700k", "https://database.mmsp-kn.de/kadis-700k-database.html")
LEVELS = range(1, 6)


def read_kadid10k(root: Path) -> list[ScoredPair]:
    """10,125 pairs of 81 sources, ``quality`` 1..5. Raises: DatasetMissingError; DatasetFormatError."""
    table = KADID.existing(root / "dmos.csv")
    images = KADID.existing(root / "images")
    pairs = []
    with table.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                source, distortion, level = Path(row["dist_img"]).stem.split("_")
                quality, deviation = float(row["dmos"]), math.sqrt(float(row["var"]))
            except (KeyError, ValueError) as error:
                raise DatasetFormatError(f"{table}: line {number} is not dist_img,ref_img,dmos,var") from error
            reference, version = (KADID.existing(images / row[name]) for name in ("ref_img", "dist_img"))
            pairs.append(
                ScoredPair(DistortedPair(reference, version, source, distortion, int(level)), quality, deviation)
            )
    return pairs


def read_kadis700k(root: Path, *, photos: int | None = None) -> list[DistortedPair]:
    """Five levels of one distortion for each of the first ``photos`` photos, all by default.

    Raises: DatasetMissingError, also when the distorted versions have not been made yet; DatasetFormatError.
    """
    table = KADIS.existing(root / "kadis700k_ref_imgs.csv")
    references = KADIS.existing(root / "ref_imgs")
    distorted = root / "dist_imgs"
    if not distorted.is_dir():
        raise DatasetMissingError(
            f"{KADIS.name}: {distorted} is missing; make it with the program that comes with the data set "
            f"({KADIS.place})"
        )
    with table.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    pairs = []
    for number, row in enumerate(rows[:photos], start=2):
        try:
            name, kind = row[0], int(row[1])
        except (ValueError, IndexError) as error:
            raise DatasetFormatError(f"{table}: line {number} is not a file and a distortion") from error
        stem = Path(name).stem
        for level in LEVELS:
            version = KADIS.existing(distorted / f"{stem}_{kind:02d}_{level:02d}.bmp")
            pairs.append(DistortedPair(KADIS.existing(references / name), version, stem, f"{kind:02d}", level))
    return pairs
