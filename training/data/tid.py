"""TID2008 and TID2013: 25 photos, 17 or 24 distortions, 4 or 5 levels, mean opinion score 0..9.

Layout as given out: ``reference_images/I01.BMP``, ``distorted_images/i01_01_1.bmp`` (photo, distortion, level; case of
the names varies) and ``mos_with_names.txt`` with ``mos_std.txt`` line by line beside it. Ponomarenko et al. 2009 and
2015.
"""

from pathlib import Path

from training.data.errors import DatasetFormatError, Home
from training.data.records import DistortedPair, ScoredPair

TID2008 = Home("TID2008", "https://www.ponomarenko.info/tid2008.htm")
TID2013 = Home("TID2013", "https://www.ponomarenko.info/tid2013.htm")


def read_tid2008(root: Path) -> list[ScoredPair]:
    """1700 pairs of 25 sources. Raises: DatasetMissingError; DatasetFormatError."""
    return _read(root, TID2008)


def read_tid2013(root: Path) -> list[ScoredPair]:
    """3000 pairs of 25 sources. Raises: DatasetMissingError; DatasetFormatError."""
    return _read(root, TID2013)


def _read(root: Path, home: Home) -> list[ScoredPair]:
    scores = home.existing(root / "mos_with_names.txt")
    references = _by_lower_name(home.existing(root / "reference_images"))
    distorted = _by_lower_name(home.existing(root / "distorted_images"))
    lines = [line.split() for line in scores.read_text().splitlines() if line.strip()]
    deviations = _deviations(root / "mos_std.txt", len(lines))
    pairs = []
    for number, (line, deviation) in enumerate(zip(lines, deviations, strict=True), start=1):
        try:
            mos, name = float(line[0]), line[1].lower()
            source, distortion, level = Path(name).stem.split("_")
        except (ValueError, IndexError) as error:
            raise DatasetFormatError(f"{scores}: line {number} is not 'MOS i01_01_1.bmp'") from error
        reference = references.get(f"{source}.bmp", root / "reference_images" / f"{source}.bmp")
        version = distorted.get(name, root / "distorted_images" / name)
        pair = DistortedPair(home.existing(reference), home.existing(version), source, distortion, int(level))
        pairs.append(ScoredPair(pair, mos, deviation))
    return pairs


def _by_lower_name(folder: Path) -> dict[str, Path]:
    return {path.name.lower(): path for path in folder.iterdir()}


def _deviations(path: Path, count: int) -> list[float | None]:
    if not path.is_file():
        return [None] * count
    values: list[float | None] = [float(word) for word in path.read_text().split()]
    if len(values) != count:
        raise DatasetFormatError(f"{path}: {len(values)} deviations for {count} scores")
    return values
