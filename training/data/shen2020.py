"""SHEN2020: 202 photos of 1920x1080, each with the strongest VVC compression of its patches that looked lossless.

No layout is documented by its authors; this reader takes ``original/NAME.png`` and ``jnd/NAME.png`` (or .bmp). Shen et
al., Just Noticeable Distortion Profile Inference, IEEE Transactions on Image Processing 30, 2021.
"""

from pathlib import Path

from training.data.errors import Home
from training.data.records import LosslessPair

SHEN2020 = Home("SHEN2020", "its authors (Shen et al., IEEE Transactions on Image Processing 30, 2021)")


def read_shen2020(root: Path) -> list[LosslessPair]:
    """Pairs in the order of their names. Raises: DatasetMissingError."""
    folder = SHEN2020.existing(root / "original")
    originals = SHEN2020.some(
        [path for path in folder.iterdir() if path.suffix.lower() in {".png", ".bmp"}], str(folder)
    )
    return [LosslessPair(path, SHEN2020.existing(root / "jnd" / path.name), path.stem) for path in originals]
