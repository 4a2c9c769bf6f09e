"""KonIQ-10k: 10,073 photos as found on the web, each judged by about 120 people, without a reference.

Layout as given out: ``koniq10k_scores_and_distributions.csv`` with ``image_name``, ``MOS`` or ``MOS_zscore`` and
``SD``; the images in ``1024x768`` or ``512x384``. Hosu, Lin, Sziranyi and Saupe 2020.
"""

import csv
from pathlib import Path

from training.data.errors import DatasetFormatError, Home
from training.data.records import ScoredImage

KONIQ = Home("KonIQ-10k", "https://database.mmsp-kn.de/koniq-10k-database.html")
FOLDERS = ("1024x768", "512x384")


def read_koniq10k(root: Path) -> list[ScoredImage]:
    """Images with the MOS 1..100 (``MOS_zscore``) where the file has it, else 1..5.

    Raises: DatasetMissingError; DatasetFormatError.
    """
    table = KONIQ.existing(root / "koniq10k_scores_and_distributions.csv")
    folder = next((root / name for name in FOLDERS if (root / name).is_dir()), root / FOLDERS[0])
    KONIQ.existing(folder)
    images = []
    with table.open(newline="") as file:
        reader = csv.DictReader(file)
        column = "MOS_zscore" if "MOS_zscore" in (reader.fieldnames or ()) else "MOS"
        for number, row in enumerate(reader, start=2):
            try:
                mos, deviation = float(row[column]), float(row["SD"])
            except (KeyError, ValueError) as error:
                raise DatasetFormatError(f"{table}: line {number} has no {column} or SD") from error
            images.append(ScoredImage(KONIQ.existing(folder / row["image_name"]), mos, deviation))
    return images
