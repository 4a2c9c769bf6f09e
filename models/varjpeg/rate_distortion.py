"""Choice of the quantized values: least distortion + multiplier x bits, a shortest path per block, one more through DC.

Distortion is squared error in units of the coefficient's own quantization step, times the block's visibility: the
table says which frequencies matter, the weight says where; a value put to zero costs more than its error. Bits are
those of the Huffman codes that the first, plain quantization of the same photo would get. A zero or a lower value is
chosen where the bits saved are worth more than the added error; the path runs over the non-zero values of the zigzag
sequence (trellis quantization: Ramchandran and Vetterli 1994, Crouse and Ramchandran 1997; mozjpeg does the same on
other weights). DC values are coded as differences, so their path runs over the blocks of a component in coding order.

A JPEG has one table for all blocks of a component. Where some are protected it is the fine one that they ask for; the
others are chosen by their own, coarser measure and written on the fine grid. There a value may be any, and all of one
size cost the same: what is nearest goes for the price of a multiple of the coarse step.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, inlined
from models.jpeg.bitstream import dc_differences
from models.jpeg.entropy import Blocks, bit_size, count_dc_sizes, count_symbols
from models.jpeg.huffman import (
    END_OF_BLOCK,
    MAX_AC_VALUE,
    MAX_DC_SIZE,
    MAX_DC_VALUE,
    SIXTEEN_ZEROS,
    Histogram,
    symbol_bits,
)
from models.threads import Meanwhile, in_bands, in_order
from models.types import Float32Array
from models.varjpeg.planes import Strip, strips

_DEAD_ZONE = 0.33
"""First pass: magnitudes are rounded down below this fraction, near what the second pass decides on photos/train."""

_ERROR_OF_ZERO = np.float32(1.4)
"""Times its squared error, what an AC value put to zero costs: a detail gone shows more than one of another height."""

_NO_DETAIL = np.float32(1.0)
"""Largest AC coefficient, in levels of an orthonormal DCT, of a block of plain ground."""

_PRICE_BESIDE = 0.9
"""A bit's price beside protected blocks over the usual: a coarse value costs more bits on the fine grid, and at the
full price the rest of the photo would pay for the mask with more than a seventh of its error."""

_DC_REACH, _DC_REACH_BESIDE = 1, 3
"""DC candidates: the nearest step of the file and so many on either side; more beside protected blocks, where a step
is that much finer than the block asks for."""

_ROWS_COUNTED = 32
"""Rows of blocks whose symbols are counted at a time: those that show something are copied to be counted."""

_NO_PRICE = 1e6
"""How much more a protected error counts in the path through DC where its bits cost nothing: none is worth a step."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What errors and bits count: arguments of ``choose_coefficients``."""

    table: NDArray[np.uint8]
    weights: Float32Array
    multiplier: float


def round_coefficients(coefficients: Float32Array, table: NDArray[np.generic], *, bias: float = 0.5) -> Blocks:
    """int16 (rows, columns, 64): coefficients over their steps, AC rounded up from a fraction of 1 - ``bias`` on."""
    blocks = np.empty(coefficients.shape, np.int16)
    steps = table.astype(np.float32)
    in_bands(lambda rows: _round(coefficients[rows], steps, np.float32(bias), blocks[rows]), len(blocks))
    return blocks


def choose_coefficients(
    coefficients: Float32Array, table: NDArray[np.uint8], weights: Float32Array, *, multiplier: float
) -> Blocks:
    """Rate-distortion optimised quantized blocks, int16 (rows, columns, 64) zigzag.

    Args: ``coefficients``: float32 (rows, columns, 64); ``table``: steps (64,); ``weights``: float32 (rows, columns),
    1 = as visible as usual; ``multiplier``: squared steps per bit, >= 0.
    """
    blocks = round_coefficients(coefficients, table, bias=_DEAD_ZONE)
    everywhere = np.ones(blocks.shape[:2], np.bool_)
    steps = table.astype(np.float32)
    finer = np.ones(blocks.shape[:2], np.float32)

    def choose_dc(blocks: Blocks) -> None:
        _choose_dc_values(coefficients, steps[0], finer, weights, multiplier, _DC_REACH, blocks)

    with Meanwhile() as beside:  # neither AC nor DC asks what the other has become
        dc = beside.begin(choose_dc, blocks)
        bits = _ac_bits(blocks, coefficients)
        _choose_ac_values(coefficients, steps, np.ones_like(steps), weights, bits, multiplier, everywhere, blocks)
        dc.result()
    return blocks


def choose_beside_protected(
    coefficients: Float32Array, common: Measure, protected: Measure, where: NDArray[np.bool_]
) -> Blocks:
    """As ``choose_coefficients``, by ``protected`` in the blocks ``where`` and by ``common`` elsewhere.

    The result counts in the steps of ``protected``; those of ``common`` are raised to them where they are finer.
    ``where``: (rows, columns).
    """
    common = replace(common, multiplier=common.multiplier * _PRICE_BESIDE)
    fine = protected.table.astype(np.float32)
    coarse = np.maximum(common.table.astype(np.float32), fine)
    finer = np.asarray(coarse / fine, np.float32)
    on_coarse = np.rint(round_coefficients(coefficients, coarse, bias=_DEAD_ZONE) * finer).clip(-1023, 1023)
    on_fine = round_coefficients(coefficients, fine, bias=_DEAD_ZONE)
    blocks = np.where(where[:, :, np.newaxis], on_fine, on_coarse).astype(np.int16)
    bits = _ac_bits(blocks, coefficients)
    for measure, steps, ratio, here in ((common, coarse, finer, ~where), (protected, fine, np.ones_like(fine), where)):
        _choose_ac_values(coefficients, steps, ratio, measure.weights, bits, measure.multiplier, here, blocks)
    finer_dc = np.where(where, np.float32(1), finer[0])
    price = common.multiplier / protected.multiplier if protected.multiplier > 0 else _NO_PRICE
    weights = np.where(where, protected.weights * np.float32(price), common.weights)
    _choose_dc_values(coefficients, fine[0], finer_dc, weights, common.multiplier, _DC_REACH_BESIDE, blocks)
    return blocks


def _ac_bits(blocks: Blocks, coefficients: Float32Array) -> Float32Array:
    """What each symbol costs in blocks that show something: a run of ends of plain blocks is one symbol in the file."""

    def count(strip: Strip) -> Histogram:
        detail = np.empty(blocks[strip.rows].shape[:2], np.bool_)
        _find_detail(coefficients[strip.rows], detail)
        return _count_ac(blocks[strip.rows][detail])

    counted = sum(in_order(count, strips(len(blocks), _ROWS_COUNTED)), np.zeros(256, np.int64))
    return symbol_bits(counted if counted.any() else _count_ac(blocks.reshape(-1, 64)))


def _count_ac(blocks: Blocks) -> Histogram:
    """Of blocks (N, 64)."""
    return count_symbols(blocks, np.zeros(len(blocks), np.int32)).ac


@compiled
def _find_detail(coefficients: Float32Array, detail: NDArray[np.bool_]) -> None:
    rows, columns, _ = coefficients.shape
    for row in range(rows):
        for column in range(columns):
            detail[row, column] = False
            for k in range(1, 64):
                if abs(coefficients[row, column, k]) > _NO_DETAIL:
                    detail[row, column] = True
                    break


def _choose_ac_values(
    coefficients: Float32Array,
    steps: Float32Array,
    finer: Float32Array,
    weights: Float32Array,
    bits: Float32Array,
    multiplier: float,
    here: NDArray[np.bool_],
    blocks: Blocks,
) -> None:
    """Arguments as ``_choose`` takes them."""

    def choose(rows: slice) -> None:
        of_rows = coefficients[rows], steps, finer, weights[rows], bits, np.float32(multiplier)
        _choose(*of_rows, here[rows], blocks[rows])

    in_bands(choose, len(blocks))


def _choose_dc_values(
    coefficients: Float32Array,
    step: np.float32,
    finer: Float32Array,
    weights: Float32Array,
    multiplier: float,
    reach: int,
    blocks: Blocks,
) -> None:
    """Overwrite the DC values of ``blocks``. ``step``: the file's; ``finer`` (rows, columns): the block's over it."""
    flat = blocks.reshape(-1, 64)
    bits = symbol_bits(count_dc_sizes(dc_differences(flat)))[: MAX_DC_SIZE + 2]
    values = np.ascontiguousarray(coefficients[:, :, 0]).reshape(-1) / step
    weights_of_steps = (weights / (finer * finer)).reshape(-1)
    _choose_dc(values, weights_of_steps, bits * np.float32(multiplier), reach, flat)


@compiled
def _round(coefficients: Float32Array, steps: Float32Array, bias: np.float32, blocks: Blocks) -> None:
    rows, columns, _ = coefficients.shape
    for row in range(rows):
        for column in range(columns):
            for k in range(64):
                value = coefficients[row, column, k] / steps[k]
                magnitude = min(np.floor(abs(value) + bias), np.float32(MAX_AC_VALUE))
                blocks[row, column, k] = np.int16(magnitude if value >= 0 else -magnitude)
            value = coefficients[row, column, 0] / steps[0]
            magnitude = min(np.floor(abs(value) + np.float32(0.5)), np.float32(MAX_DC_VALUE))
            blocks[row, column, 0] = np.int16(magnitude if value >= 0 else -magnitude)


@inlined
def _cheapest(
    value: np.float32,
    finer: np.float32,
    weight: np.float32,
    k: int,
    nodes: int,
    position: NDArray[np.int64],
    cost: Float32Array,
    least: Float32Array,
    costs_of_symbols: Float32Array,
    least_of_sizes: Float32Array,
) -> tuple[np.float32, int, int]:
    """The least cost of reaching a non-zero value at ``k``, that value, and the node it is reached from.

    Candidates: the nearest value and the one below; on another grid (``finer`` not 1) the largest of each lower size.
    ``least``: of the costs up to each node; ``least_of_sizes``: of a size's symbols. They say when no node before can
    be the one.
    """
    on_other_grid = finer != np.float32(1)
    top = min(int(np.int64(value * finer + np.float32(0.5))), MAX_AC_VALUE)
    top_size = bit_size(top)
    best, best_value, best_before = np.float32(np.inf), 0, 0
    for lower in range(2 if on_other_grid else 1, -1, -1):
        candidate = (1 << top_size >> lower) - 1 if on_other_grid and lower else top - lower
        if candidate < 1:
            continue
        size = bit_size(candidate)
        miss = value - np.float32(candidate) / finer
        error = weight * miss * miss
        of_candidate, before = np.float32(np.inf), 0
        for n in range(nodes - 1, -1, -1):
            if least[n] + least_of_sizes[size] + error > of_candidate:
                break
            run = k - position[n] - 1
            rate = costs_of_symbols[(run & 15) << 4 | size] + np.float32(run >> 4) * costs_of_symbols[SIXTEEN_ZEROS]
            total = cost[n] + rate + error
            if total <= of_candidate:
                of_candidate, before = total, n
        if of_candidate < best:
            best, best_value, best_before = of_candidate, candidate, before
    return best, best_value, best_before


@inlined
def _best_end(nodes: int, position: NDArray[np.int64], cost: Float32Array, end_of_block: np.float32) -> int:
    """The node after which it is cheapest to end the block."""
    last, best = 0, np.float32(np.inf)
    for n in range(nodes):
        total = cost[n] + (end_of_block if position[n] < 63 else np.float32(0))
        if total < best:
            best, last = total, n
    return last


@compiled
def _choose(
    coefficients: Float32Array,
    steps: Float32Array,
    finer: Float32Array,
    weights: Float32Array,
    bits: Float32Array,
    multiplier: np.float32,
    here: NDArray[np.bool_],
    blocks: Blocks,
) -> None:
    """Overwrite the AC values of ``blocks`` where ``here``; ``finer`` (64,): steps over those that values count in.

    Node 0 is the DC value; node n stands for "position[n] holds chosen[n] and nothing after it yet". ``cost`` is the
    least cost to get there, less the error of zeroing everything up to there, so that nodes compare directly.
    """
    position, chosen, before = np.zeros(64, np.int64), np.zeros(64, np.int64), np.zeros(64, np.int64)
    cost, least = np.zeros(64, np.float32), np.zeros(64, np.float32)
    costs_of_symbols = bits * multiplier
    least_of_sizes = np.full(16, np.inf, np.float32)
    for symbol in range(256):
        least_of_sizes[symbol & 15] = min(least_of_sizes[symbol & 15], costs_of_symbols[symbol])
    for row in range(blocks.shape[0]):
        for column in range(blocks.shape[1]):
            if not here[row, column]:
                continue
            weight = weights[row, column]
            nodes = 1
            blocks[row, column, 1:] = 0
            for k in range(1, 64):
                value = np.abs(coefficients[row, column, k]) / steps[k]
                if value + np.float32(0.5) < np.float32(1):
                    continue
                best, chosen[nodes], before[nodes] = _cheapest(
                    value, finer[k], weight, k, nodes, position, cost, least, costs_of_symbols, least_of_sizes
                )
                position[nodes] = k
                cost[nodes] = best - _ERROR_OF_ZERO * weight * value * value
                least[nodes] = min(least[nodes - 1], cost[nodes])
                nodes += 1
            keep = _best_end(nodes, position, cost, costs_of_symbols[END_OF_BLOCK])
            while keep > 0:
                k = position[keep]
                blocks[row, column, k] = chosen[keep] if coefficients[row, column, k] >= 0 else -chosen[keep]
                keep = before[keep]


@compiled
def _choose_dc(
    values: Float32Array, weights: Float32Array, costs_of_sizes: Float32Array, reach: int, blocks: Blocks
) -> None:
    """Viterbi's path: state j of a block is the nearest step + j - reach, its cost that of the best path to there."""
    count, states = values.shape[0], 2 * reach + 1
    before = np.empty((count, states), np.int8)
    cost, reached = np.zeros(states, np.float64), np.zeros(states, np.float64)
    nearest = np.empty(count, np.int64)
    for b in range(count):
        nearest[b] = min(max(int(np.int64(np.floor(values[b] + np.float32(0.5)))), reach - 1024), 1023 - reach)
        for j in range(states):
            value = nearest[b] + j - reach
            best, best_before = np.inf, 0
            for i in range(states if b else 1):
                difference = abs(value - (nearest[b - 1] + i - reach if b else 0))
                total = cost[i] + costs_of_sizes[bit_size(difference)]
                if total < best:
                    best, best_before = total, i
            miss = values[b] - np.float32(value)
            reached[j] = best + weights[b] * miss * miss
            before[b, j] = best_before
        for j in range(states):
            cost[j] = reached[j]
    state = 0
    for j in range(1, states):
        if cost[j] < cost[state]:
            state = j
    for b in range(count - 1, -1, -1):
        blocks[b, 0] = nearest[b] + state - reach
        state = int(np.int64(before[b, state]))
