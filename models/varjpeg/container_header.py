"""The header of the thesis' container, and the quality that it gives each block (VarJPEG thesis, section 6.2.1).

Block b uses the T.81 table of quality q_b = round(q + 15 mean(M|b)) (formula 13), where M is the sum of Gaussians
(sigma 10 % of the width) around the centroids, normalised to [0, 1]. M is the same on every machine: centroids are
quantized first, and everything up to q_b uses IEEE double additions, multiplications and divisions in a fixed order
(the exponential too), which are exact to the last bit by definition.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.errors import ContainerInvalidError
from models.jpeg.dct import BLOCK
from models.varjpeg.tables import HIGHEST_QUALITY, LOWEST_QUALITY

MAGIC = b"VJPG"
VERSION = 1
MAX_SIDE = 16384
MAX_PIXELS = 64_000_000
QUALITY_RANGE = 15
"""Delta of formula 13."""

SIGMA = 0.1
"""Standard deviation of the blur as a share of the image's width, step iv."""

_GREY, _FULL_CHROMA, _PROFILE = 1, 2, 4
MAX_CLUSTERS = 8
_FIXED_BYTES = 13

Centroids = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Header:
    """What precedes the tables: size, flags, global quality q in 1/256 and centroids uint16 (k, 2) (row, column)."""

    height: int
    width: int
    quality_256: int
    centroids: Centroids
    grey: bool = False
    full_chroma: bool = False
    has_profile: bool = False

    def to_bytes(self) -> bytes:
        """The first 13 + 4 k bytes of a container."""
        flags = _GREY * self.grey | _FULL_CHROMA * self.full_chroma | _PROFILE * self.has_profile
        sizes = self.height.to_bytes(2, "big") + self.width.to_bytes(2, "big") + self.quality_256.to_bytes(2, "big")
        return (
            MAGIC
            + bytes([VERSION, flags])
            + sizes
            + bytes([len(self.centroids)])
            + self.centroids.astype(">u2").tobytes()
        )


def parse_header(data: bytes, *, max_pixels: int = MAX_PIXELS) -> tuple[Header, int]:
    """The header and the offset of what follows. Raises: ContainerInvalidError."""
    if len(data) < _FIXED_BYTES or data[:4] != MAGIC:
        raise ContainerInvalidError("not a VarJPEG container")
    if data[4] != VERSION:
        raise ContainerInvalidError(f"container version {data[4]} is not known, only {VERSION}")
    flags, clusters = data[5], data[12]
    height, width, quality_256 = (int.from_bytes(data[i : i + 2], "big") for i in (6, 8, 10))
    if flags > 7 or not 1 <= clusters <= MAX_CLUSTERS:
        raise ContainerInvalidError("unknown flags or number of centroids")
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE and height * width <= max_pixels):
        raise ContainerInvalidError(f"{width}x{height} pixels are not allowed")
    if not LOWEST_QUALITY * 256 <= quality_256 <= HIGHEST_QUALITY * 256:
        raise ContainerInvalidError("the quality lies outside 1..99")
    end = _FIXED_BYTES + 4 * clusters
    if len(data) < end:
        raise ContainerInvalidError("the container ends in its header")
    centroids = np.frombuffer(data[_FIXED_BYTES:end], ">u2").astype(np.uint16).reshape(clusters, 2)
    grey, full_chroma, has_profile = (bool(flags & bit) for bit in (_GREY, _FULL_CHROMA, _PROFILE))
    return Header(height, width, quality_256, centroids, grey, full_chroma, has_profile), end


def quantize_centroids(centroids: NDArray[np.float64], height: int, width: int) -> Centroids:
    """uint16 (k, 2) of positions (k, 2) in pixels, (row, column), 0 <= row <= height."""
    relative = centroids / np.array([height, width]) * 65536
    return np.asarray(np.floor(relative).clip(0, 65535), np.uint16)


def block_quality(header: Header) -> list[NDArray[np.int64]]:
    """q_b of each block of each component, int64 (rows, columns), 1..99: formula 13, with M from the centroids."""
    down, across = _profiles(header)
    lowest, highest = _extremes(down, across)
    spread = highest - lowest
    luma = _quality_of_blocks(header, down, across, BLOCK, lowest, spread)
    if header.grey:
        return [luma]
    chroma = luma if header.full_chroma else _quality_of_blocks(header, down, across, 2 * BLOCK, lowest, spread)
    return [luma, chroma, chroma]


def _profiles(header: Header) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gaussians of the k centroids along the rows (k, H) and columns (k, W); M is the sum of their products."""
    sigma = SIGMA * header.width
    sides = (header.height, header.width)
    profiles = []
    for axis, side in enumerate(sides):
        centre = (header.centroids[:, axis].astype(np.float64) + 0.5) / 65536 * side
        distance = (np.arange(side) + 0.5 - centre[:, None]) / sigma
        profiles.append(_exp_of_minus(0.5 * distance * distance))
    return profiles[0], profiles[1]


def _exp_of_minus(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(-t) for t >= 0 from basic operations: Taylor series of t / 1024, then ten squarings; 0 from t = 700 on."""
    x = -np.minimum(t, 700.0) / 1024
    series = np.ones_like(x)
    for n in range(12, 0, -1):
        series = 1.0 + x * series / n
    for _ in range(10):
        series = series * series
    return np.where(t < 700.0, series, 0.0)


@compiled
def _extremes(down: NDArray[np.float64], across: NDArray[np.float64]) -> tuple[float, float]:
    """Least and greatest value of the blurred map over all pixels."""
    lowest, highest = np.inf, -np.inf
    line = np.empty(across.shape[1])
    for y in range(down.shape[1]):
        line[:] = 0.0
        for n in range(down.shape[0]):
            for x in range(across.shape[1]):
                line[x] += down[n, y] * across[n, x]
        lowest, highest = min(lowest, line.min()), max(highest, line.max())
    return lowest, highest


def _quality_of_blocks(
    header: Header, down: NDArray[np.float64], across: NDArray[np.float64], side: int, lowest: float, spread: float
) -> NDArray[np.int64]:
    """q_b of square blocks of ``side`` pixels; blocks at the edge average over the pixels they have."""
    rows, columns = _means(down, side), _means(across, side)
    total = np.zeros((rows.shape[1], columns.shape[1]))
    for n in range(len(rows)):
        total = total + rows[n][:, None] * columns[n][None, :]
    mean = (total - lowest) / spread if spread > 0 else np.zeros_like(total)
    quality = np.floor(header.quality_256 / 256 + QUALITY_RANGE * mean + 0.5)
    return np.asarray(quality.clip(LOWEST_QUALITY, HIGHEST_QUALITY), np.int64)


def _means(profile: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Means over ``side`` neighbours, (k, ceil(L / side)), added one by one so that the order is fixed."""
    length = profile.shape[1]
    starts = np.arange(0, length, side)
    total = np.zeros((len(profile), len(starts)))
    for offset in range(side):
        inside = starts + offset < length
        total[:, inside] = total[:, inside] + profile[:, starts[inside] + offset]
    return np.asarray(total / np.minimum(side, length - starts))
