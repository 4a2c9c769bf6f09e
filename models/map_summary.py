"""A map in short: how its values are distributed, and their means over a small grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.types import Float32Array

PERCENTILES = (1, 10, 50, 90, 99)
GRID_SIDE = 32


@dataclass(frozen=True, slots=True)
class MapSummary:
    """Percentiles by percent, ends and mean of a map; ``grid``: means over at most 32x32 areas of equal size."""

    percentiles: dict[int, float]
    low: float
    high: float
    mean: float
    grid: NDArray[np.float64]


def summarised(values: Float32Array) -> MapSummary:
    """A map (H, W) in short."""
    percentiles = np.percentile(values, PERCENTILES).tolist()
    return MapSummary(
        dict(zip(PERCENTILES, percentiles, strict=True)),
        float(values.min()),
        float(values.max()),
        float(values.mean(dtype=np.float64)),
        _grid(values),
    )


def _grid(values: Float32Array) -> NDArray[np.float64]:
    means = values.astype(np.float64)
    for axis in (0, 1):
        length = means.shape[axis]
        edges = np.arange(min(length, GRID_SIDE)) * length // min(length, GRID_SIDE)
        counts = np.diff(np.append(edges, length))
        sums = np.add.reduceat(means, edges, axis=axis)
        means = sums / (counts[:, None] if axis == 0 else counts)
    return means
