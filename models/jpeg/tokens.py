"""Huffman-coded data as a list of tokens, a symbol or none and the bits that follow it: counted, then written."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.jpeg.entropy import appended, flushed
from models.jpeg.huffman import HuffmanTable, code_words, optimal_table

ALPHABET = 256
NO_SYMBOL = 2 * ALPHABET
"""Behind both alphabets, where bits go on."""

Symbols = NDArray[np.uint16]
Bits = NDArray[np.uint16]
Lengths = NDArray[np.uint8]


class Tokens(NamedTuple):
    """``symbols``: those of a second table are 256 higher; ``bits`` behind each, and ``lengths``: how many they are."""

    symbols: Symbols
    bits: Bits
    lengths: Lengths


def coded_tokens(tokens: Tokens) -> tuple[list[HuffmanTable], bytes]:
    """Optimal Huffman codes, one or two tables, and the entropy-coded bytes of a scan."""
    histogram = np.zeros(NO_SYMBOL + 1, np.int64)
    bit_count = _count(*tokens, histogram)
    alphabets = histogram[:ALPHABET], histogram[ALPHABET:NO_SYMBOL]
    tables = [optimal_table(each) for number, each in enumerate(alphabets) if number == 0 or each.any()]
    codes, code_lengths = np.zeros(NO_SYMBOL + 1, np.uint32), np.zeros(NO_SYMBOL + 1, np.uint8)
    for number, table in enumerate(tables):
        its_own = slice(number * ALPHABET, (number + 1) * ALPHABET)
        codes[its_own], code_lengths[its_own] = code_words(table)
    bit_count += int((histogram * code_lengths).sum())
    stream = np.empty(2 * (bit_count // 8 + 9), np.uint8)
    return tables, stream[: _write(*tokens, codes, code_lengths, stream)].tobytes()


@compiled
def _count(symbols: Symbols, _bits: Bits, lengths: Lengths, histogram: NDArray[np.int64]) -> int:
    """How often each symbol occurs; the bits without the codes."""
    bit_count = 0
    for n in range(symbols.shape[0]):
        histogram[symbols[n]] += 1
        bit_count += int(np.int64(lengths[n]))
    return bit_count


@compiled
def _write(
    symbols: Symbols,
    bits: Bits,
    lengths: Lengths,
    codes: NDArray[np.uint32],
    code_lengths: NDArray[np.uint8],
    stream: NDArray[np.uint8],
) -> int:
    """Bytes written, with a zero behind each 0xFF; ones fill the last."""
    pending, held, position = np.uint64(0), 0, 0
    for n in range(symbols.shape[0]):
        symbol = symbols[n]
        length = int(np.int64(code_lengths[symbol])) + int(np.int64(lengths[n]))
        code = np.uint64(codes[symbol]) << np.uint64(lengths[n]) | np.uint64(bits[n])
        pending, held = pending << np.uint64(length) | code, held + length
        held, position = flushed(pending, held, stream, position, True)
    if held:
        fill = 8 - held
        pending, held = appended(pending, held, np.uint32((1 << fill) - 1), np.uint8(fill), 0, 0)
        held, position = flushed(pending, held, stream, position, True)
    return position
