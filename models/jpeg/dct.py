"""8x8 block DCT of T.81 (formula 12 of the VarJPEG thesis), coefficients of a block in zigzag order."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.threads import in_bands
from models.types import Float32Array

BLOCK = 8


@cache
def zigzag() -> NDArray[np.int64]:
    """shape (64,): position of the k-th coefficient of the zigzag sequence in the row-major block. T.81 figure 5."""
    positions = [(row, column) for row in range(BLOCK) for column in range(BLOCK)]
    positions.sort(key=lambda p: (sum(p), p[0] if sum(p) % 2 else p[1]))
    return np.array([row * BLOCK + column for row, column in positions])


@cache
def _basis() -> Float32Array:
    """Orthonormal DCT-II, float32 (8, 8): row u holds C_u / 2 * cos((2 x + 1) u pi / 16)."""
    frequency, position = np.mgrid[0:BLOCK, 0:BLOCK]
    basis = 0.5 * np.cos((2 * position + 1) * frequency * np.pi / 16)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, np.float32)


def block_grid(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of 8x8 blocks that cover (height, width)."""
    return -(-height // BLOCK), -(-width // BLOCK)


def forward_dct(plane: Float32Array) -> Float32Array:
    """float32 (rows, columns, 64), zigzag order, of a plane (H, W); its last row and column fill incomplete blocks."""
    coefficients = np.empty((*block_grid(*plane.shape), BLOCK * BLOCK), np.float32)
    plane = np.ascontiguousarray(plane, np.float32)

    def transform(rows: slice) -> None:
        lines = slice(BLOCK * rows.start, min(BLOCK * rows.stop, plane.shape[0]))
        _forward(plane[lines], _basis(), np.argsort(zigzag()), coefficients[rows])

    in_bands(transform, coefficients.shape[0])
    return coefficients


def inverse_dct(coefficients: Float32Array, height: int, width: int) -> Float32Array:
    """Plane float32 (height, width) of blocks as ``forward_dct`` makes them."""
    plane = np.empty((height, width), np.float32)
    coefficients = np.ascontiguousarray(coefficients, np.float32)

    def transform(rows: slice) -> None:
        lines = slice(BLOCK * rows.start, min(BLOCK * rows.stop, height))
        _inverse(coefficients[rows], _basis(), np.argsort(zigzag()), plane[lines])

    in_bands(transform, -(-height // BLOCK))
    return plane


@compiled
def _forward(plane: Float32Array, basis: Float32Array, order: NDArray[np.int64], coefficients: Float32Array) -> None:
    """A row of blocks at a time, so that vector units work on many of them at once."""
    height, width = plane.shape
    columns = coefficients.shape[1]
    lines, down = np.empty((8, 8 * columns), np.float32), np.empty(8 * columns, np.float32)
    apart, across = np.empty((8, columns), np.float32), np.empty(columns, np.float32)
    for row in range(coefficients.shape[0]):
        for i in range(8):
            y = min(8 * row + i, height - 1)
            lines[i, :width] = plane[y]
            lines[i, width:] = plane[y, width - 1]
        for u in range(8):
            for x in range(8 * columns):
                total = basis[u, 0] * lines[0, x]
                for i in range(1, 8):
                    total += basis[u, i] * lines[i, x]
                down[x] = total
            for column in range(columns):
                for j in range(8):
                    apart[j, column] = down[8 * column + j]
            for v in range(8):
                for column in range(columns):
                    total = basis[v, 0] * apart[0, column]
                    for j in range(1, 8):
                        total += basis[v, j] * apart[j, column]
                    across[column] = total
                k = order[8 * u + v]
                for column in range(columns):
                    coefficients[row, column, k] = across[column]


@compiled
def _inverse(coefficients: Float32Array, basis: Float32Array, order: NDArray[np.int64], plane: Float32Array) -> None:
    """A row of blocks at a time, as ``_forward``."""
    height, width = plane.shape
    columns = coefficients.shape[1]
    apart, across = np.empty((8, columns), np.float32), np.empty((8, 8 * columns), np.float32)
    for row in range(coefficients.shape[0]):
        for u in range(8):
            for v in range(8):
                k = order[8 * u + v]
                for column in range(columns):
                    apart[v, column] = coefficients[row, column, k]
            for j in range(8):
                for column in range(columns):
                    total = basis[0, j] * apart[0, column]
                    for v in range(1, 8):
                        total += basis[v, j] * apart[v, column]
                    across[u, 8 * column + j] = total
        for i in range(min(8, height - 8 * row)):
            for x in range(width):
                total = basis[0, i] * across[0, x]
                for u in range(1, 8):
                    total += basis[u, i] * across[u, x]
                plane[8 * row + i, x] = total
