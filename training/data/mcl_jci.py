"""MCL-JCI: 50 photos of 1920x1080, each as JPEG at every QF 1..100, and the JNDs of 30 observers a photo.

Layout as given out: ``ImageJND_SRC01.bmp`` and ``ImageJND_SRC01_027.jpg`` (the number is the QF), in any folders below
the root. The samples: ``mcl_jci_jnd_samples.csv`` with the header ``image,jnd,observer,qf`` (JND 1, 2, 3), one line
per answer, which is also how an observer study of this project is exported; or, for the first JND alone,
``MCL-JCI_JND_samples.xlsx``, whose column B lists the QFs of a photo in one cell and a row. Jin et al. 2016.
"""

import csv
import re
from collections import defaultdict
from pathlib import Path

from openpyxl import load_workbook

from training.data.errors import DatasetFormatError, Home
from training.data.records import JndPhoto

MCL_JCI = Home("MCL-JCI", "https://mcl.usc.edu/mcl-jci-dataset/")
SAMPLES = "mcl_jci_jnd_samples.csv"
FIRST_JND_SHEET = "MCL-JCI_JND_samples.xlsx"
NAME = re.compile(r"ImageJND_SRC(\d+)(?:_(\d{3}))?$")
Samples = dict[int, dict[int, tuple[int, ...]]]


def read_mcl_jci(root: Path) -> list[JndPhoto]:
    """50 photos with samples by JND. Raises: DatasetMissingError; DatasetFormatError."""
    MCL_JCI.existing(root)
    references, versions = _images(root)
    photos = []
    for image, samples in sorted(_samples(root).items()):
        sources = [references[image]] if image in references else []
        reference = MCL_JCI.some(sources, f"ImageJND_SRC{image:02d}.bmp below {root}")[0]
        photos.append(JndPhoto(reference.stem, reference, dict(sorted(versions[image].items())), samples))
    return photos


def level_of(qf: int) -> int:
    """Distortion level 1..100 of a QF 1..100: 101 - QF. Raises: DatasetFormatError outside."""
    if not 1 <= qf <= 100:
        raise DatasetFormatError(f"QF {qf} is not in 1..100")
    return 101 - qf


def read_samples(path: Path) -> Samples:
    """Distortion levels by image and JND from a CSV file of ``image,jnd,observer,qf``.

    Raises: DatasetFormatError for another header, a JND outside 1..3 or a QF outside 1..100.
    """
    answers: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    with path.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                image, jnd, qf = int(row["image"]), int(row["jnd"]), int(row["qf"])
            except (KeyError, ValueError, TypeError) as error:
                raise DatasetFormatError(f"{path}: line {number} is not image,jnd,observer,qf") from error
            if not 1 <= jnd <= 3:
                raise DatasetFormatError(f"{path}: line {number} has JND {jnd}, not 1, 2 or 3")
            answers[image][jnd].append(level_of(qf))
    return {
        image: {jnd: tuple(levels) for jnd, levels in sorted(jnds.items())} for image, jnds in sorted(answers.items())
    }


def _images(root: Path) -> tuple[dict[int, Path], dict[int, dict[int, Path]]]:
    references: dict[int, Path] = {}
    versions: dict[int, dict[int, Path]] = defaultdict(dict)
    for path in root.rglob("ImageJND_SRC*"):
        match = NAME.match(path.stem)
        if match and path.suffix.lower() == ".jpg" and match[2]:
            versions[int(match[1])][level_of(int(match[2]))] = path
        elif match and path.suffix.lower() in {".bmp", ".png"} and not match[2]:
            references[int(match[1])] = path
    return references, versions


def _samples(root: Path) -> Samples:
    found = sorted(root.rglob(SAMPLES))
    if found:
        return read_samples(found[0])
    sheets = MCL_JCI.some(list(root.rglob(FIRST_JND_SHEET)), f"{SAMPLES} or {FIRST_JND_SHEET} below {root}")
    book = load_workbook(sheets[0], read_only=True, data_only=True)
    try:
        cells = [row[1] for row in book.worksheets[0].iter_rows(values_only=True) if len(row) > 1]
    finally:
        book.close()
    lists = [[int(number) for number in re.findall(r"\d+", str(cell))] for cell in cells if cell is not None]
    return {image: {1: tuple(level_of(qf) for qf in qfs)} for image, qfs in enumerate(filter(None, lists), start=1)}
