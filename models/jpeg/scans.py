"""The compiled loops that read one scan of a JPEG: sequential and progressive Huffman (T.81 F.2, G.1.2, G.2).

A position is a bit of the stream; a negative one says that the scan is damaged there.
"""

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, inlined
from models.jpeg.entropy import Blocks


@inlined
def _peek(stream: NDArray[np.uint8], end: int, position: int) -> int:
    """The 16 bits from bit ``position`` on; beyond byte ``end`` ones."""
    byte = position >> 3
    window = 0
    for n in range(3):
        window = window << 8 | (int(np.int64(stream[byte + n])) if byte + n < end else 0xFF)
    return (window >> (8 - (position & 7))) & 0xFFFF


@inlined
def _signed(bits: int, size: int) -> int:
    """T.81 F.2.2.1: EXTEND."""
    return bits if size == 0 or bits >= 1 << (size - 1) else bits - (1 << size) + 1


@inlined
def _refined(value: int, step: int, bit: int) -> int:
    """One more bit of precision for a value that is not zero. T.81 G.1.2.3."""
    if bit == 0 or abs(value) & step:
        return value
    return value + step if value > 0 else value - step


@compiled
def _read_dc(
    stream: NDArray[np.uint8],
    end: int,
    position: int,
    lookup: NDArray[np.uint16],
    which: int,
    predicted: NDArray[np.int64],
) -> int:
    """The position behind a DC difference, which is added to what is predicted for its component. T.81 F.2.2.1."""
    entry = int(np.int64(lookup[which, _peek(stream, end, position)]))
    length, size = entry >> 8, entry & 0xFF
    if length == 0 or size > 15:
        return -1
    position += length
    predicted[which] += _signed(_peek(stream, end, position) >> (16 - size), size)
    return position + size


@compiled
def _read_ac(
    stream: NDArray[np.uint8],
    end: int,
    position: int,
    lookup: NDArray[np.uint16],
    which: int,
    band: tuple[int, int, int],
    progressive: int,
    blocks: Blocks,
    block: int,
) -> tuple[int, int]:
    """The position behind a block's first AC values, and how many blocks of zeros follow. T.81 F.2.2.2, G.1.2.2.

    ``band``: the first and the last coefficient, and the bits left to later scans.
    """
    k, last, low = band
    while k <= last:
        entry = int(np.int64(lookup[which, _peek(stream, end, position)]))
        length, run, size = entry >> 8, (entry >> 4) & 15, entry & 15
        if length == 0 or position > 8 * end:
            return -1, 0
        position += length
        if size == 0:
            if run == 15:
                k += 16
                continue
            if run > 0 and not progressive:
                return -1, 0
            return position + run, (1 << run) - 1 + (_peek(stream, end, position) >> (16 - run))
        k += run
        if k > last:
            return -1, 0
        value = _signed(_peek(stream, end, position) >> (16 - size), size) << low
        if value < -32768 or value > 32767:
            return -1, 0
        blocks[block, k] = value
        position += size
        k += 1
    return position, 0


@compiled
def _refine_run(
    stream: NDArray[np.uint8],
    end: int,
    position: int,
    run: int,
    value: int,
    band: tuple[int, int, int],
    blocks: Blocks,
    block: int,
) -> tuple[int, int]:
    """One more bit for each value that is not zero, until ``value`` stands behind ``run`` zeros; the position, and the
    next coefficient."""
    k, last, low = band
    while k <= last:
        old = int(np.int64(blocks[block, k]))
        if old != 0:
            blocks[block, k] = _refined(old, 1 << low, _peek(stream, end, position) >> 15)
            position += 1
        elif run == 0:
            blocks[block, k] = value
            return position, k + 1
        else:
            run -= 1
        k += 1
    return position, k


@compiled
def _refine_ac(
    stream: NDArray[np.uint8],
    end: int,
    position: int,
    lookup: NDArray[np.uint16],
    which: int,
    band: tuple[int, int, int],
    run_of_ends: int,
    blocks: Blocks,
    block: int,
) -> tuple[int, int]:
    """The position behind one more bit of a block's AC values, and how many blocks without new ones follow. G.1.2.3."""
    k, last, low = band
    while k <= last and run_of_ends == 0:
        entry = int(np.int64(lookup[which, _peek(stream, end, position)]))
        length, run, size = entry >> 8, (entry >> 4) & 15, entry & 15
        if length == 0 or size > 1 or position > 8 * end:
            return -1, 0
        position += length
        value = 0
        if size == 0 and run < 15:
            run_of_ends = (1 << run) + (_peek(stream, end, position) >> (16 - run))
            position += run
            break
        if size == 1:
            value = 1 << low if _peek(stream, end, position) >> 15 else -(1 << low)
            position += 1
        position, k = _refine_run(stream, end, position, run, value, (k, last, low), blocks, block)
    if run_of_ends == 0:
        return position, 0
    position, k = _refine_run(stream, end, position, last + 1, 0, (k, last, low), blocks, block)
    return position, run_of_ends - 1


@compiled
def decode_scan(
    stream: NDArray[np.uint8],
    starts: NDArray[np.int64],
    order: NDArray[np.int32],
    owner: NDArray[np.uint8],
    apart: int,
    dc: NDArray[np.uint16],
    ac: NDArray[np.uint16],
    parameters: NDArray[np.int64],
    blocks: Blocks,
) -> bool:
    """Add one scan to ``blocks``, int16 (N, 64) zigzag; False where it is damaged.

    ``stream``: its bytes without stuffing and restart markers, ``starts``: where the parts between those begin;
    ``order``, ``owner``: place of each block as they are coded, and its component in the scan; ``apart``: blocks from
    one restart to the next; ``dc``, ``ac``: uint16 (components, 65536) as ``decoding_table`` makes them;
    ``parameters``: first and last coefficient, high and low bit, 1 if the file is progressive.
    """
    first, last, high, low, progressive = parameters
    predicted = np.zeros(4, np.int64)
    position, end, run_of_ends = 0, 0, 0
    band = (max(int(first), 1), int(last), int(low))
    for n in range(order.shape[0]):
        if n % apart == 0:
            part = n // apart
            position, end, run_of_ends = 8 * starts[part], starts[part + 1], 0
            predicted[:] = 0
        if position > 8 * end:
            return False
        block, which = int(order[n]), int(owner[n])
        if first == 0 and high > 0:
            if _peek(stream, end, position) >> 15:
                blocks[block, 0] |= 1 << low
            position += 1
        elif first == 0:
            position = _read_dc(stream, end, position, dc, which, predicted)
            value = predicted[which] << low
            if position < 0 or value < -32768 or value > 32767:
                return False
            blocks[block, 0] = value
        if high > 0:
            position, run_of_ends = _refine_ac(stream, end, position, ac, which, band, run_of_ends, blocks, block)
        elif run_of_ends > 0:
            run_of_ends -= 1
        else:
            position, run_of_ends = _read_ac(stream, end, position, ac, which, band, progressive, blocks, block)
        if position < 0:
            return False
    return True
