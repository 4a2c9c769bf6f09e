"""A photo's SUR curve through few samples: levels are chosen by bisection where the curve falls, and a GEV is fitted
through them. Paper: Lin et al. 2020, section 5.4.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.sur.gev import LEVELS, GevParameters, fit_gev, percent_jnd, percent_sur, still_satisfied, sur_curve
from models.sur.observers import ObserverProfile, load_observer_table
from models.types import Progress

FIRST_LEVELS = (1, 100, 25, 50)
EVALUATIONS = 10
SMALLEST_DROP = 0.06
"""Bisection ends after this many encodes, or when the curve falls by less than this between neighbouring samples."""

INTERVAL_COVERAGE = 0.8
INTERVAL_DEVIATIONS = 1.2816
"""Standard normal quantile of 0.9: the interval holds the middle 80 %."""

BAND_COVERAGE = 0.95
BAND_DEVIATIONS = 1.96
"""Standard normal quantile of 0.975: the band holds the middle 95 %."""


@dataclass(frozen=True, slots=True)
class SurInterval:
    """Where the p% JND and p% SUR lie with probability ``coverage``, as (low, high) levels.

    Moves the predicted ln distance by 1.28 standard deviations of its error on photos the network never saw, both ways.
    Covers the network's error against its teacher, not the teacher's against people; under a profile that was fitted to
    an observer study and says by how much photos differ for its observers, it covers that.
    """

    percent_jnd: tuple[int, int]
    percent_sur: tuple[int, int]
    coverage: float


@dataclass(frozen=True, slots=True)
class SurBand:
    """Between which shares the curve lies at each level with probability ``coverage``: ``low`` and ``high``, (100,).

    Made as ``SurInterval`` is, level by level: it covers the network's error against its teacher and no more.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    coverage: float


@dataclass(frozen=True)
class SampledCurve:
    """What was predicted at some levels, and who looks: ``log_distances`` is ln distance by level, 1..100."""

    log_distances: dict[int, float]
    profile: ObserverProfile
    jnd: int

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """Where the network was asked, rising."""
        return tuple(sorted(self.log_distances))

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """Share of viewers who have noticed nothing up to each of ``levels``."""
        return self._shares(0.0)

    @cached_property
    def gev(self) -> GevParameters:
        """Of the curve through ``shares``, rounded to 1e-4 so that machines agree."""
        return self._gev(0.0)

    @property
    def residual_rms(self) -> float:
        """Of the fit through ``shares``."""
        return math.sqrt(float(np.mean((self.shares - sur_curve(self.gev, self.levels)) ** 2)))

    def interval(self, percent: float) -> SurInterval:
        """Where the p% JND and the p% SUR lie, ``percent`` in 0..100."""
        worse, better = self._shifted(INTERVAL_DEVIATIONS)
        return SurInterval(
            (percent_jnd(worse, percent), percent_jnd(better, percent)),
            (percent_sur(worse, percent), percent_sur(better, percent)),
            INTERVAL_COVERAGE,
        )

    def band(self) -> SurBand:
        """Where the curve lies at each level."""
        worse, better = self._shifted(BAND_DEVIATIONS)
        shares = np.round([sur_curve(each) for each in (worse, self.gev, better)], 6)
        return SurBand(shares.min(axis=0), shares.max(axis=0), BAND_COVERAGE)

    def _shifted(self, deviations: float) -> tuple[GevParameters, GevParameters]:
        """The curve if the photo's distances were that many standard deviations longer, and shorter."""
        error = self.profile.log_distance_error
        shift = deviations * (load_observer_table().log_distance_error if error is None else error)
        return self._gev(shift), self._gev(-shift)

    def _gev(self, shift: float) -> GevParameters:
        gev = fit_gev(self.levels, self._shares(shift))
        return GevParameters(round(gev.location, 4), round(gev.scale, 4), round(gev.shape, 4))

    def _shares(self, shift: float) -> NDArray[np.float64]:
        distances = [self.log_distances[level] + shift for level in self.levels]
        return still_satisfied(self.levels, [self.profile.satisfied_share(each, self.jnd) for each in distances])


def sample_curve(
    distance_at: Callable[[int], float], share_of: Callable[[float], float], report: Progress
) -> dict[int, float]:
    """ln distance at few levels: a coarse bracket, then the middle of the widest fall of the share, again and again."""
    distances: dict[int, float] = {}
    for level in FIRST_LEVELS:
        distances[level] = distance_at(level)
        report(len(distances) / EVALUATIONS)
    while len(distances) < EVALUATIONS:
        middle = next_level({level: share_of(distance) for level, distance in distances.items()})
        if middle is None:
            break
        distances[middle] = distance_at(middle)
        report(len(distances) / EVALUATIONS)
    report(1.0)
    return distances


def interpolate_sizes(sizes: dict[int, int]) -> NDArray[np.int64]:
    """Bytes at every level, (100,): those in ``sizes`` as they are, between them linear in their logarithm."""
    levels = sorted(sizes)
    logarithms = np.interp(LEVELS, levels, np.log([sizes[level] for level in levels]))
    return np.asarray(np.rint(np.exp(logarithms)), dtype=np.int64)


def next_level(shares: dict[int, float]) -> int | None:
    """Middle of the neighbouring levels between which the share falls most; None where no fall is worth an encode."""
    levels = sorted(shares)
    gaps = [(shares[a] - shares[b], a, b) for a, b in itertools.pairwise(levels) if b - a > 1]
    drop, low, high = max(gaps, default=(0.0, 0, 0))
    return (low + high) // 2 if drop > SMALLEST_DROP else None
