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
    height, width = plane.shape
    half_done = np.empty((8, 8), np.float32)
    across = np.ascontiguousarray(basis.T)
    line = np.empty(8, np.float32)
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            for i in range(8):
                y = min(8 * row + i, height - 1)
                line[:] = np.float32(0)
                for j in range(8):
                    value = plane[y, min(8 * column + j, width - 1)]
                    for v in range(8):
                        line[v] += value * across[j, v]
                for v in range(8):
                    half_done[i, v] = line[v]
            for u in range(8):
                line[:] = np.float32(0)
                for i in range(8):
                    weight = basis[u, i]
                    for v in range(8):
                        line[v] += weight * half_done[i, v]
                for v in range(8):
                    coefficients[row, column, order[8 * u + v]] = line[v]


@compiled
def _inverse(coefficients: Float32Array, basis: Float32Array, order: NDArray[np.int64], plane: Float32Array) -> None:
    height, width = plane.shape
    half_done = np.empty((8, 8), np.float32)
    line = np.empty(8, np.float32)
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            for u in range(8):
                line[:] = np.float32(0)
                for v in range(8):
                    value = coefficients[row, column, order[8 * u + v]]
                    if value != 0:
                        for j in range(8):
                            line[j] += value * basis[v, j]
                for j in range(8):
                    half_done[u, j] = line[j]
            for i in range(min(8, height - 8 * row)):
                line[:] = np.float32(0)
                for u in range(8):
                    weight = basis[u, i]
                    for j in range(8):
                        line[j] += weight * half_done[u, j]
                for j in range(min(8, width - 8 * column)):
                    plane[8 * row + i, 8 * column + j] = line[j]
