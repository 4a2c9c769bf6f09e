"""Huffman coding of quantized blocks as in sequential JPEG (T.81 annex F), and its decoder.

Blocks are int16 (N, 64) in zigzag order. The DC value of a block is coded as a difference that the caller computes
(``differences``, int32 (N,)), so that the thesis' container can predict across blocks of different quality. The 63 AC
values become symbols ``run << 4 | size``. One call codes one component; ones fill its last byte.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, inlined
from models.errors import ContainerInvalidError
from models.jpeg.huffman import (
    END_OF_BLOCK,
    MAX_AC_SIZE,
    MAX_DC_SIZE,
    SIXTEEN_ZEROS,
    Histogram,
    HuffmanTable,
    code_words,
    decoding_table,
)

Blocks = NDArray[np.int16]
Differences = NDArray[np.int32]


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

    ``statistics``: its own, where they have been counted already.
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
    used = _read(data, decoding_table(dc), decoding_table(ac), blocks, differences)
    if used < 0:
        raise ContainerInvalidError("the coded blocks are damaged or end early")
    return blocks, differences, int(used)


@inlined
def bit_size(value: int) -> int:
    """Bits of the magnitude: T.81's SSSS."""
    size = 0
    magnitude = abs(value)
    while magnitude:
        size += 1
        magnitude >>= 1
    return size


@compiled
def _count_dc(differences: Differences, dc: Histogram) -> None:
    for b in range(differences.shape[0]):
        dc[bit_size(int(np.int64(differences[b])))] += 1


@compiled
def _count(blocks: Blocks, differences: Differences, dc: Histogram, ac: Histogram) -> None:
    for b in range(blocks.shape[0]):
        dc[bit_size(int(np.int64(differences[b])))] += 1
        run = 0
        for k in range(1, 64):
            value = int(np.int64(blocks[b, k]))
            if value == 0:
                run += 1
                continue
            ac[SIXTEEN_ZEROS] += run >> 4
            ac[(run & 15) << 4 | bit_size(value)] += 1
            run = 0
        if run:
            ac[END_OF_BLOCK] += 1


@inlined
def appended(
    pending: np.uint64, pending_bits: int, code: np.uint32, length: np.uint8, value: int, size: int
) -> tuple[np.uint64, int]:
    """``pending`` followed by a code and by the ``size`` bits that say which value of its size it is."""
    extra = value if value >= 0 else value + (1 << size) - 1
    pending = (pending << np.uint64(length) | np.uint64(code)) << np.uint64(size) | np.uint64(extra)
    return pending, pending_bits + int(np.int64(length)) + size


@inlined
def flushed(
    pending: np.uint64, pending_bits: int, stream: NDArray[np.uint8], position: int, byte_stuffing: bool
) -> tuple[int, int]:
    """Whole bytes written: the bits that are left, and where the next byte goes."""
    while pending_bits >= 8:
        pending_bits -= 8
        byte = np.uint8(pending >> np.uint64(pending_bits) & np.uint64(0xFF))
        stream[position] = byte
        position += 1
        if byte_stuffing and byte == 0xFF:
            stream[position] = 0
            position += 1
    return pending_bits, position


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
    """Bytes written."""
    pending, bits, position = np.uint64(0), 0, 0
    for b in range(blocks.shape[0]):
        value = int(np.int64(differences[b]))
        size = bit_size(value)
        pending, bits = appended(pending, bits, dc_codes[size], dc_lengths[size], value, size)
        bits, position = flushed(pending, bits, stream, position, byte_stuffing)
        run = 0
        for k in range(1, blocks.shape[1]):
            value = int(np.int64(blocks[b, k]))
            if value == 0:
                run += 1
                continue
            for _ in range(run >> 4):
                zeros = SIXTEEN_ZEROS
                pending, bits = appended(pending, bits, ac_codes[zeros], ac_lengths[zeros], 0, 0)
                bits, position = flushed(pending, bits, stream, position, byte_stuffing)
            size = bit_size(value)
            symbol = (run & 15) << 4 | size
            pending, bits = appended(pending, bits, ac_codes[symbol], ac_lengths[symbol], value, size)
            bits, position = flushed(pending, bits, stream, position, byte_stuffing)
            run = 0
        if run:
            pending, bits = appended(pending, bits, ac_codes[END_OF_BLOCK], ac_lengths[END_OF_BLOCK], 0, 0)
            bits, position = flushed(pending, bits, stream, position, byte_stuffing)
    if bits:
        fill = 8 - bits
        pending, bits = appended(pending, bits, np.uint32((1 << fill) - 1), np.uint8(fill), 0, 0)
        bits, position = flushed(pending, bits, stream, position, byte_stuffing)
    return position


@inlined
def _filled(
    pending: np.uint64, pending_bits: int, data: NDArray[np.uint8], position: int
) -> tuple[np.uint64, int, int]:
    """``pending`` with at least 32 bits in it, ones beyond the data's end; their number, and the next byte's place."""
    while pending_bits < 32:
        byte = data[position] if position < data.shape[0] else np.uint8(0xFF)
        pending = pending << np.uint64(8) | np.uint64(byte)
        position += 1
        pending_bits += 8
    return pending, pending_bits, position


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
    pending, pending_bits, position, used_bits = np.uint64(0), 0, 0, 0
    for b in range(blocks.shape[0]):
        k = 0
        while k < 64:
            pending, pending_bits, position = _filled(pending, pending_bits, data, position)
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
                if symbol == END_OF_BLOCK:
                    break
                if symbol != SIXTEEN_ZEROS:
                    return -1
                k += 16
                if k > 63:
                    return -1
                continue
            value = int(np.int64(pending >> np.uint64(pending_bits) & np.uint64((1 << size) - 1)))
            if size > 0 and value < 1 << (size - 1):
                value -= (1 << size) - 1
            if k == 0:
                if symbol > MAX_DC_SIZE:
                    return -1
                differences[b] = value
                k = 1
                continue
            k += symbol >> 4
            if k > 63 or size > MAX_AC_SIZE:
                return -1
            blocks[b, k] = value
            k += 1
    return (used_bits + 7) // 8
