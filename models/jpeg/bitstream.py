"""A JPEG file around quantized blocks: a plain sequential one, then the same in progressive scans.

The DC values of all but small pictures get a scan and Huffman codes for each component, so that differences are taken
in the order in which ``rate_distortion`` has priced them; ``scan_search`` chooses the scans of AC values.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.errors import ImageTooLargeError
from models.jpeg.dc_scans import DcValues, dc_scans, huffman_segment
from models.jpeg.entropy import Blocks, count_symbols, encode_blocks
from models.jpeg.huffman import optimal_table
from models.jpeg.nonzeros import Nonzeros, nonzeros_of
from models.jpeg.progressive import AcScan, coded_scan
from models.jpeg.scan_search import best_scans
from models.metadata.carried import insert_segments, segment
from models.threads import Meanwhile, in_order

_JFIF = segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
_START, _END = b"\xff\xd8", b"\xff\xd9"
_SOF0, _SOF2, _SOS, _DQT = 0xC0, 0xC2, 0xDA, 0xDB

MAX_SIDE = 65500
"""libjpeg's JPEG_MAX_DIMENSION, a little under the sixteen bits of T.81 B.2.2."""

LOWEST_DC, HIGHEST_DC, MOST_AC = -1024, 1023, 1023
"""Quantized values that 8-bit JPEG has codes for in whatever order blocks come: differences of DC up to 2047 (T.81
F.1.2.1.1), AC up to 1023 (F.1.2.2.1). libjpeg's encoder refuses others (jchuff.c, MAX_COEF_BITS), decoders do not."""


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
    """Progressive JPEG with optimal Huffman codes; arguments as ``draft_file`` takes them.

    The result does not depend on threads or on earlier calls. Raises: ImageTooLargeError over 65500 pixels a side.
    """
    return draft_file(height, width, components, tables, metadata).finished()


@dataclass(frozen=True, slots=True)
class _Remaining:
    """What progressive scans of a component need."""

    dc: DcValues
    ac: Nonzeros

    def best_scans(self) -> list[AcScan]:
        """Of its AC values."""
        return best_scans(self.ac, self.dc.values.shape[1])

    def coded(self, scan: AcScan) -> bytes:
        """Huffman codes and an AC scan."""
        table, data = coded_scan(self.ac, scan)
        band = bytes([1, self.dc.number, 0x00, scan.first, scan.last, scan.high << 4 | scan.low])
        return huffman_segment({0x10: table}) + segment(_SOS, band) + data


@dataclass(frozen=True, slots=True)
class Draft:
    """A sequential file, and what its progressive form needs beside it."""

    plain: bytes
    progressive_head: bytes
    components: tuple[_Remaining, ...]
    metadata: bytes

    @property
    def data(self) -> bytes:
        """A file of the same pixels as the finished one, larger and much sooner made."""
        return insert_segments(self.plain, self.metadata)

    def finished(self) -> bytes:
        """The smallest lossless re-coding."""
        scans = [(each, scan) for each in self.components for scan in each.best_scans()]
        scans.sort(key=lambda found: found[1].shown)
        coded = in_order(lambda found: found[0].coded(found[1]), scans)
        dc = dc_scans([each.dc for each in self.components])
        progressive = b"".join([self.progressive_head, dc, *coded, _END])
        return insert_segments(min(progressive, self.plain, key=len), self.metadata)


def draft_file(
    height: int, width: int, components: list[Component], tables: list[NDArray[np.uint8]], metadata: bytes
) -> Draft:
    """``tables`` uint8 (64,) zigzag; ``metadata`` whole segments. A coefficient out of range is limited to it.

    Raises: ImageTooLargeError over 65500 pixels a side.
    """
    if max(height, width) > MAX_SIDE:
        raise ImageTooLargeError(f"a JPEG has at most {MAX_SIDE} pixels a side, not {width}x{height}")
    components = [replace(component, blocks=limited_to_range(component.blocks)) for component in components]
    with Meanwhile() as beside:
        coded = [beside.begin(partial(_scan, number), each) for number, each in enumerate(components, start=1)]
        remaining = tuple(in_order(lambda each: _remaining(*each), enumerate(components, start=1)))
        scans = [scan.result() for scan in coded]
    plain = b"".join([_head(_SOF0, height, width, components, tables), *scans, _END])
    return Draft(plain, _head(_SOF2, height, width, components, tables), remaining, metadata)


def in_range(blocks: Blocks) -> bool:
    """Whether 8-bit JPEG has codes for all of (..., 64) zigzag values."""
    if blocks.size == 0:
        return True
    return bool(_in_range(np.ascontiguousarray(blocks).reshape(-1, 64)))


@compiled
def _in_range(blocks: Blocks) -> bool:
    for b in range(blocks.shape[0]):
        if blocks[b, 0] < LOWEST_DC or blocks[b, 0] > HIGHEST_DC:
            return False
        least, most = 0, 0
        for k in range(1, 64):
            least, most = min(least, blocks[b, k]), max(most, blocks[b, k])
        if least < -MOST_AC or most > MOST_AC:
            return False
    return True


def limited_to_range(blocks: Blocks) -> Blocks:
    """The same blocks where they are in range, else their nearest that are."""
    if in_range(blocks):
        return blocks
    limited = blocks.clip(-MOST_AC, MOST_AC)
    limited[..., 0] = blocks[..., 0].clip(LOWEST_DC, HIGHEST_DC)
    return limited


def _head(marker: int, height: int, width: int, components: list[Component], tables: list[NDArray[np.uint8]]) -> bytes:
    """All that comes before the first scan. T.81 annex B."""
    frame = bytes([8]) + height.to_bytes(2, "big") + width.to_bytes(2, "big") + bytes([len(components)])
    for number, component in enumerate(components, start=1):
        across, down = component.sampling
        frame += bytes([number, across << 4 | down, component.table])
    steps = b"".join(bytes([number]) + table.tobytes() for number, table in enumerate(tables))
    return b"".join([_START, _JFIF, segment(_DQT, steps), segment(marker, frame)])


def _scan(number: int, component: Component) -> bytes:
    """Huffman codes and one sequential scan."""
    blocks = component.blocks.reshape(-1, 64)
    differences = dc_differences(blocks)
    statistics = count_symbols(blocks, differences)
    dc, ac = optimal_table(statistics.dc), optimal_table(statistics.ac)
    header = huffman_segment({0x00: dc, 0x10: ac}) + segment(_SOS, bytes([1, number, 0x00, 0, 63, 0]))
    return header + encode_blocks(blocks, differences, dc, ac, byte_stuffing=True, statistics=statistics)


def _remaining(number: int, component: Component) -> _Remaining:
    blocks = component.blocks
    dc = DcValues(number, component.sampling, blocks[:, :, 0].copy())
    return _Remaining(dc, nonzeros_of(blocks.reshape(-1, 64)))


def dc_differences(blocks: Blocks) -> NDArray[np.int32]:
    """int32 (N,): DC of each block (N, 64) less that of the block before it."""
    dc = blocks[:, 0].astype(np.int32)
    return np.asarray(dc - np.concatenate([np.zeros(1, np.int32), dc[:-1]]))
