"""Satisfied user ratio: the generalised extreme value (GEV) model of just noticeable differences.

Paper: Lin et al. 2020, SUR-FeatNet. A viewer's JND is a quality factor X on the QF axis, GEV distributed (equation
1); as a distortion level it is Y = 101 - X (equation 2). The satisfied user ratio at level n is P(Y > n) = P(X < 101
- n): the share of viewers who see no difference yet. ``shape`` is xi as in Coles; SciPy's ``c`` is -xi.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidDistributionError, InvalidParameterError

LEVELS: NDArray[np.int64] = np.arange(1, 101)
"""The distortion levels n = 101 - QF of JPEG, section 2."""

GUMBEL_SHAPE = 1e-6
"""Below this |xi| the GEV equals its limit, the Gumbel distribution, to within rounding."""

MEDIAN_RANGE = (-100.0, 200.0)
SCALE_RANGE = (0.25, 25.0)
SHAPE_RANGE = (-1.5, 1.5)
"""Bounds of the fit on the QF axis. MCL-JCI's 150 published fits lie in location 8..47, scale 2..20, shape -1.4..0.8;
the bounds add room for curves that have hardly fallen at level 100 or have already fallen at level 1. The room ends at
25: where few viewers notice even level 100, samples no longer tell a wide distribution from a far one, and a bound of
100 let one such photo of 66 raise the mean scale of the third JND by a quarter."""

START_SHAPES = (-0.5, 0.0, 0.5)

START_TOLERANCE, START_WEIGHT = 0.02, 10.0
"""At the lowest level a fit may lie this far below the sample, and is drawn back beyond. Else a heavy tail that suits
the fall of a curve best can have 4 % of viewers notice the best JPEG; other fits do not feel it."""


@dataclass(frozen=True, slots=True)
class GevParameters:
    """GEV of the JND on the QF axis: ``location`` mu and ``scale`` sigma > 0 in QF units, ``shape`` xi as in Coles."""

    location: float
    scale: float
    shape: float


def sur_curve(gev: GevParameters, levels: ArrayLike = LEVELS) -> NDArray[np.float64]:
    """Fraction of viewers who see no difference at each distortion level.

    Args: ``gev``: distribution of the JND on the QF axis; ``levels``: distortion levels (101 - QF), shape (L,).
    Returns: shape (L,), in [0, 1], never increasing where ``levels`` increase.
    Raises: InvalidDistributionError if ``gev`` is no distribution. Reference: Lin et al. 2020, section 4, equation 2.
    """
    _check(gev)
    return _cdf(_standardised(gev, levels), gev.shape)


def percent_jnd(gev: GevParameters, percent: float) -> int:
    """Smallest level at which at least ``percent`` (0..100) of the viewers have noticed; 100 if none is that bad.

    Raises: InvalidDistributionError, InvalidParameterError. Reference: Lin et al. 2020, definition 2.
    """
    reached = np.flatnonzero(1 - sur_curve(gev) >= _share(percent))
    return int(LEVELS[reached[0]]) if reached.size else int(LEVELS[-1])


def percent_sur(gev: GevParameters, percent: float) -> int:
    """Largest level at which at least ``percent`` (0..100) of the viewers are satisfied; 1 if none is that good.

    Raises: InvalidDistributionError, InvalidParameterError. Reference: Lin et al. 2020, definition 4.
    """
    satisfied = np.flatnonzero(sur_curve(gev) >= _share(percent))
    return int(LEVELS[satisfied[-1]]) if satisfied.size else int(LEVELS[0])


def bhattacharyya_distance(a: GevParameters, b: GevParameters) -> float:
    """Bhattacharyya distance of two JND distributions; 0 for equal ones that lie within the levels.

    -ln of the sum over levels 1..100 of sqrt(f_a f_b), with f the continuous density taken at the level and *not*
    normalised over the levels. This reproduces Table 6 of Lin et al. 2020 to a median error of 0.0003 and a largest
    one of 0.0017, what rounding of the printed parameters allows. The largest error is 0.0034 with probabilities of
    the levels instead, 0.011 with densities over the whole axis, 0.031 with densities normalised over the levels and
    0.23 with sqrt(1 - coefficient). Infinite where the supports do not meet.
    Raises: InvalidDistributionError.
    """
    coefficient = float(np.sqrt(_density(a, LEVELS) * _density(b, LEVELS)).sum())
    return max(0.0, -math.log(coefficient)) if coefficient > 0 else math.inf


def still_satisfied(levels: ArrayLike, sur: ArrayLike) -> NDArray[np.float64]:
    """Share of viewers who have noticed nothing up to each level: the running minimum of ``sur`` over rising levels.

    By definition 1 the JND is the *smallest* level that a viewer perceives; SUR(n) counts who perceived none of 1..n.
    It matters where a stronger compression happens to look better: on smooth skies and in the dark, where the few
    quantised means of blocks fall near the true colour at one level and not at the one before.
    Args: ``levels``, ``sur``: shape (L,), in any order; returns the shares in the same order.
    """
    order = np.argsort(np.asarray(levels), kind="stable")
    shares = np.array(sur, dtype=np.float64)
    shares[order] = np.minimum.accumulate(shares[order])
    return shares


def fit_gev(levels: ArrayLike, sur: ArrayLike) -> GevParameters:
    """Least-squares GEV through samples of an SUR curve, whatever their number and noise.

    Args: ``levels``: distortion levels, shape (L,), L >= 1; ``sur``: fraction of satisfied viewers there, shape (L,).
    Returns: parameters within the ranges above, so that the curve is always valid and never increasing.
    Raises: InvalidParameterError if shapes differ, nothing is given or a value is not finite.
    Reference: Lin et al. 2020, section 5.4.
    """
    x, y = np.asarray(levels, dtype=np.float64), np.asarray(sur, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or not x.size or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InvalidParameterError("an SUR fit takes finite levels and shares of one shape (L,), L >= 1")
    median, spread = _first_guess(x, np.clip(y, 0, 1))
    fits = [_descend(x, y, np.array([median, math.log(spread), shape])) for shape in START_SHAPES]
    return min(fits, key=lambda fit: fit[0])[1]


def _descend(
    levels: NDArray[np.float64], sur: NDArray[np.float64], start: NDArray[np.float64]
) -> tuple[float, GevParameters]:
    """Cost and parameters of the local least-squares solution nearest ``start`` (median, ln scale, shape).

    The median instead of the location: it hardly moves when scale and shape do.
    """

    best = int(np.argmin(levels))

    def residuals(point: NDArray[np.float64]) -> NDArray[np.float64]:
        gev = _from_median(point)
        # The weak pull to shape 0 picks one curve where few samples allow many; it moves a full fit by under 1e-4.
        misses = _cdf(_standardised(gev, levels), gev.shape) - sur
        return np.concatenate([misses, [1e-3 * gev.shape, START_WEIGHT * min(0.0, misses[best] + START_TOLERANCE)]])

    lower, upper = zip(MEDIAN_RANGE, tuple(math.log(s) for s in SCALE_RANGE), SHAPE_RANGE, strict=True)
    from scipy.optimize import least_squares  # a third of a second, which few verbs need

    result = least_squares(residuals, start, bounds=(lower, upper), x_scale=(10.0, 0.5, 0.2), method="trf")
    return float(result.cost), _from_median(result.x)


def _from_median(point: NDArray[np.float64]) -> GevParameters:
    median, scale, shape = float(point[0]), math.exp(point[1]), float(point[2])
    offset = -math.log(math.log(2)) if abs(shape) < GUMBEL_SHAPE else (math.log(2) ** -shape - 1) / shape
    return GevParameters(median - scale * offset, scale, shape)


def _first_guess(levels: NDArray[np.float64], sur: NDArray[np.float64]) -> tuple[float, float]:
    """Median and Gumbel scale on the QF axis from where the monotone envelope passes 3/4, 1/2 and 1/4."""
    order = np.argsort(levels, kind="stable")
    above = np.maximum.accumulate(sur[order][::-1])[::-1]
    below = np.minimum.accumulate(sur[order])
    anchored = np.concatenate([[1.0], (above + below) / 2, [0.0]])
    places = np.concatenate([[levels.min() - 15], levels[order], [levels.max() + 15]])
    high, middle, low = (101 - np.interp(-share, -anchored, places) for share in (0.75, 0.5, 0.25))
    scale = abs(high - low) / 1.572  # Gumbel: quantile(3/4) - quantile(1/4) = 1.572 scales
    return float(np.clip(middle, -90, 190)), float(np.clip(scale, 2 * SCALE_RANGE[0], SCALE_RANGE[1] / 1.25))


def _check(gev: GevParameters) -> None:
    values = (gev.location, gev.scale, gev.shape)
    if not all(math.isfinite(value) for value in values) or gev.scale <= 0:
        raise InvalidDistributionError(f"GEV parameters are finite with scale > 0, not {gev}")


def _share(percent: float) -> float:
    if not 0 <= percent <= 100:
        raise InvalidParameterError(f"percent lies in 0..100, not {percent}")
    return percent / 100


def _standardised(gev: GevParameters, levels: ArrayLike) -> NDArray[np.float64]:
    return (101 - np.asarray(levels, dtype=np.float64) - gev.location) / gev.scale


def _tail(z: NDArray[np.float64], shape: float) -> NDArray[np.float64]:
    """t(z) = (1 + xi z)^(-1/xi), so that the CDF is exp(-t); infinite below the support and 0 above it."""
    with np.errstate(over="ignore", divide="ignore"):
        if abs(shape) < GUMBEL_SHAPE:
            return np.asarray(np.exp(-z))
        return np.asarray(np.exp(-np.log(np.maximum(1 + shape * z, 0)) / shape))


def _cdf(z: NDArray[np.float64], shape: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-_tail(z, shape)))


def _density(gev: GevParameters, levels: ArrayLike) -> NDArray[np.float64]:
    """Density of the JND at each distortion level, per level. Reference: Lin et al. 2020, equations 1 and 2."""
    _check(gev)
    z = _standardised(gev, levels)
    tail = _tail(z, gev.shape)
    inside = 1 + gev.shape * z > 0
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        density = tail ** (1 + gev.shape) * np.exp(-tail) / gev.scale
    return np.where(inside & np.isfinite(density), density, 0.0)
