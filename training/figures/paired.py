"""A network beside baselines on the same versions of the same photos: agreement, photos won, lead and its interval."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from training.maths.agreement import agreement

Floats = NDArray[np.float64]

RESAMPLINGS = 2000
"""Draws of photos behind an interval of 95 %, of which 50 lie beyond either end."""


def beside_baselines(
    network: Floats, baselines: Mapping[str, Floats], truth: Floats, photos: NDArray[np.str_]
) -> dict[str, Any]:
    """Agreement of each with ``truth`` (N,), photos within which the network ranks better and worse (ties are neither),
    and the 95 % interval of its lead in SROCC over the best baseline, photos drawn with replacement. ``photos`` (N,):
    the photo of each value.
    """
    names = np.unique(photos)

    def split(values: Floats) -> list[Floats]:
        return [values[photos == name] for name in names]

    table = {name: agreement(values, truth) for name, values in baselines.items()}
    best = max(table, key=lambda name: table[name]["srocc"])
    low, high = lead_interval(split(network), split(baselines[best]), split(truth))
    return {
        "network": agreement(network, truth),
        **table,
        "photos": len(names),
        "photos_won": {name: photos_won(split(network), split(baselines[name]), split(truth)) for name in baselines},
        "photos_lost": {name: photos_won(split(baselines[name]), split(network), split(truth)) for name in baselines},
        "best_rival": best,
        "srocc_lead_95": [low, high],
    }


def photos_won(network: list[Floats], baseline: list[Floats], mos: list[Floats]) -> int:
    """Photos within which the network's SROCC is above the baseline's."""
    return sum(
        bool(stats.spearmanr(ours, truth).statistic > stats.spearmanr(theirs, truth).statistic)
        for ours, theirs, truth in zip(network, baseline, mos, strict=True)
    )


def lead_interval(
    network: list[Floats], baseline: list[Floats], mos: list[Floats], *, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the lead in SROCC over all pairs: photos drawn with replacement, both judged on one draw."""
    rng = np.random.default_rng(seed)
    leads = []
    for _ in range(RESAMPLINGS):
        drawn = rng.integers(len(mos), size=len(mos))
        ours, theirs, truth = (np.concatenate([side[index] for index in drawn]) for side in (network, baseline, mos))
        leads.append(rank_correlation(ours, truth) - rank_correlation(theirs, truth))
    low, high = np.quantile(leads, (0.025, 0.975))
    return round(float(low), 4), round(float(high), 4)


def rank_correlation(one: Floats, two: Floats) -> float:
    """Spearman's, of values (N,), without a test of significance."""
    return float(np.corrcoef(stats.rankdata(one), stats.rankdata(two))[0, 1])
