"""8x8 block DCT in float64 for distortions, which add errors far below what ``models.dct`` keeps in float32."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

BLOCK = 8


def block_dct(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(H, W, C) to orthonormal DCT blocks (rows, columns, C, 8, 8), edges repeated to whole blocks."""
    rows, columns = (-side % BLOCK for side in planes.shape[:2])
    padded = np.pad(planes, ((0, rows), (0, columns), (0, 0)), mode="edge")
    height, width, channels = padded.shape
    blocks = padded.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, channels).transpose(0, 2, 4, 1, 3)
    return np.asarray(fft.dctn(blocks, axes=(3, 4), norm="ortho"))


def inverse_block_dct(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole blocks (rows, columns, C, 8, 8) back to planes (8 rows, 8 columns, C)."""
    rows, columns, channels = coefficients.shape[:3]
    blocks = fft.idctn(coefficients, axes=(3, 4), norm="ortho")
    return np.asarray(blocks.transpose(0, 3, 1, 4, 2).reshape(rows * BLOCK, columns * BLOCK, channels))
