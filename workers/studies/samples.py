"""Answers of an observer study as the service exports them: ``samples.csv``, one line per answer.

The columns image, jnd, observer and qf are those of MCL-JCI. Beside them each line holds the ln distances between which
the observer's threshold lies, so that a profile can be fitted without the photos.
"""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FEWEST_SAMPLES = 10
"""Answers to a JND below which no threshold is fitted."""
NOTHING_SEEN = 101
"""Level of an observer who saw no difference even at level 100."""


@dataclass(frozen=True, slots=True)
class StudySample:
    """One answer: the lowest ``level``, 1..101, at which ``observer`` noticed a difference in photo ``image``.

    ``log_distance_below`` (minus infinity before level 1) and ``log_distance`` (infinity where nothing was seen):
    predicted ln distance at the level before and at this one, by the weights called ``distance_version``. ``sha256``:
    of the photo's file; ``width``, ``height``: as it was shown.
    """

    study: str
    image: int
    jnd: int
    observer: str
    level: int
    method: str
    pixels_per_degree: float
    log_distance_below: float
    log_distance: float
    distance_version: str
    sha256: str
    width: int
    height: int


def read_study(path: Path) -> list[StudySample]:
    """The answers that screening kept. Raises: ValueError that names the line."""
    with path.open(newline="") as file:
        return samples_of(file, str(path))


def samples_of(lines: Iterable[str], source: str) -> list[StudySample]:
    """The answers that screening kept, of a CSV with a header. Raises: ValueError that names ``source`` and line."""
    samples = []
    for number, row in enumerate(csv.DictReader(lines), start=2):
        try:
            if row["screening"] == "kept":
                samples.append(_sample(row))
        except (KeyError, ValueError, TypeError) as error:
            raise ValueError(f"{source}: line {number} is no answer of a study: {error!r}") from error
    return samples


def _sample(row: dict[str, str]) -> StudySample:
    jnd, noticed, quality = int(row["jnd"]), int(row["noticed"]), int(row["qf"] or 0)
    if jnd not in (1, 2, 3) or noticed not in (0, 1) or (noticed and not 1 <= quality <= 100):
        raise ValueError(f"jnd {jnd}, noticed {noticed}, qf {quality}")
    return StudySample(
        study=row["study"],
        image=int(row["image"]),
        jnd=jnd,
        observer=row["observer"],
        level=NOTHING_SEEN - quality if noticed else NOTHING_SEEN,
        method=row["method"],
        pixels_per_degree=float(row["pixels_per_degree"]),
        log_distance_below=float(row["log_distance_below"] or -math.inf),
        log_distance=float(row["log_distance"] or math.inf),
        distance_version=row["distance_version"],
        sha256=row["sha256"],
        width=int(row["width"]),
        height=int(row["height"]),
    )
