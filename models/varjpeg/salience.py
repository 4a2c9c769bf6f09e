"""Where the thesis spends its bits: pruned local quality and its k-means clusters (section 6.2.1, steps i to iii)."""

import numpy as np
from numpy.typing import NDArray

from models.errors import ImageSizesDifferError
from models.types import PatchQualityMap

_PRUNED_PERCENTILE = 90.0
_CLUSTERS, _SIGMA = 8, 0.1
_COMMON_THRESHOLD = 2.3
"""Luma levels, as in ``visibility``."""

_MAX_POINTS = 65_536
"""k-means sees at most this many of the salient pixels, evenly picked: centroids move by far less than a block."""

_MAX_ROUNDS = 100


def salient_pixels(quality: PatchQualityMap | NDArray[np.floating], height: int, width: int) -> NDArray[np.bool_]:
    """bool (height, width): the pixels above the 90th percentile of the map at the image's resolution, at most 10 %.

    A map whose best value fills more than 10 % of the photo (a flat one, say) has nothing above that percentile; then
    all pixels that reach it count. An array is taken to be at pixel resolution already.
    Raises: ImageSizesDifferError if it is not.
    """
    values = full_resolution(quality, height, width) if isinstance(quality, PatchQualityMap) else np.asarray(quality)
    if values.shape != (height, width):
        raise ImageSizesDifferError(f"the map is {values.shape}, the image {(height, width)}")
    threshold = np.percentile(values, _PRUNED_PERCENTILE)
    above = values > threshold
    return np.asarray(above if above.any() else values >= threshold)


def salience_thresholds(quality: PatchQualityMap, height: int, width: int) -> NDArray[np.float32]:
    """Stand-in for a JND map from the thesis' salience, float32 (height, width), luma levels.

    Steps i to iv: the sum of Gaussians (sigma 10 % of the width) around the centroids, normalised to [0, 1]. Thresholds
    fall from twice the common one where nothing is salient to half of it at the most salient place, about the range of
    the JND map.
    """
    centroids = cluster_centroids(salient_pixels(quality, height, width), clusters=_CLUSTERS)
    sigma = _SIGMA * width
    down, across = (
        np.exp(-0.5 * np.square((np.arange(side) + 0.5 - centroids[:, axis, None]) / sigma))
        for axis, side in enumerate((height, width))
    )
    blurred = down.T @ across
    spread = float(np.ptp(blurred))
    salience = (blurred - blurred.min()) / spread if spread > 0 else np.full_like(blurred, 0.5)
    return np.asarray(_COMMON_THRESHOLD * 2.0 ** (1 - 2 * salience), np.float32)


def full_resolution(quality: PatchQualityMap, height: int, width: int) -> NDArray[np.float32]:
    """float32 (height, width): each value stands at its patch's centre, bilinear between centres, zero beyond them.

    With stride 1 this is the zero padding of step i. A photo smaller than a patch keeps the nearest value instead.
    """
    rows, columns = (
        _weights(side, count, quality) for side, count in zip((height, width), quality.values.shape, strict=True)
    )
    return np.asarray(rows @ quality.values @ columns.T, np.float32)


def _weights(side: int, count: int, quality: PatchQualityMap) -> NDArray[np.float32]:
    """float32 (side, count): how much each map value adds to each pixel along one axis."""
    place = (np.arange(side) + 0.5 - quality.patch_size / 2) / quality.stride
    half_pixel = 0.5 / quality.stride
    inside = (place >= -half_pixel) & (place <= count - 1 + half_pixel) | (side <= quality.patch_size)
    tent = np.maximum(0, 1 - np.abs(place.clip(0, count - 1)[:, None] - np.arange(count)))
    return np.asarray(tent * inside[:, None], np.float32)


def cluster_centroids(salient: NDArray[np.bool_], *, clusters: int) -> NDArray[np.float64]:
    """k-means centroids (k, 2) of the salient pixels, (row, column) in pixels with pixel centres at .5, sorted.

    Seeding: k-means++ (Arthur and Vassilvitskii 2007) from a fixed seed; then Lloyd's rounds until nothing moves.
    At most ``clusters``, fewer where there are fewer distinct pixels; at least one pixel must be salient.
    """
    every = np.argwhere(salient)
    points = np.asarray(every[:: max(1, -(-len(every) // _MAX_POINTS))] + 0.5, np.float64)
    centroids = _seeds(points, min(clusters, len(points)))
    for _ in range(_MAX_ROUNDS):
        nearest = _squared_distances(points, centroids).argmin(axis=1)
        sizes = np.bincount(nearest, minlength=len(centroids))
        sums = np.stack([np.bincount(nearest, points[:, axis], len(centroids)) for axis in (0, 1)], axis=1)
        moved = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centroids)
        if (moved == centroids).all():
            break
        centroids = moved
    return np.asarray(centroids[np.lexsort(centroids.T[::-1])])


def _seeds(points: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    random = np.random.default_rng(0)
    chosen = [points[random.integers(len(points))]]
    distance = np.square(points - chosen[0]).sum(axis=1)
    while len(chosen) < count:
        cumulative = np.cumsum(distance)
        pick = int(np.searchsorted(cumulative, random.random() * cumulative[-1], side="right"))
        chosen.append(points[min(pick, len(points) - 1)])
        distance = np.minimum(distance, np.square(points - chosen[-1]).sum(axis=1))
    return np.array(chosen)


def _squared_distances(points: NDArray[np.float64], centroids: NDArray[np.float64]) -> NDArray[np.float64]:
    rows = points[:, :1] - centroids[:, 0]
    columns = points[:, 1:] - centroids[:, 1]
    return rows * rows + columns * columns
