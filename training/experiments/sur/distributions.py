"""Which distribution suits JND samples: maximum likelihood and the Anderson-Darling test. Lin et al. 2020, section 4.

Every candidate is fitted by maximum likelihood to each photo's samples, in QF. Candidates are ranked by the negative
log-likelihood, averaged over photos, and by the number of photos on which the test rejects the fitted distribution at
5 %. The candidates are those of the paper's Table 1, from Matlab, under SciPy's names; parameters that Matlab does not
have are fixed. Left out: Poisson, which is discrete and came last, and Stable, whose likelihood takes SciPy minutes.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from models.sur.gev import GevParameters

GEV = "Generalized Extreme Value"
CRITICAL_VALUE = 2.492
"""Of Anderson and Darling's statistic at 5 % where the distribution is given (Marsaglia and Marsaglia 2004).

Like Matlab's ``adtest`` with a distribution object, it does not know that the parameters were fitted to these samples.
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """SciPy's name of a distribution, parameters that stay fixed, and shapes to start the search from, if any."""

    scipy_name: str
    fixed: Mapping[str, float]
    start_shapes: tuple[float, ...] = ()

    def fit(self, samples: NDArray[np.float64]) -> Any:
        """Frozen distribution of the greatest finite likelihood that is found. Raises: scipy.stats.FitError."""
        family = getattr(stats, self.scipy_name)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # the search tries parameters outside of a family's range
            if not self.start_shapes:
                return family(*family.fit(samples, **self.fixed))
            found = [self._fit_from(shape, samples) for shape in self.start_shapes]
            return max(found, key=lambda trial: log_likelihood(trial, samples))

    def _fit_from(self, shape: float, samples: NDArray[np.float64]) -> Any:
        """Search from a shape, with Gumbel's location and scale of the same mean and deviation."""
        family = getattr(stats, self.scipy_name)
        scale = max(0.5, float(samples.std()) * math.sqrt(6) / math.pi)
        return family(*family.fit(samples, shape, loc=float(samples.mean()) - np.euler_gamma * scale, scale=scale))


def log_likelihood(distribution: Any, samples: NDArray[np.float64]) -> float:
    """Of samples (n,) under a frozen distribution; minus infinity where not finite, as at a pole of the density."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        value = float(distribution.logpdf(samples).sum())
    return value if math.isfinite(value) else -math.inf


_ORIGIN = {"floc": 0.0}
CANDIDATES: dict[str, Candidate] = {
    "Half-normal": Candidate("halfnorm", _ORIGIN),
    "Rayleigh": Candidate("rayleigh", _ORIGIN),
    "Exponential": Candidate("expon", _ORIGIN),
    GEV: Candidate("genextreme", {}, start_shapes=(-0.3, 0.0, 0.3)),
    "Generalized Pareto": Candidate("genpareto", _ORIGIN),
    "tLocation Scale": Candidate("t", {}),
    "Birnbaum-Saunders": Candidate("fatiguelife", _ORIGIN),
    "Extreme Value": Candidate("gumbel_l", {}),
    "Gamma": Candidate("gamma", _ORIGIN),
    "Logistic": Candidate("logistic", {}),
    "Loglogistic": Candidate("fisk", _ORIGIN),
    "LogNormal": Candidate("lognorm", _ORIGIN),
    "Nakagami": Candidate("nakagami", _ORIGIN),
    "Normal": Candidate("norm", {}),
    "Rician": Candidate("rice", _ORIGIN),
    "Weibull": Candidate("weibull_min", _ORIGIN),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A column of Table 1: mean negative log-likelihood and its rank, photos rejected and the rank of that (from 1)."""

    negative_log_likelihood: float
    likelihood_rank: int
    rejected: int
    rejected_rank: int


def fit_gev_mle(samples_qf: NDArray[np.float64]) -> GevParameters:
    """GEV of the greatest likelihood for the JND samples of a photo in QF, shape (observers,): the ground truth.

    Reference: Lin et al. 2020, sections 4 and 6.3.
    """
    shape, location, scale = CANDIDATES[GEV].fit(samples_qf).args
    return GevParameters(float(location), float(scale), -float(shape))


def rank_distributions(samples_qf: Sequence[NDArray[np.float64]]) -> dict[str, Standing]:
    """Table 1 of Lin et al. 2020 for one JND: standing of each candidate over photos.

    Args: ``samples_qf``: per photo, JND samples in QF, shape (observers,), positive. A candidate that cannot be fitted
    to a photo counts as rejected there and keeps an infinite likelihood.
    """
    likelihood: dict[str, float] = {}
    rejected: dict[str, int] = {}
    for name, candidate in CANDIDATES.items():
        trials = [_try(candidate, np.asarray(samples, dtype=np.float64)) for samples in samples_qf]
        likelihood[name] = float(np.mean([value for value, _ in trials]))
        rejected[name] = sum(statistic > CRITICAL_VALUE for _, statistic in trials)
    return {
        name: Standing(
            round(likelihood[name], 4),
            1 + sum(value < likelihood[name] for value in likelihood.values()),
            rejected[name],
            1 + len({count for count in rejected.values() if count < rejected[name]}),
        )
        for name in CANDIDATES
    }


def anderson_darling(distribution: Any, samples: NDArray[np.float64]) -> float:
    """Anderson and Darling's statistic of samples (n,) under a frozen distribution; infinite outside its support."""
    ordered = np.sort(samples)
    with np.errstate(divide="ignore"):
        below, above = distribution.logcdf(ordered), distribution.logsf(ordered[::-1])
    count = len(ordered)
    weights = (2 * np.arange(1, count + 1) - 1) / count
    value = -count - float(np.sum(weights * (below + above)))
    return value if math.isfinite(value) else math.inf


def draw_samples(gev: GevParameters, observers: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """JND samples as a study would note them: whole QFs in 1..100, shape (observers,)."""
    drawn = stats.genextreme.rvs(-gev.shape, gev.location, gev.scale, size=observers, random_state=rng)
    return np.clip(np.rint(np.asarray(drawn, dtype=np.float64)), 1, 100)


def _try(candidate: Candidate, samples: NDArray[np.float64]) -> tuple[float, float]:
    try:
        distribution = candidate.fit(samples)
    except stats.FitError:
        return math.inf, math.inf
    return -log_likelihood(distribution, samples), anderson_darling(distribution, samples)
