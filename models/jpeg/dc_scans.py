"""Scans of the DC values of a progressive JPEG (T.81 G.1.2.1): one for each component, or one of all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.jpeg.huffman import HuffmanTable
from models.jpeg.tokens import ALPHABET, Tokens, coded_tokens
from models.metadata.carried import segment

_DHT, _SOS = 0xC4, 0xDA

_MOST_BLOCKS_TOGETHER = 16384
"""With more, scans of their own are always smaller: no header counts there, but the order of differences does."""


@dataclass(frozen=True, slots=True)
class DcValues:
    """Of a component: its number in the frame, its samples across and down in a unit, int16 (rows, columns)."""

    number: int
    sampling: tuple[int, int]
    values: NDArray[np.int16]


def dc_scans(components: list[DcValues]) -> bytes:
    """Huffman codes and scans, the smaller of both ways."""
    apart = b"".join(_scan([component]) for component in components)
    if len(components) == 1 or sum(component.values.size for component in components) > _MOST_BLOCKS_TOGETHER:
        return apart
    return min(apart, _scan(components), key=len)


def huffman_segment(tables: dict[int, HuffmanTable]) -> bytes:
    """A DHT segment of tables by T.81's class << 4 | number."""
    parts = (bytes([which]) + table.counts.tobytes() + table.symbols.tobytes() for which, table in tables.items())
    return segment(_DHT, b"".join(parts))


def _scan(components: list[DcValues]) -> bytes:
    """One scan; the second table is that of all components but the first."""
    differences = [_differences(component, components) for component in components]
    second = [np.full_like(each, min(place, 1) * ALPHABET) for place, each in enumerate(differences)]
    coded, symbols = np.concatenate(differences, axis=1).ravel(), np.concatenate(second, axis=1).ravel()
    sizes = np.frexp(np.abs(coded).astype(np.float32))[1]
    bits = np.where(coded < 0, coded + (1 << sizes) - 1, coded)
    tokens = Tokens((symbols + sizes).astype(np.uint16), bits.astype(np.uint16), sizes.astype(np.uint8))
    tables, data = coded_tokens(tokens)
    members = b"".join(bytes([each.number, min(place, 1) << 4]) for place, each in enumerate(components))
    header = segment(_SOS, bytes([len(components)]) + members + bytes([0, 0, 0]))
    return huffman_segment(dict(enumerate(tables))) + header + data


def _differences(component: DcValues, together: list[DcValues]) -> NDArray[np.int32]:
    """int32 (units, blocks of the component in one): of each DC to the one coded before it. T.81 A.2.

    What fills up the last units repeats its neighbour.
    """
    values = component.values.astype(np.int32)
    (across, down), inside = component.sampling, (1, 1)
    if len(together) > 1:
        inside = across, down
        units = [
            (-(-each.values.shape[1] // each.sampling[0]), -(-each.values.shape[0] // each.sampling[1]))
            for each in together
        ]
        columns, rows = max(unit[0] for unit in units), max(unit[1] for unit in units)
        missing = (0, rows * down - values.shape[0]), (0, columns * across - values.shape[1])
        values = np.pad(values, missing, mode="edge")
    across, down = inside
    rows, columns = values.shape[0] // down, values.shape[1] // across
    ordered = values.reshape(rows, down, columns, across).transpose(0, 2, 1, 3).ravel()
    return np.asarray(np.diff(ordered, prepend=np.int32(0)).reshape(rows * columns, down * across))
