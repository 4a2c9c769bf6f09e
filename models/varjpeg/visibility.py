"""How much an error in each 8x8 block counts: from the JND map, or the block's own activity where there is none, and
from how dark the block is."""

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.errors import ImageSizesDifferError
from models.jpeg.dct import BLOCK, block_grid
from models.threads import in_bands
from models.types import Float32Array

_REFERENCE_JND = 2.12
"""Luma levels at which an error counts once, common in photos/train. Tuned with an earlier map; today's lies 5 % higher
there, but 2.22 makes Kodak's files 0.2 percent larger at equal butteraugli and leaves SSIMULACRA2 as it is."""

_LEVELS_PER_ACTIVITY = 0.33
"""Brings activity to the scale of that map: median over blocks, then over every 14th photo of photos/train."""

_COMMON_LUMA, _DARKEST_LUMA = 128.0, 16.0
"""A block as light as the first counts once; the second is added to both, where a display's own light takes over."""

_LOWEST, _HIGHEST = 0.25, 4.0
_CALMEST = 4
"""A block takes the mean of the calmest 4 of its 3x3 neighbourhood: a lone edge in a flat area stays protected."""


def block_means(values: NDArray[np.generic], height: int, width: int) -> Float32Array:
    """float32 (rows, columns): mean over each 8x8 block of a map (height, width), at the edge over what there is.

    Raises: ImageSizesDifferError if the map has another size.
    """
    if values.shape != (height, width):
        raise ImageSizesDifferError(f"the map is {values.shape}, the image {(height, width)}")
    means = np.empty(block_grid(height, width), np.float32)
    _block_means(np.ascontiguousarray(values, np.float32), means)
    return means


@compiled
def _block_means(values: Float32Array, means: Float32Array) -> None:
    height, width = values.shape
    line = np.empty(width, np.float32)
    for row in range(means.shape[0]):
        rows = min(BLOCK, height - BLOCK * row)
        line[:] = np.float32(0)
        for i in range(rows):
            for j in range(width):
                line[j] += values[BLOCK * row + i, j]
        for column in range(means.shape[1]):
            columns = min(BLOCK, width - BLOCK * column)
            total = np.float32(0)
            for j in range(columns):
                total += line[BLOCK * column + j]
            means[row, column] = total / np.float32(rows * columns)


def block_thresholds(jnd: NDArray[np.generic], height: int, width: int) -> Float32Array:
    """float32 (rows, columns) of a map of pixels (height, width), or of blocks already.

    Raises: ImageSizesDifferError if the map has another size.
    """
    if jnd.shape == block_grid(height, width):
        return np.asarray(jnd, np.float32)
    return block_means(jnd, height, width)


def activity(luma_coefficients: Float32Array) -> Float32Array:
    """Stand-in for a JND map, float32 (rows, columns) in luma levels: 0.33 (variance of the block + 5.3^2)^0.375.

    Local standard deviation to the power 0.75, over a noise floor of 5.3 levels: it beats the published formulas.
    """
    return _of_variance(np.square(luma_coefficients[:, :, 1:]).sum(axis=2) / (BLOCK * BLOCK))


def activity_of(plane: Float32Array) -> Float32Array:
    """``activity`` of luma (H, W) in whole blocks, without its DCT, which has the same variance."""
    variances = np.empty(block_grid(*plane.shape), np.float32)

    def measure(rows: slice) -> None:
        _variances(plane[BLOCK * rows.start : BLOCK * rows.stop], variances[rows])

    in_bands(measure, len(variances))
    return _of_variance(variances)


@compiled
def _variances(plane: Float32Array, variances: Float32Array) -> None:
    for row in range(variances.shape[0]):
        for column in range(variances.shape[1]):
            total, squares = np.float64(0), np.float64(0)
            for i in range(BLOCK):
                for j in range(BLOCK):
                    value = np.float64(plane[BLOCK * row + i, BLOCK * column + j])
                    total += value
                    squares += value * value
            mean = total / (BLOCK * BLOCK)
            variances[row, column] = squares / (BLOCK * BLOCK) - mean * mean


def _of_variance(variances: Float32Array) -> Float32Array:
    return np.asarray(_LEVELS_PER_ACTIVITY * (variances + 5.3**2) ** 0.375, np.float32)


def calmed(jnd: Float32Array) -> Float32Array:
    """Thresholds of the blocks, above zero, each lowered to the mean of the calmest around it."""
    return np.maximum(np.minimum(jnd, _mean_of_calmest(np.maximum(jnd, 0.0))), 1e-3)


def visibility_weights(
    calm_jnd: Float32Array,
    mean_luma: Float32Array,
    *,
    jnd_exponent: float,
    darkness_exponent: float,
) -> Float32Array:
    """Weights of ``choose_coefficients`` (rows, columns).

    Args: ``calm_jnd``: ``calmed`` thresholds of the blocks in luma levels; ``mean_luma``: of the blocks, 0..255; an
    error counts by (2.12 / jnd)^(2 jnd_exponent) times (128 / (luma + 16))^darkness_exponent, within 1/4 and 4.
    """
    relative = calm_jnd / _REFERENCE_JND
    light = (mean_luma.clip(0, 255) + _DARKEST_LUMA) / _COMMON_LUMA
    weights = relative ** (-2 * jnd_exponent) * light**-darkness_exponent
    return np.asarray(np.clip(weights, _LOWEST, _HIGHEST), np.float32)


def protected_blocks(mask: NDArray[np.generic], height: int, width: int) -> NDArray[np.bool_] | None:
    """bool (rows, columns): blocks in which a mask (height, width) is anywhere not zero, None if there are none.

    Raises: ImageSizesDifferError if the mask has another size.
    """
    blocks = block_means(np.asarray(mask) != 0, height, width) > 0
    return blocks if blocks.any() else None


def _mean_of_calmest(values: Float32Array) -> Float32Array:
    padded = np.pad(values, 1, mode="edge")
    rows, columns = values.shape
    around = np.stack([padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)])
    return np.asarray(np.partition(around, _CALMEST - 1, axis=0)[:_CALMEST].mean(axis=0), np.float32)


def weights_of_pairs(weights: Float32Array, height: int, width: int, *, across: int = 2, down: int = 2) -> Float32Array:
    """Weights of the blocks of planes of a part of the resolution, ceil(height / down) by ceil(width / across): mean
    over the luma blocks that each covers."""
    rows, columns = block_grid(-(-height // down), -(-width // across))
    missing = down * rows - weights.shape[0], across * columns - weights.shape[1]
    padded = np.pad(weights, ((0, missing[0]), (0, missing[1])), mode="edge")
    return np.asarray(padded.reshape(rows, down, columns, across).mean(axis=(1, 3)), np.float32)


def protected_pairs(
    blocks: NDArray[np.bool_], height: int, width: int, *, across: int = 2, down: int = 2
) -> NDArray[np.bool_]:
    """Blocks of such planes, laid out as ``weights_of_pairs``, that lie under any protected one."""
    return weights_of_pairs(blocks.astype(np.float32), height, width, across=across, down=down) > 0
