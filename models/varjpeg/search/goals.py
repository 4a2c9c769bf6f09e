"""What a search looks for and finds: a goal on a judge's scale, settings, judgements, trials, and the file chosen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from models.varjpeg.photo import Encoded

EncodeTurbo = Callable[[int], Encoded]
"""libjpeg-turbo at a QF 1..100."""

LOWEST_QUALITY, HIGHEST_QUALITY = 2.0, 100.0

SIZE_PER_QUALITY = 0.028
"""First guess of d ln(size) / d quality, median over photos/train between 50 and 85."""


class Encoder(StrEnum):
    """Who made a file: Limen from the pixels, Limen from the input's own coefficients, or the input as it came."""

    LIMEN = "limen"
    COEFFICIENTS = "limen-coefficients"
    LIBJPEG_TURBO = "libjpeg-turbo"
    INPUT = "input"


@dataclass(frozen=True, slots=True)
class Setting:
    """What the search chooses. ``quality``: 2..100 in steps of 1/8; ``lambda_scale``: what a bit costs, times the
    usual."""

    quality: float
    lambda_scale: float = 1.0


Encode = Callable[[Setting], Encoded]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of a file. ``score`` rises with quality; ``sur`` and ``metric`` as far as they were asked."""

    score: float
    sur: float | None = None
    metric: float | None = None


Judge = Callable[[bytes], Judgement]
"""Decodes the bytes that would be sent, or a draft of the same pixels."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A few places of a large photo as a small photo, with its encoders and its own judge: its score follows settings
    as that of the whole does, a constant apart."""

    judge: Judge
    encode: Encode
    encode_full_chroma: Encode | None = None
    encode_coefficients: Encode | None = None
    encode_turbo: Encode | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """``wanted``: the least score; ``enough``: no smaller file is looked for once the score lies between both;
    ``tolerable``: nor, after a few encodes, once it lies under this.

    ``qualities`` and ``scores``, both rising: where typical photos lie on this scale; ``lambda_slopes``: at some
    qualities, by how much they fall on it with ln(lambda scale), none where lambda is no choice. ``name`` says
    the goal in words.
    """

    wanted: float
    enough: float
    tolerable: float
    qualities: tuple[float, ...]
    scores: tuple[float, ...]
    lambda_slopes: tuple[tuple[float, float], ...]
    name: str

    def typical_score(self, quality: float) -> float:
        """Score of a typical photo, straight on beyond the table's ends."""
        return _interpolated(quality, self.qualities, self.scores)

    def typical_quality(self, score: float) -> float:
        """Inverse of ``typical_score``."""
        return _interpolated(score, self.scores, self.qualities)

    def higher(self, by: float) -> "Goal":
        """The same goal where every score is ``by`` higher."""
        return replace(self, wanted=self.wanted + by, enough=self.enough + by, tolerable=self.tolerable + by)

    def lambda_slope(self, quality: float) -> float:
        """By how much the score of a typical photo falls with ln(lambda scale), 0 where lambda is no choice."""
        if not self.lambda_slopes:
            return 0.0
        qualities, slopes = zip(*self.lambda_slopes, strict=True)
        return float(np.interp(quality, qualities, slopes))


@dataclass(frozen=True, slots=True)
class Trial:
    """One encoding that was looked at; the judgement is None where nobody was asked.

    ``size_bytes``: of those of ours that were not chosen by what re-coding has made of the one that was.
    """

    encoder: Encoder
    quality: float
    size_bytes: int
    judgement: Judgement | None = None
    lambda_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The file chosen, what the judge said of it, and how it was found."""

    data: bytes
    encoder: Encoder
    quality: float
    subsampling: str
    judgement: Judgement | None
    lambda_scale: float = 1.0
    trials: tuple[Trial, ...] = ()

    def judged(self, judgement: Judgement) -> "SearchResult":
        """The same with what was said of its bytes."""
        return replace(self, judgement=judgement)


def score_of(result: SearchResult) -> float:
    """What the judge gave it, minus infinity where nobody was asked."""
    return -np.inf if result.judgement is None else result.judgement.score


def _interpolated(x: float, xs: tuple[float, ...], ys: tuple[float, ...]) -> float:
    """Piecewise linear through rising points, straight on beyond the ends."""
    last = len(xs) - 1
    n = min(max(int(np.searchsorted(xs, x)), 1), last)
    return ys[n - 1] + (x - xs[n - 1]) * (ys[n] - ys[n - 1]) / (xs[n] - xs[n - 1])
