"""KonPatch: 32,000 patches of 64x64 from 500 photos of KonIQ-10k, each marked as high quality or not.

This reader takes ``patches/*.png`` and ``patches.csv`` with the header ``patch,source,high_quality,source_mos`` (0 or
1; MOS of the photo 1..100). For the maps of section 5.3: ``images/*`` and ``boxes.csv`` with
``image,participant,left,top,right,bottom`` in pixels, one line per box; a participant who saw no high-quality area has
one line with the four numbers left empty. Wiedemann 2018, sections 3.1 and 5.3.
"""

import csv
from collections import defaultdict
from pathlib import Path

from training.data.errors import DatasetFormatError, Home
from training.data.records import Box, JudgedPatch, LocalOpinions

KONPATCH = Home("KonPatch", "its author (Wiedemann et al., Disregarding the Big Picture, QoMEX 2018)")


def read_konpatch(root: Path) -> list[JudgedPatch]:
    """Patches in the order of the table. Raises: DatasetMissingError; DatasetFormatError."""
    table = KONPATCH.existing(root / "patches.csv")
    patches = []
    with table.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                mark, mos = {"0": False, "1": True}[row["high_quality"]], float(row["source_mos"])
                path, source = root / "patches" / row["patch"], row["source"]
            except (KeyError, ValueError) as error:
                raise DatasetFormatError(
                    f"{table}: line {number} is not patch,source,high_quality,source_mos"
                ) from error
            patches.append(JudgedPatch(KONPATCH.existing(path), source, mark, mos))
    return patches


def read_local_opinions(root: Path) -> list[LocalOpinions]:
    """Images with the boxes of each participant. Raises: DatasetMissingError; DatasetFormatError."""
    table = KONPATCH.existing(root / "boxes.csv")
    boxes: dict[str, dict[str, list[Box]]] = defaultdict(lambda: defaultdict(list))
    with table.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                of_participant = boxes[row["image"]][row["participant"]]
                sides = [row[name] for name in ("left", "top", "right", "bottom")]
                if any(sides):
                    of_participant.append(Box(*(int(side) for side in sides)))
            except (KeyError, ValueError, TypeError) as error:
                raise DatasetFormatError(
                    f"{table}: line {number} is not image,participant,left,top,right,bottom"
                ) from error
    return [
        LocalOpinions(
            KONPATCH.existing(root / "images" / name),
            {participant: tuple(found) for participant, found in people.items()},
        )
        for name, people in sorted(boxes.items())
    ]
