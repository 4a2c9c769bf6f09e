"""A network beside its rivals on the same versions of the same photos: agreement, photos won, lead and its interval."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.experiments.full_reference.figures import lead_interval, photos_won
from training.labels.mixture import agreement

Floats = NDArray[np.float64]


def beside_rivals(
    network: Floats, rivals: Mapping[str, Floats], truth: Floats, photos: NDArray[np.str_]
) -> dict[str, Any]:
    """Agreement of each with ``truth`` (N,), photos within which the network ranks better and worse (ties are neither),
    and the 95 % interval of its lead in SROCC over the best rival, photos drawn with replacement. ``photos`` (N,): the
    photo of each value.
    """
    names = np.unique(photos)

    def split(values: Floats) -> list[Floats]:
        return [values[photos == name] for name in names]

    table = {name: agreement(values, truth) for name, values in rivals.items()}
    best = max(table, key=lambda name: table[name]["srocc"])
    low, high = lead_interval(split(network), split(rivals[best]), split(truth))
    return {
        "network": agreement(network, truth),
        **table,
        "photos": len(names),
        "photos_won": {name: photos_won(split(network), split(rivals[name]), split(truth)) for name in rivals},
        "photos_lost": {name: photos_won(split(rivals[name]), split(network), split(truth)) for name in rivals},
        "best_rival": best,
        "srocc_lead_95": [low, high],
    }
