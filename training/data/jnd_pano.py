"""JND-Pano: 40 panoramas of 5000x2500 seen through a head-mounted display, each as JPEG at every QF 1..100.

No layout is documented by its authors; this reader takes ``reference/NAME.png`` (or .bmp), ``jpeg/NAME_QQQ.jpg`` with
the QF, and ``samples.csv`` with the header ``image,jnd,observer,qf``, where ``image`` is NAME. Liu et al. 2018.
"""

import csv
from collections import defaultdict
from pathlib import Path

from training.data.errors import DatasetFormatError, Home
from training.data.mcl_jci import level_of
from training.data.records import JndPhoto

JND_PANO = Home("JND-Pano", "its authors (Liu et al., JND-Pano, Pacific-Rim Conference on Multimedia 2018)")


def read_jnd_pano(root: Path) -> list[JndPhoto]:
    """Panoramas with samples by JND. Raises: DatasetMissingError; DatasetFormatError."""
    table = JND_PANO.existing(root / "samples.csv")
    folder = JND_PANO.existing(root / "reference")
    references = {path.stem: path for path in folder.iterdir() if path.suffix.lower() in {".png", ".bmp"}}
    versions: dict[str, dict[int, Path]] = defaultdict(dict)
    for path in JND_PANO.existing(root / "jpeg").glob("*_*.jpg"):
        name, _, qf = path.stem.rpartition("_")
        versions[name][level_of(int(qf))] = path
    photos = []
    for name, samples in sorted(_answers(table).items()):
        reference = JND_PANO.existing(references.get(name, folder / f"{name}.png"))
        photos.append(JndPhoto(name, reference, dict(sorted(versions[name].items())), samples))
    return photos


def _answers(table: Path) -> dict[str, dict[int, tuple[int, ...]]]:
    answers: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    with table.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                answers[row["image"]][int(row["jnd"])].append(level_of(int(row["qf"])))
            except (KeyError, ValueError, TypeError) as error:
                raise DatasetFormatError(f"{table}: line {number} is not image,jnd,observer,qf") from error
    return {name: {jnd: tuple(levels) for jnd, levels in jnds.items()} for name, jnds in answers.items()}
