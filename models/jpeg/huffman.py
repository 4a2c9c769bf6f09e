"""Huffman tables of JPEG (T.81 annexes C, F and K.2): made from counts of symbols, and looked up."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.types import Float32Array

MAX_CODE_LENGTH = 16
MAX_DC_SIZE = 11
MAX_AC_SIZE = 10
MAX_AC_VALUE = (1 << MAX_AC_SIZE) - 1
MAX_DC_VALUE = (1 << MAX_DC_SIZE) - 1
END_OF_BLOCK = 0x00
SIXTEEN_ZEROS = 0xF0

Histogram = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HuffmanTable:
    """As in a DHT segment: ``counts`` uint8 (16,), codes of length 1..16; ``symbols`` uint8 in order of their codes."""

    counts: NDArray[np.uint8]
    symbols: NDArray[np.uint8]


def symbol_bits(histogram: Histogram) -> Float32Array:
    """Bits that each symbol costs, float32 (256,): ideal code length, at most 16, plus its ``size`` extra bits.

    A symbol that never occurred counts as half an occurrence, so that it stays possible.
    """
    smoothed = np.maximum(histogram, 0.5)
    lengths = np.minimum(-np.log2(smoothed / smoothed.sum()), MAX_CODE_LENGTH)
    return np.asarray(lengths + (np.arange(256) & 15), np.float32)


def optimal_table(histogram: Histogram) -> HuffmanTable:
    """Huffman table of at most 16 bits a code for a histogram (256,), the all-ones code left free. T.81 annex K.2."""
    frequencies = np.append(histogram, 1)
    counts = _limit_lengths(_tree_depths(frequencies), frequencies)
    order = np.argsort(-frequencies[:256], kind="stable")[: np.count_nonzero(frequencies[:256])]
    return HuffmanTable(counts, order.astype(np.uint8))


def _tree_depths(frequencies: Histogram) -> NDArray[np.int64]:
    """Number of codes of each length 0..; the 257th frequency is the reserved code."""
    symbols = np.flatnonzero(frequencies)
    depths = _depths(np.asarray(frequencies[symbols], np.int64), -symbols)
    return np.bincount(np.maximum(depths, 1), minlength=MAX_CODE_LENGTH + 1)


@compiled
def _depths(weights: NDArray[np.int64], keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each leaf in the tree that joins the two lightest again and again, of those as light the lower key first."""
    leaves = len(weights)
    nodes = 2 * leaves - 1
    weight, key, parent = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
    weight[:leaves], key[:leaves] = weights, keys
    joined = np.zeros(nodes, np.bool_)
    for node in range(leaves, nodes):
        first, second = -1, -1
        for other in range(node):
            if joined[other]:
                continue
            if first < 0 or (weight[other], key[other]) < (weight[first], key[first]):
                first, second = other, first
            elif second < 0 or (weight[other], key[other]) < (weight[second], key[second]):
                second = other
        joined[first], joined[second] = True, True
        parent[first], parent[second] = node, node
        weight[node], key[node] = weight[first] + weight[second], min(key[first], key[second])
    depths = np.zeros(nodes, np.int64)
    for node in range(nodes - 2, -1, -1):
        depths[node] = depths[parent[node]] + 1
    return depths[:leaves]


def _limit_lengths(depths: NDArray[np.int64], frequencies: Histogram) -> NDArray[np.uint8]:
    """Shorten codes over 16 bits (T.81 figure K.3), then take the reserved code out; uint8 (16,)."""
    counts = [int(n) for n in depths]
    for length in range(len(counts) - 1, MAX_CODE_LENGTH, -1):
        while counts[length] > 0:
            shorter = length - 2
            while counts[shorter] == 0:
                shorter -= 1
            counts[length] -= 2
            counts[length - 1] += 1
            counts[shorter + 1] += 2
            counts[shorter] -= 1
    longest = max(length for length in range(MAX_CODE_LENGTH + 1) if counts[length])
    counts[longest] -= 1
    return np.array(counts[1 : MAX_CODE_LENGTH + 1], np.uint8)


def code_words(table: HuffmanTable) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Code and length of each symbol, (256,) and (256,); length 0 where the table has no code. T.81 annex C."""
    codes, lengths = np.zeros(256, np.uint32), np.zeros(256, np.uint8)
    code, position = 0, 0
    for length, count in enumerate(table.counts.tolist(), start=1):
        for symbol in table.symbols[position : position + count].tolist():
            codes[symbol], lengths[symbol] = code, length
            code += 1
        position += count
        code <<= 1
    return codes, lengths


def decoding_table(table: HuffmanTable) -> NDArray[np.uint16]:
    """For a decoder, uint16 (65536,): ``length << 8 | symbol`` of the code that the next 16 bits begin with, 0 for
    none."""
    codes, lengths = code_words(table)
    lookup = np.zeros(1 << MAX_CODE_LENGTH, np.uint16)
    for symbol in table.symbols.tolist():
        length = int(lengths[symbol])
        first = int(codes[symbol]) << (MAX_CODE_LENGTH - length)
        lookup[first : first + (1 << (MAX_CODE_LENGTH - length))] = length << 8 | symbol
    return lookup
