"""HMII: pairs of patches, 64x64 and 128x128, cut from H.265 video and judged by at least ten people each.

This reader takes ``reference/*.png``, ``distorted/*.png`` and ``dmos.csv`` with the header
``reference,distorted,source,qp,dmos``; the scale is that of the thesis' Figure 3.2, 1 bad to 5 excellent, so higher is
better. Section 3.1 of the DIPQA thesis.
"""

import csv
from pathlib import Path

from training.data.errors import DatasetFormatError, Home
from training.data.records import DistortedPair, ScoredPair

HMII = Home("HMII", "the author of the DIPQA thesis")


def read_hmii(root: Path) -> list[ScoredPair]:
    """Pairs of patches of one size, ``quality`` 1..5; ``level`` is the quantization parameter.

    Raises: DatasetMissingError; DatasetFormatError.
    """
    table = HMII.existing(root / "dmos.csv")
    pairs = []
    with table.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                names = [root / side / row[side] for side in ("reference", "distorted")]
                source, qp, dmos = row["source"], int(row["qp"]), float(row["dmos"])
            except (KeyError, ValueError, TypeError) as error:
                raise DatasetFormatError(f"{table}: line {number} is not reference,distorted,source,qp,dmos") from error
            reference, distorted = (HMII.existing(name) for name in names)
            pairs.append(ScoredPair(DistortedPair(reference, distorted, source, "hevc", qp), dmos, None))
    return pairs
