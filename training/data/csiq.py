"""CSIQ: 30 photos, six distortions, four or five levels, DMOS 0..1 (lower is better).

Layout as given out: ``src_imgs/1600.png``; ``dst_imgs/awgn/1600.AWGN.1.png`` and so on; ``csiq.DMOS.xlsx`` with the
sheet ``all_by_image``, whose header row names ``image``, ``dst_type``, ``dst_lev``, ``dmos_std`` and ``dmos``. Larson
and Chandler 2010.
"""

from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from training.data.errors import DatasetFormatError, Home
from training.data.records import DistortedPair, ScoredPair

CSIQ = Home("CSIQ", "https://qualinet.github.io/databases/image/categorical_image_quality_csiq_database/")
SHEET = "all_by_image"
COLUMNS = ("image", "dst_type", "dst_lev", "dmos_std", "dmos")
# Folder and word in the file names, by the name of the distortion in the sheet.
FILES = {
    "noise": ("awgn", "AWGN"),
    "blur": ("blur", "BLUR"),
    "contrast": ("contrast", "contrast"),
    "fnoise": ("fnoise", "fnoise"),
    "jpeg": ("jpeg", "JPEG"),
    "jpeg 2000": ("jpeg2000", "jpeg2000"),
}


def read_csiq(root: Path) -> list[ScoredPair]:
    """866 pairs with ``quality`` = 1 - DMOS. Raises: DatasetMissingError; DatasetFormatError."""
    sheet = CSIQ.existing(root / "csiq.DMOS.xlsx")
    book = load_workbook(sheet, read_only=True, data_only=True)
    try:
        if SHEET not in book.sheetnames:
            raise DatasetFormatError(f"{sheet}: no sheet {SHEET}")
        rows = [list(row) for row in book[SHEET].iter_rows(values_only=True)]
    finally:
        book.close()
    start, places = _header(rows, sheet)
    return [_pair(root, [row[place] for place in places]) for row in rows[start:] if row[places[0]] is not None]


def _header(rows: list[list[Any]], sheet: Path) -> tuple[int, list[int]]:
    for number, row in enumerate(rows):
        if all(name in row for name in COLUMNS):
            return number + 1, [row.index(name) for name in COLUMNS]
    raise DatasetFormatError(f"{sheet}: no row that names {', '.join(COLUMNS)}")


def _pair(root: Path, row: list[Any]) -> ScoredPair:
    image, distortion, level, deviation, dmos = row
    # The sheet holds names like 1600 as numbers, some of them as floats.
    source = str(int(image)) if isinstance(image, (int, float)) else str(image)
    if distortion not in FILES:
        raise DatasetFormatError(f"CSIQ: unknown distortion {distortion!r} of image {source}")
    folder, word = FILES[distortion]
    reference = CSIQ.existing(root / "src_imgs" / f"{source}.png")
    version = CSIQ.existing(root / "dst_imgs" / folder / f"{source}.{word}.{int(level)}.png")
    return ScoredPair(
        DistortedPair(reference, version, source, str(distortion), int(level)), 1.0 - float(dmos), float(deviation)
    )
