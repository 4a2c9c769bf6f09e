"""AC scans of a progressive JPEG: the symbols of one, and its bytes with Huffman codes of its own (T.81 G.1.2, G.1.3).

Without the values that are zero: a scan takes as long as it has something to say.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, inlined
from models.jpeg.entropy import bit_size
from models.jpeg.huffman import SIXTEEN_ZEROS, HuffmanTable
from models.jpeg.nonzeros import Nonzeros
from models.jpeg.tokens import NO_SYMBOL, Bits, Lengths, Symbols, Tokens, coded_tokens

LONGEST_RUN = 0x7FFF
"""Blocks without anything (more) in the band that one symbol can stand for."""

_BITS_AT_ONCE = 16
_MOST_WAITING = 4096
"""Refining bits of a run of blocks that wait for its symbol."""


@dataclass(frozen=True, slots=True)
class AcScan:
    """T.81's Ss, Se, Ah, Al: the band's first and last place in zigzag order, which bits were coded before, which are
    left to later scans. ``high`` 0: the band's first scan."""

    first: int
    last: int
    high: int
    low: int

    @property
    def shown(self) -> tuple[int, int]:
        """Sorts scans as a viewer who waits for the file wants them: low frequencies first, then the bits left out."""
        return (-self.low if self.high else -14), self.first


def coded_scan(nonzeros: Nonzeros, scan: AcScan) -> tuple[HuffmanTable, bytes]:
    """Optimal Huffman codes and the entropy-coded bytes."""
    tables, data = coded_tokens(_tokens(nonzeros, scan))
    return tables[0], data


def _tokens(nonzeros: Nonzeros, scan: AcScan) -> Tokens:
    # A value takes at most itself, three symbols of sixteen zeros, and an end of a run before it.
    most = 5 * len(nonzeros.places) + nonzeros.block_count // LONGEST_RUN + 2
    room = Tokens(np.empty(most, np.uint16), np.empty(most, np.uint16), np.empty(most, np.uint8))
    list_tokens = _refining_tokens if scan.high else _first_tokens
    band = scan.first, scan.last, scan.low
    count = list_tokens(nonzeros.starts, nonzeros.places, nonzeros.values, band, *room)
    return Tokens(room.symbols[:count], room.bits[:count], room.lengths[:count])


@inlined
def _put(symbols: Symbols, extra: Bits, lengths: Lengths, count: int, symbol: int, bits: int, length: int) -> int:
    symbols[count] = symbol
    extra[count] = bits
    lengths[count] = length
    return count + 1


@inlined
def _put_run(symbols: Symbols, extra: Bits, lengths: Lengths, count: int, run: int) -> int:
    """EOBn: the end of ``run`` blocks, T.81 table G.1; nothing for none."""
    if run == 0:
        return count
    size = bit_size(run) - 1
    return _put(symbols, extra, lengths, count, size << 4, run - (1 << size), size)


@inlined
def _put_bits(
    symbols: Symbols, extra: Bits, lengths: Lengths, count: int, waiting: NDArray[np.uint8], start: int, stop: int
) -> int:
    """Bits without a symbol, some at once."""
    while start < stop:
        end = min(stop, start + _BITS_AT_ONCE)
        bits = 0
        for n in range(start, end):
            bits = bits << 1 | int(np.int64(waiting[n]))
        count = _put(symbols, extra, lengths, count, NO_SYMBOL, bits, end - start)
        start = end
    return count


@compiled
def _first_tokens(
    starts: NDArray[np.int64],
    places: NDArray[np.uint8],
    values: NDArray[np.int16],
    band: tuple[int, int, int],
    symbols: Symbols,
    extra: Bits,
    lengths: Lengths,
) -> int:
    """Tokens of a band's first scan; how many."""
    first, last, low = band
    count, run = 0, 0
    for b in range(starts.shape[0] - 1):
        before = first - 1
        for n in range(starts[b], starts[b + 1]):
            k, value = int(np.int64(places[n])), int(np.int64(values[n]))
            magnitude = abs(value) >> low
            if k < first or k > last or magnitude == 0:
                continue
            count = _put_run(symbols, extra, lengths, count, run)
            run = 0
            zeros = k - before - 1
            for _ in range(zeros >> 4):
                count = _put(symbols, extra, lengths, count, SIXTEEN_ZEROS, 0, 0)
            size = bit_size(magnitude)
            bits = magnitude if value > 0 else (1 << size) - 1 - magnitude
            count = _put(symbols, extra, lengths, count, (zeros & 15) << 4 | size, bits, size)
            before = k
        run += before < last
        if run == LONGEST_RUN:
            count = _put_run(symbols, extra, lengths, count, run)
            run = 0
    return _put_run(symbols, extra, lengths, count, run)


@compiled
def _last_new(
    places: NDArray[np.uint8], values: NDArray[np.int16], start: int, stop: int, band: tuple[int, int, int]
) -> int:
    """The last place of the band whose value begins with this bit; 0 for none."""
    first, last, low = band
    for n in range(stop - 1, start - 1, -1):
        k = int(np.int64(places[n]))
        if first <= k <= last and abs(int(np.int64(values[n]))) >> low == 1:
            return k
    return 0


@compiled
def _refining_tokens(
    starts: NDArray[np.int64],
    places: NDArray[np.uint8],
    values: NDArray[np.int16],
    band: tuple[int, int, int],
    symbols: Symbols,
    extra: Bits,
    lengths: Lengths,
) -> int:
    """Tokens of a scan that gives a band one more bit; how many. Bits of values that are not new follow the symbol
    whose run of zeros passes them, or that of the run of blocks."""
    first, last, low = band
    waiting = np.empty(_MOST_WAITING + 64, np.uint8)
    count, run, bits = 0, 0, 0
    for b in range(starts.shape[0] - 1):
        last_new = _last_new(places, values, starts[b], starts[b + 1], band)
        if last_new > 0 or bits > _MOST_WAITING or run == LONGEST_RUN:
            count = _put_run(symbols, extra, lengths, count, run)
            count = _put_bits(symbols, extra, lengths, count, waiting, 0, bits)
            run, bits = 0, 0
        zeros, before = 0, first - 1
        for n in range(starts[b], starts[b + 1]):
            k, value = int(np.int64(places[n])), int(np.int64(values[n]))
            magnitude = abs(value) >> low
            if k < first or k > last or magnitude == 0:
                continue
            zeros += k - before - 1
            before = k
            while zeros > 15 and k <= last_new:
                count = _put(symbols, extra, lengths, count, SIXTEEN_ZEROS, 0, 0)
                count = _put_bits(symbols, extra, lengths, count, waiting, 0, bits)
                zeros, bits = zeros - 16, 0
            if magnitude > 1:
                waiting[bits] = magnitude & 1
                bits += 1
                continue
            count = _put(symbols, extra, lengths, count, zeros << 4 | 1, 1 if value > 0 else 0, 1)
            count = _put_bits(symbols, extra, lengths, count, waiting, 0, bits)
            zeros, bits = 0, 0
        run += last_new < last
    count = _put_run(symbols, extra, lengths, count, run)
    return _put_bits(symbols, extra, lengths, count, waiting, 0, bits)
