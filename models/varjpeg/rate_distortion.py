"""Choice of the quantized values: least distortion + multiplier x bits, a shortest path per block, one more through DC.

Distortion is squared error in units of the coefficient's own quantization step, times the block's visibility: the
table says which frequencies matter, the weight says where. Bits are those of the Huffman codes that the first, plain
quantization of the same photo would get. A zero or a lower value is chosen where the bits saved are worth more than the
added error; the path runs over the non-zero values of the zigzag sequence (trellis quantization: Ramchandran and
Vetterli 1994, Crouse and Ramchandran 1997; mozjpeg does the same on other weights). DC values are coded as differences,
so their path runs over the blocks of a component in coding order.
"""

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.types import Float32Array
from models.varjpeg.bitstream import dc_differences
from models.varjpeg.entropy import MAX_DC_SIZE, Blocks, count_symbols, symbol_bits

_DEAD_ZONE = 0.33
"""First pass: magnitudes are rounded down below this fraction, near what the second pass decides on photos/train."""

_NEIGHBOURS = 3
"""DC candidates: the nearest step and one on either side."""

_PROTECTED_WEIGHT = 1e6
"""Stands for infinity in the path through DC: no number of bits is worth a step there."""


def round_coefficients(coefficients: Float32Array, table: NDArray[np.uint8], *, bias: float = 0.5) -> Blocks:
    """int16 (rows, columns, 64): coefficients over their steps, AC rounded up from a fraction of 1 - ``bias`` on."""
    return _round(coefficients, table.astype(np.float32), np.float32(bias))


def choose_coefficients(
    coefficients: Float32Array, table: NDArray[np.uint8], weights: Float32Array, *, multiplier: float
) -> Blocks:
    """Rate-distortion optimised quantized blocks, int16 (rows, columns, 64) zigzag.

    Args: ``coefficients``: float32 (rows, columns, 64); ``table``: steps (64,); ``weights``: float32 (rows, columns),
    1 = as visible as usual, infinite = rounded and never dropped; ``multiplier``: squared steps per bit, >= 0.
    """
    blocks = round_coefficients(coefficients, table, bias=_DEAD_ZONE)
    flat = blocks.reshape(-1, 64)
    bits = symbol_bits(count_symbols(flat, dc_differences(flat)).ac)
    _choose(coefficients, table.astype(np.float32), weights, bits, np.float32(multiplier), blocks)
    _choose_dc_values(coefficients, float(table[0]), weights, multiplier, flat)
    return blocks


def _choose_dc_values(
    coefficients: Float32Array, step: float, weights: Float32Array, multiplier: float, flat: Blocks
) -> None:
    """Overwrite the DC values of ``flat``, (N, 64)."""
    bits = symbol_bits(count_symbols(flat, dc_differences(flat)).dc)[: MAX_DC_SIZE + 2]
    values = np.ascontiguousarray(coefficients[:, :, 0]).reshape(-1) / np.float32(step)
    _choose_dc(
        values, np.minimum(weights.reshape(-1), np.float32(_PROTECTED_WEIGHT)), bits * np.float32(multiplier), flat
    )


@compiled
def _round(coefficients: Float32Array, steps: Float32Array, bias: np.float32) -> Blocks:
    rows, columns, _ = coefficients.shape
    blocks = np.empty((rows, columns, 64), np.int16)
    for row in range(rows):
        for column in range(columns):
            for k in range(64):
                value = coefficients[row, column, k] / steps[k]
                rounding = np.float32(0.5) if k == 0 else bias
                limit = np.float32(2047) if k == 0 else np.float32(1023)
                magnitude = min(np.floor(abs(value) + rounding), limit)
                blocks[row, column, k] = np.int16(magnitude if value >= 0 else -magnitude)
    return blocks


@compiled
def _choose(
    coefficients: Float32Array,
    steps: Float32Array,
    weights: Float32Array,
    bits: Float32Array,
    multiplier: np.float32,
    blocks: Blocks,
) -> None:
    """Overwrite the AC values of ``blocks``.

    Node 0 is the DC value; node n stands for "position[n] holds chosen[n] and nothing after it yet". ``cost`` is the
    least cost to get there, less the error of zeroing everything up to there, so that nodes compare directly.
    """
    position = np.zeros(64, np.int64)
    chosen = np.zeros(64, np.int64)
    before = np.zeros(64, np.int64)
    cost = np.zeros(64, np.float32)
    costs_of_symbols = bits * multiplier
    sixteen_zeros, end_of_block = costs_of_symbols[0xF0], costs_of_symbols[0x00]
    for row in range(blocks.shape[0]):
        for column in range(blocks.shape[1]):
            weight = weights[row, column]
            protected = not weight < np.float32(1e30)
            if protected:
                weight = np.float32(1)
            nodes = 1
            zeroed = np.float32(0)
            for k in range(1, 64):
                value = np.abs(coefficients[row, column, k]) / steps[k]
                top = min(int(np.int64(value + np.float32(0.5))), 1023)
                blocks[row, column, k] = top if coefficients[row, column, k] >= 0 else -top
                error_of_zero = weight * value * value
                if top == 0 or protected:
                    zeroed += error_of_zero
                    continue
                best, best_value, best_before = np.float32(np.inf), 0, 0
                for candidate in range(max(1, top - 1), top + 1):
                    size = 0
                    while candidate >> size:
                        size += 1
                    miss = value - np.float32(candidate)
                    error = weight * miss * miss
                    for n in range(nodes):
                        run = k - position[n] - 1
                        rate = costs_of_symbols[(run & 15) << 4 | size] + np.float32(run >> 4) * sixteen_zeros
                        total = cost[n] + rate + error
                        if total < best:
                            best, best_value, best_before = total, candidate, n
                position[nodes], chosen[nodes], before[nodes] = k, best_value, best_before
                cost[nodes] = best - error_of_zero
                zeroed += error_of_zero
                nodes += 1
            if protected:
                continue
            last, best = 0, np.float32(np.inf)
            for n in range(nodes):
                total = cost[n] + (end_of_block if position[n] < 63 else np.float32(0))
                if total < best:
                    best, last = total, n
            keep = last
            for n in range(nodes - 1, 0, -1):
                k = position[n]
                if n == keep:
                    blocks[row, column, k] = chosen[n] if coefficients[row, column, k] >= 0 else -chosen[n]
                    keep = before[n]
                else:
                    blocks[row, column, k] = 0


@compiled
def _choose_dc(values: Float32Array, weights: Float32Array, costs_of_sizes: Float32Array, blocks: Blocks) -> None:
    """Viterbi's path: state j of a block is the nearest step + j - 1, its cost that of the best path up to there."""
    count = values.shape[0]
    before = np.empty((count, _NEIGHBOURS), np.int8)
    cost, reached = np.zeros(_NEIGHBOURS, np.float64), np.zeros(_NEIGHBOURS, np.float64)
    nearest = np.empty(count, np.int64)
    for b in range(count):
        nearest[b] = min(max(int(np.int64(np.floor(values[b] + np.float32(0.5)))), -1023), 1022)
        for j in range(_NEIGHBOURS):
            value = nearest[b] + j - 1
            best, best_before = np.inf, 0
            for i in range(_NEIGHBOURS if b else 1):
                difference = abs(value - (nearest[b - 1] + i - 1 if b else 0))
                size = 0
                while difference >> size:
                    size += 1
                total = cost[i] + costs_of_sizes[size]
                if total < best:
                    best, best_before = total, i
            miss = values[b] - np.float32(value)
            reached[j] = best + weights[b] * miss * miss
            before[b, j] = best_before
        for j in range(_NEIGHBOURS):
            cost[j] = reached[j]
    state = 0
    for j in range(1, _NEIGHBOURS):
        if cost[j] < cost[state]:
            state = j
    for b in range(count - 1, -1, -1):
        blocks[b, 0] = nearest[b] + state - 1
        state = int(np.int64(before[b, state]))
