"""What the readers of data sets return: paths and labels, no pixels; every direction and axis is the same in all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DistortedPair:
    """A photo and a distorted version of it, not judged by anybody.

    ``source`` names the pristine photo: splits go by it. ``level``: rises with the distortion, from 1.
    """

    reference: Path
    distorted: Path
    source: str
    distortion: str
    level: int


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """A pair with the mean opinion of people.

    ``quality``: in the units of the data set, higher is better in all of them; ``deviation``: standard deviation of the
    opinions in the same units, None where it is not given out.
    """

    pair: DistortedPair
    quality: float
    deviation: float | None


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """An image without a reference, with its mean opinion score, higher is better."""

    path: Path
    mos: float
    deviation: float | None


@dataclass(frozen=True, slots=True)
class JndPhoto:
    """A photo, its compressed versions, and where observers noticed the first, second and third difference.

    ``versions``: files by distortion level 1..100 (level = 101 - QF). ``samples``: by JND 1..3, one distortion level
    per observer.
    """

    source: str
    reference: Path
    versions: Mapping[int, Path]
    samples: Mapping[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class LosslessPair:
    """An original and the strongest distortion of it that looked lossless."""

    reference: Path
    visually_lossless: Path
    source: str


@dataclass(frozen=True, slots=True)
class JudgedPatch:
    """A 64x64 patch, whether it was marked as high quality, and the MOS of the photo it was cut from (1..100)."""

    path: Path
    source: str
    high_quality: bool
    source_mos: float


@dataclass(frozen=True, slots=True)
class Box:
    """Rectangle in pixels, right and bottom excluded."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class LocalOpinions:
    """An image and, by participant, the areas marked as high quality; no box at all says that there is none."""

    path: Path
    boxes: Mapping[str, tuple[Box, ...]]
