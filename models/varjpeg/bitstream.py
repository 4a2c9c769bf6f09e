"""A JPEG file around quantized blocks: a plain sequential file of ours, then its lossless progressive re-coding."""

from dataclasses import dataclass

import mozjpeg_lossless_optimization
import numpy as np
from numpy.typing import NDArray

from models.varjpeg.entropy import Blocks, count_symbols, encode_blocks, optimal_table
from models.varjpeg.metadata import insert_segments, segment

_JFIF = segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
_START, _END = b"\xff\xd8", b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class Component:
    """One colour component: ``blocks`` int16 (rows, columns, 64) zigzag, quantized; ``table`` which of the tables;
    ``sampling``: its samples across and down in a unit of the frame, 1 or 2 each."""

    blocks: Blocks
    table: int
    sampling: tuple[int, int] = (1, 1)


def jpeg_file(
    height: int, width: int, components: list[Component], tables: list[NDArray[np.uint8]], metadata: bytes
) -> bytes:
    """Progressive JPEG with optimal Huffman codes; ``tables`` uint8 (64,) zigzag; ``metadata`` whole segments.

    The result does not depend on threads or on earlier calls.
    """
    plain = _sequential_file(height, width, components, tables)
    return insert_segments(min((mozjpeg_lossless_optimization.optimize(plain), plain), key=len), metadata)


def _sequential_file(height: int, width: int, components: list[Component], tables: list[NDArray[np.uint8]]) -> bytes:
    """Baseline JPEG, one scan for each component, each with its own Huffman codes. T.81 annex B."""
    parts = [_START, _JFIF]
    parts += [segment(0xDB, bytes([number]) + table.tobytes()) for number, table in enumerate(tables)]
    frame = bytes([8]) + height.to_bytes(2, "big") + width.to_bytes(2, "big") + bytes([len(components)])
    for number, component in enumerate(components, start=1):
        across, down = component.sampling
        frame += bytes([number, across << 4 | down, component.table])
    parts.append(segment(0xC0, frame))
    for number, component in enumerate(components, start=1):
        parts += _scan(number, component)
    return b"".join([*parts, _END])


def _scan(number: int, component: Component) -> list[bytes]:
    blocks = component.blocks.reshape(-1, 64)
    differences = dc_differences(blocks)
    statistics = count_symbols(blocks, differences)
    dc, ac = optimal_table(statistics.dc), optimal_table(statistics.ac)
    return [
        segment(0xC4, b"\x00" + dc.counts.tobytes() + dc.symbols.tobytes()),
        segment(0xC4, b"\x10" + ac.counts.tobytes() + ac.symbols.tobytes()),
        segment(0xDA, bytes([1, number, 0x00, 0, 63, 0])),
        encode_blocks(blocks, differences, dc, ac, byte_stuffing=True),
    ]


def dc_differences(blocks: Blocks) -> NDArray[np.int32]:
    """int32 (N,): DC of each block (N, 64) less that of the block before it."""
    dc = blocks[:, 0].astype(np.int32)
    return np.asarray(dc - np.concatenate([np.zeros(1, np.int32), dc[:-1]]))
