"""Huffman coding of quantized blocks as in sequential JPEG (T.81 annexes C, F and K.2), and its decoder.

Blocks are int16 (N, 64) in zigzag order. The DC value of a block is coded as a difference that the caller computes
(``differences``, int32 (N,)), so that the thesis' container can predict across blocks of different quality. The 63 AC
values become symbols ``run << 4 | size``. One call codes one component; ones fill its last byte.
"""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.errors import ContainerInvalidError
from models.types import Float32Array

MAX_CODE_LENGTH = 16
MAX_DC_SIZE = 11
MAX_AC_SIZE = 10
END_OF_BLOCK = 0x00
SIXTEEN_ZEROS = 0xF0

Blocks = NDArray[np.int16]
Differences = NDArray[np.int32]
Histogram = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HuffmanTable:
    """As in a DHT segment: ``counts`` uint8 (16,), codes of length 1..16; ``symbols`` uint8 in order of their codes."""

    counts: NDArray[np.uint8]
    symbols: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Statistics:
    """How often each symbol occurs: ``dc`` int64 (256,) by size, ``ac`` int64 (256,) by ``run << 4 | size``."""

    dc: Histogram
    ac: Histogram

    def __add__(self, other: "Statistics") -> "Statistics":
        return Statistics(self.dc + other.dc, self.ac + other.ac)


def count_symbols(blocks: Blocks, differences: Differences) -> Statistics:
    """Symbol counts of one component."""
    dc, ac = np.zeros(256, np.int64), np.zeros(256, np.int64)
    _count(blocks, differences, dc, ac)
    return Statistics(dc, ac)


def count_dc_sizes(differences: Differences) -> Histogram:
    """Of one component: ``Statistics.dc`` alone."""
    dc = np.zeros(256, np.int64)
    _count_dc(differences, dc)
    return dc


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
    order = sorted((int(-frequencies[s]), s) for s in range(256) if frequencies[s] > 0)
    return HuffmanTable(counts, np.array([symbol for _, symbol in order], np.uint8))


def _tree_depths(frequencies: Histogram) -> NDArray[np.int64]:
    """Number of codes of each length 0..; the 257th frequency is the reserved code."""
    leaves: list[tuple[int, int, tuple[int, ...]]] = [(int(f), -s, (s,)) for s, f in enumerate(frequencies) if f > 0]
    heapq.heapify(leaves)
    depths = dict.fromkeys((members[0] for _, _, members in leaves), 0)
    while len(leaves) > 1:
        first, second = heapq.heappop(leaves), heapq.heappop(leaves)
        members = first[2] + second[2]
        for symbol in members:
            depths[symbol] += 1
        heapq.heappush(leaves, (first[0] + second[0], min(first[1], second[1]), members))
    return np.bincount([max(1, depth) for depth in depths.values()], minlength=MAX_CODE_LENGTH + 1)


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


def encode_blocks(
    blocks: Blocks,
    differences: Differences,
    dc: HuffmanTable,
    ac: HuffmanTable,
    *,
    byte_stuffing: bool,
    statistics: Statistics | None = None,
) -> bytes:
    """Bits of one component; with ``byte_stuffing`` a zero byte follows each 0xFF, as in a JPEG scan.

    ``blocks``: (N, 64), or (N, 1) for the differences alone; ``statistics``: its own, where they have been
    counted already.
    """
    statistics = statistics or count_symbols(blocks, differences)
    dc_codes, dc_lengths = code_words(dc)
    ac_codes, ac_lengths = code_words(ac)
    sizes = np.arange(256) & 15
    bits = int((statistics.dc * (dc_lengths + sizes) + statistics.ac * (ac_lengths + sizes)).sum())
    stream = np.empty((bits // 8 + 9) * (2 if byte_stuffing else 1), np.uint8)
    length = _write(blocks, differences, dc_codes, dc_lengths, ac_codes, ac_lengths, byte_stuffing, stream)
    return stream[:length].tobytes()


def decode_blocks(
    data: NDArray[np.uint8], count: int, dc: HuffmanTable, ac: HuffmanTable
) -> tuple[Blocks, Differences, int]:
    """Inverse of ``encode_blocks`` without stuffing: blocks (count, 64) with DC left 0, differences, bytes used.

    Raises: ContainerInvalidError if the data end early, hold a code that no table has, or a run beyond the block.
    """
    if 2 * count > 8 * len(data):
        raise ContainerInvalidError(f"{len(data)} bytes cannot hold {count} blocks")
    blocks, differences = np.zeros((count, 64), np.int16), np.zeros(count, np.int32)
    used = _read(data, _decoding_table(dc), _decoding_table(ac), blocks, differences)
    if used < 0:
        raise ContainerInvalidError("the coded blocks are damaged or end early")
    return blocks, differences, int(used)


def _decoding_table(table: HuffmanTable) -> NDArray[np.uint16]:
    """uint16 (65536,): ``length << 8 | symbol`` of the code that the next 16 bits begin with, 0 for none."""
    codes, lengths = code_words(table)
    lookup = np.zeros(1 << MAX_CODE_LENGTH, np.uint16)
    for symbol in table.symbols.tolist():
        length = int(lengths[symbol])
        first = int(codes[symbol]) << (MAX_CODE_LENGTH - length)
        lookup[first : first + (1 << (MAX_CODE_LENGTH - length))] = length << 8 | symbol
    return lookup


@compiled
def _size(value: int) -> int:
    """Bits of the magnitude."""
    size = 0
    magnitude = abs(value)
    while magnitude:
        size += 1
        magnitude >>= 1
    return size


@compiled
def _count_dc(differences: Differences, dc: Histogram) -> None:
    for b in range(differences.shape[0]):
        dc[_size(int(np.int64(differences[b])))] += 1


@compiled
def _count(blocks: Blocks, differences: Differences, dc: Histogram, ac: Histogram) -> None:
    for b in range(blocks.shape[0]):
        dc[_size(int(np.int64(differences[b])))] += 1
        run = 0
        for k in range(1, 64):
            value = int(np.int64(blocks[b, k]))
            if value == 0:
                run += 1
                continue
            ac[0xF0] += run >> 4
            ac[(run & 15) << 4 | _size(value)] += 1
            run = 0
        if run:
            ac[0] += 1


@compiled
def _write(
    blocks: Blocks,
    differences: Differences,
    dc_codes: NDArray[np.uint32],
    dc_lengths: NDArray[np.uint8],
    ac_codes: NDArray[np.uint32],
    ac_lengths: NDArray[np.uint8],
    byte_stuffing: bool,
    stream: NDArray[np.uint8],
) -> int:
    position = 0
    pending = np.uint64(0)
    pending_bits = 0
    for b in range(blocks.shape[0]):
        run = 0
        for k in range(blocks.shape[1] + 1):
            # one symbol a turn: the DC difference, each non-zero AC value (after its zero runs), the end of block
            repeat = 0
            if k == 0:
                value = int(np.int64(differences[b]))
                size = _size(value)
                code, length = np.uint64(dc_codes[size]), int(np.int64(dc_lengths[size]))
            elif k == blocks.shape[1]:
                if run == 0:
                    continue
                value, size = 0, 0
                code, length = np.uint64(ac_codes[0]), int(np.int64(ac_lengths[0]))
            else:
                value = int(np.int64(blocks[b, k]))
                if value == 0:
                    run += 1
                    continue
                size = _size(value)
                repeat = run >> 4
                symbol = (run & 15) << 4 | size
                code, length = np.uint64(ac_codes[symbol]), int(np.int64(ac_lengths[symbol]))
                run = 0
            for turn in range(repeat + 1):
                if turn < repeat:
                    pending = pending << np.uint64(ac_lengths[0xF0]) | np.uint64(ac_codes[0xF0])
                    pending_bits += int(np.int64(ac_lengths[0xF0]))
                else:
                    extra = value if value >= 0 else value + (1 << size) - 1
                    pending = (pending << np.uint64(length) | code) << np.uint64(size) | np.uint64(extra)
                    pending_bits += length + size
                while pending_bits >= 8:
                    pending_bits -= 8
                    byte = np.uint8(pending >> np.uint64(pending_bits) & np.uint64(0xFF))
                    stream[position] = byte
                    position += 1
                    if byte_stuffing and byte == 0xFF:
                        stream[position] = 0
                        position += 1
    if pending_bits:
        fill = 8 - pending_bits
        byte = np.uint8((pending << np.uint64(fill) | np.uint64((1 << fill) - 1)) & np.uint64(0xFF))
        stream[position] = byte
        position += 1
        if byte_stuffing and byte == 0xFF:
            stream[position] = 0
            position += 1
    return position


@compiled
def _read(
    data: NDArray[np.uint8],
    dc_lookup: NDArray[np.uint16],
    ac_lookup: NDArray[np.uint16],
    blocks: Blocks,
    differences: Differences,
) -> int:
    """Bytes used, or -1 where the data are damaged."""
    total_bits = 8 * data.shape[0]
    position = 0
    pending = np.uint64(0)
    pending_bits = 0
    used_bits = 0
    for b in range(blocks.shape[0]):
        k = 0
        while k < 64:
            while pending_bits < 32:
                byte = data[position] if position < data.shape[0] else np.uint8(0xFF)
                pending = pending << np.uint64(8) | np.uint64(byte)
                position += 1
                pending_bits += 8
            window = int(np.int64(pending >> np.uint64(pending_bits - 16) & np.uint64(0xFFFF)))
            entry = dc_lookup[window] if k == 0 else ac_lookup[window]
            length, symbol = int(np.int64(entry >> 8)), int(np.int64(entry & 0xFF))
            size = symbol & 15
            if length == 0:
                return -1
            pending_bits -= length + size
            used_bits += length + size
            if used_bits > total_bits:
                return -1
            if k > 0 and size == 0:
                if symbol == 0:
                    break
                if symbol != 0xF0:
                    return -1
                k += 16
                if k > 63:
                    return -1
                continue
            value = int(np.int64(pending >> np.uint64(pending_bits) & np.uint64((1 << size) - 1)))
            if size > 0 and value < 1 << (size - 1):
                value -= (1 << size) - 1
            if k == 0:
                if symbol > 11:
                    return -1
                differences[b] = value
                k = 1
                continue
            k += symbol >> 4
            if k > 63 or size > 10:
                return -1
            blocks[b, k] = value
            k += 1
    return (used_bits + 7) // 8
