"""Which AC scans make a progressive JPEG the smallest: bands of frequencies, and bits of precision, of one component.

Each stretch of frequencies between two of ``EDGES`` may be coded as a whole or in parts, all bits at once or the lowest
one or two in scans of their own, which may be cut otherwise. The cheapest of all these ways is found by shortest paths
over what each single scan would cost, which is counted. mozjpeg (jcmaster.c, "scan optimization") tries some of them.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, inlined
from models.jpeg.entropy import bit_size
from models.jpeg.huffman import SIXTEEN_ZEROS
from models.jpeg.nonzeros import Nonzeros
from models.jpeg.progressive import LONGEST_RUN, AcScan
from models.threads import in_order

EDGES = np.array([1, 2, 3, 5, 9, 15, 30, 64])
"""Places in zigzag order at which a band may begin; 13 of them save 0.04 percent more, for twice the time."""

_MOST_LEFT = 2
"""Bits that may be left to later scans; a third saves nothing (24 Kodak photos at the default)."""

_HEADER_BITS = 8 * (10 + 21)
"""Of a scan's SOS and DHT segments, beside one byte for each symbol."""

_SAMPLED_BLOCKS = 4096
"""Of a component with more than twice as many, some rows are counted."""

_SIZE_OF_LONGEST = LONGEST_RUN.bit_length() - 1
_STRETCHES = len(EDGES) - 1
_STRETCH = np.searchsorted(EDGES, np.arange(64), side="right") - 1

Costs = NDArray[np.float64]
"""(stretches, stretches + 1): bits of a scan from the start of one to the start of another; infinite where none is."""


class _Counts(NamedTuple):
    """Symbols of all bands at once; a band is named by the stretches in which it begins and ends.

    ``first`` int64 (stretches, stretches, 256): [s, t] of the first values of blocks in bands that begin with s, where
    they lie in t; ``within``: of all others in t, by the stretch s of the value before; ``runs`` (stretches, stretches,
    16): of ends of blocks in the band from s to t, by the size of their number; ``refined`` (stretches,): bits.
    """

    first: NDArray[np.int64]
    within: NDArray[np.int64]
    runs: NDArray[np.int64]
    refined: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Paths:
    """The cheapest way from each edge to each later one, and where it is cut first; 0: not at all."""

    costs: Costs
    cuts: NDArray[np.int64]

    def between(self, first: int, last: int) -> list[tuple[int, int]]:
        """The single steps."""
        cut = int(self.cuts[first, last])
        return [(first, last)] if cut == 0 else self.between(first, cut) + self.between(cut, last)


def best_scans(nonzeros: Nonzeros, columns: int) -> list[AcScan]:
    """Scans of a component of so many columns of blocks.

    All places are covered, those too at which all values are zero: libjpeg smooths blocks whose lowest it has not seen.
    """
    passes = [(low, False) for low in range(_MOST_LEFT + 1)] + [(low, True) for low in range(_MOST_LEFT)]
    found = in_order(lambda each: _cheapest(_scan_costs(nonzeros, columns, *each)), passes)
    paths = dict(zip(passes, found, strict=True))
    of_bits = [
        paths[bits, False].costs + sum(paths[low, True].costs for low in range(bits)) for bits in range(_MOST_LEFT + 1)
    ]
    bits_left = np.argmin(of_bits, axis=0)
    scans: list[AcScan] = []
    for start, stop in _cheapest(np.min(of_bits, axis=0)).between(0, _STRETCHES):
        left = int(bits_left[start, stop])
        scans += [_scan(each, 0, left) for each in paths[left, False].between(start, stop)]
        for low in range(left):
            scans += [_scan(each, low + 1, low) for each in paths[low, True].between(start, stop)]
    return scans


def _scan(step: tuple[int, int], high: int, low: int) -> AcScan:
    return AcScan(int(EDGES[step[0]]), int(EDGES[step[1]]) - 1, high, low)


def _cheapest(costs: Costs) -> _Paths:
    best, cuts = costs.copy(), np.zeros(costs.shape, np.int64)
    _shorten(best, cuts)
    return _Paths(best, cuts)


@compiled
def _shorten(costs: Costs, cuts: NDArray[np.int64]) -> None:
    """Put the cheapest way in the place of each single step."""
    stretches = costs.shape[0]
    for length in range(2, stretches + 1):
        for first in range(stretches - length + 1):
            last = first + length
            for cut in range(first + 1, last):
                if costs[first, cut] + costs[cut, last] < costs[first, last]:
                    costs[first, last] = costs[first, cut] + costs[cut, last]
                    cuts[first, last] = cut


def _scan_costs(nonzeros: Nonzeros, columns: int, low: int, refining: bool) -> Costs:
    counts = _Counts(
        np.zeros((_STRETCHES, _STRETCHES, 256), np.int64),
        np.zeros((_STRETCHES, _STRETCHES, 256), np.int64),
        np.zeros((_STRETCHES, _STRETCHES, 16), np.int64),
        np.zeros(_STRETCHES, np.int64),
    )
    every = max(1, nonzeros.block_count // _SAMPLED_BLOCKS)
    arrays = nonzeros.starts, nonzeros.places, nonzeros.values
    sampled = _count(arrays, (low, int(refining)), (columns, every), EDGES, _STRETCH, counts)
    return _costs(counts, nonzeros.block_count / sampled, refining)


@inlined
def _add_run(runs: NDArray[np.int64], start: int, stop: int, run: int) -> None:
    """The symbols for so many blocks without anything more, T.81 table G.1."""
    while run > LONGEST_RUN:
        runs[start, stop, _SIZE_OF_LONGEST] += 1
        run -= LONGEST_RUN
    if run > 0:
        runs[start, stop, bit_size(run) - 1] += 1


@inlined
def _add_symbol(symbols: NDArray[np.int64], start: int, stop: int, zeros: int, size: int) -> None:
    symbols[start, stop, SIXTEEN_ZEROS] += zeros >> 4
    symbols[start, stop, (zeros & 15) << 4 | size] += 1


@inlined
def _count_block(
    places: NDArray[np.uint8],
    values: NDArray[np.int16],
    inside: tuple[int, int],
    bits: tuple[int, int],
    edges: NDArray[np.int64],
    stretch: NDArray[np.int64],
    counts: _Counts,
    begun: NDArray[np.int64],
    full: NDArray[np.int64],
    refined_at: NDArray[np.int64],
) -> bool:
    """Whether a block has values in this scan. ``begun``: the stretch of the first one at or after each edge; ``full``:
    1 where the last place of a stretch has one, behind which no end is coded."""
    low, refining = bits
    begun[:] = edges.shape[0]
    full[:] = 0
    before, part_before, refined, refined_before = 0, -1, 0, 0
    next_edge = 0
    for n in range(inside[0], inside[1]):
        k, magnitude = int(np.int64(places[n])), abs(int(np.int64(values[n]))) >> low
        if magnitude == 0:
            continue
        part = stretch[k]
        while next_edge <= part:
            refined_at[next_edge] = refined
            next_edge += 1
        if refining and magnitude > 1:
            refined += 1
            counts.refined[part] += 1
            continue
        size = bit_size(magnitude)
        if part_before >= 0:
            _add_symbol(counts.within, part_before, part, k - before - 1 - (refined - refined_before), size)
        for start in range(part_before + 1, part + 1):
            _add_symbol(counts.first, start, part, k - edges[start] - (refined - refined_at[start]), size)
            begun[start] = part
        full[part] = k == edges[part + 1] - 1
        before, part_before, refined_before = k, part, refined
    return part_before >= 0


@compiled
def _count(
    nonzeros: tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int16]],
    bits: tuple[int, int],
    sample: tuple[int, int],
    edges: NDArray[np.int64],
    stretch: NDArray[np.int64],
    counts: _Counts,
) -> int:
    """Add a component's blocks to ``counts``; how many were looked at.

    ``bits``: how many are left to later scans, and 1 if those before have been coded; ``sample``: blocks in a row, and
    one row of how many is looked at.
    """
    starts, places, values = nonzeros
    columns, every = sample
    stretches = edges.shape[0] - 1
    begun = np.empty(stretches, np.int64)
    full = np.empty(stretches, np.int64)
    refined_at = np.empty(stretches + 1, np.int64)
    ended = np.zeros((stretches, stretches), np.int64)
    seen = 0
    for b in range(starts.shape[0] - 1):
        if b // columns % every:
            continue
        inside = starts[b], starts[b + 1]
        if _count_block(places, values, inside, bits, edges, stretch, counts, begun, full, refined_at):
            for start in range(stretches):
                for stop in range(begun[start], stretches):
                    _add_run(counts.runs, start, stop, seen - ended[start, stop])
                    ended[start, stop] = seen + full[stop]
        seen += 1
    for start in range(stretches):
        for stop in range(start, stretches):
            _add_run(counts.runs, start, stop, seen - ended[start, stop])
    return seen


@compiled
def _costs(counts: _Counts, scale: float, refining: int) -> Costs:
    stretches = counts.refined.shape[0]
    costs = np.full((stretches, stretches + 1), np.inf)
    for start in range(stretches):
        values, refined = np.zeros(256, np.int64), 0
        for stop in range(start, stretches):
            values += counts.first[start, stop]
            for before in range(start, stop + 1):
                values += counts.within[before, stop]
            refined += counts.refined[stop]
            histogram, bits = values.copy(), refined
            for symbol in range(256):
                if symbol != SIXTEEN_ZEROS:
                    bits += values[symbol] * (1 if refining else symbol & 15)
            for size in range(15):
                histogram[size << 4] += counts.runs[start, stop, size]
                bits += counts.runs[start, stop, size] * size
            costs[start, stop + 1] = (
                scale * (bits + _huffman_bits(histogram)) + _HEADER_BITS + 8 * np.sum(histogram > 0)
            )
    return costs


@compiled
def _huffman_bits(histogram: NDArray[np.int64]) -> int:
    """Bits of the best codes for a histogram, one left free: the sum of all nodes of its tree."""
    leaves = np.sort(np.append(histogram[histogram > 0], 1))
    nodes = np.zeros(leaves.shape[0], np.int64)
    leaf, node, bits = 0, 0, 0
    for made in range(leaves.shape[0] - 1):
        for _ in range(2):
            if node == made or (leaf < leaves.shape[0] and leaves[leaf] <= nodes[node]):
                nodes[made] += leaves[leaf]
                leaf += 1
            else:
                nodes[made] += nodes[node]
                node += 1
        bits += nodes[made]
    return bits
