"""A JPEG file around quantized blocks: a plain sequential file of ours, then its lossless progressive re-coding.

mozjpeg chooses the progressive scans of AC values. The DC values, which it puts into one scan of all components, get a
scan and Huffman codes for each where that is smaller: 0.2 percent of a photo at quality 88, 0.7 at 45. Differences are
then taken in the order in which ``rate_distortion`` has priced them.

mozjpeg's error exit ends the process (libjpeg's default, ``exit()``), so that it is shown nothing that it can refuse:
only files that this module wrote itself, of coefficients and sides within the limits below.
"""

from dataclasses import dataclass, replace

import mozjpeg_lossless_optimization
import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.errors import ImageTooLargeError
from models.image_files.jpeg import marker_segments
from models.jpeg.entropy import Blocks, Statistics, count_dc_sizes, count_symbols, encode_blocks
from models.jpeg.huffman import HuffmanTable, optimal_table
from models.metadata.carried import insert_segments, segment

_JFIF = segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
_START, _END = b"\xff\xd8", b"\xff\xd9"
_SOF0, _DHT, _SOS, _DQT = 0xC0, 0xC4, 0xDA, 0xDB
_NO_CODES = HuffmanTable(np.zeros(16, np.uint8), np.zeros(0, np.uint8))
"""Of AC values that are left to later scans: without a code nothing is written."""

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
class Draft:
    """A sequential file, and what its re-coding needs beside it: ``dc_scans`` of one component each."""

    plain: bytes
    dc_scans: tuple[bytes, ...]
    metadata: bytes

    @property
    def data(self) -> bytes:
        """A file of the same pixels as the finished one, larger and much sooner made."""
        return insert_segments(self.plain, self.metadata)

    def finished(self) -> bytes:
        """The smallest lossless re-coding."""
        progressive = mozjpeg_lossless_optimization.optimize(self.plain)
        smallest = min((_with_dc_apart(progressive, self.dc_scans), progressive, self.plain), key=len)
        return insert_segments(smallest, self.metadata)


def draft_file(
    height: int, width: int, components: list[Component], tables: list[NDArray[np.uint8]], metadata: bytes
) -> Draft:
    """``tables`` uint8 (64,) zigzag; ``metadata`` whole segments. A coefficient out of range is limited to it.

    Raises: ImageTooLargeError over 65500 pixels a side.
    """
    if max(height, width) > MAX_SIDE:
        raise ImageTooLargeError(f"a JPEG has at most {MAX_SIDE} pixels a side, not {width}x{height}")
    components = [replace(component, blocks=limited_to_range(component.blocks)) for component in components]
    dc_scans = [part for number, component in enumerate(components, start=1) for part in _dc_scan(number, component)]
    return Draft(_sequential_file(height, width, components, tables), tuple(dc_scans), metadata)


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


def _sequential_file(height: int, width: int, components: list[Component], tables: list[NDArray[np.uint8]]) -> bytes:
    """Baseline JPEG, one scan for each component, each with its own Huffman codes. T.81 annex B."""
    parts = [_START, _JFIF]
    parts += [segment(_DQT, bytes([number]) + table.tobytes()) for number, table in enumerate(tables)]
    frame = bytes([8]) + height.to_bytes(2, "big") + width.to_bytes(2, "big") + bytes([len(components)])
    for number, component in enumerate(components, start=1):
        across, down = component.sampling
        frame += bytes([number, across << 4 | down, component.table])
    parts.append(segment(_SOF0, frame))
    for number, component in enumerate(components, start=1):
        parts += _scan(number, component)
    return b"".join([*parts, _END])


def _scan(number: int, component: Component) -> list[bytes]:
    """Huffman codes and one sequential scan."""
    blocks = component.blocks.reshape(-1, 64)
    differences = dc_differences(blocks)
    statistics = count_symbols(blocks, differences)
    dc, ac = optimal_table(statistics.dc), optimal_table(statistics.ac)
    return [
        _codes(0x00, dc),
        _codes(0x10, ac),
        segment(_SOS, bytes([1, number, 0x00, 0, 63, 0])),
        encode_blocks(blocks, differences, dc, ac, byte_stuffing=True, statistics=statistics),
    ]


def _with_dc_apart(progressive: bytes, dc_scans: tuple[bytes, ...]) -> bytes:
    """The same coefficients with these DC scans first, one for each component. T.81 G.1.1.1 and G.1.2.1."""
    head, ac_scans, codes = [_START], list[bytes](), list[bytes]()
    for marker, body, behind in marker_segments(progressive):
        if marker == _DHT:
            codes.append(segment(marker, body))
        elif marker != _SOS:
            head.append(segment(marker, body))
        else:
            of_dc = body[1 + 2 * body[0]] == 0
            ac_scans += [] if of_dc else [*codes, segment(marker, body), progressive[behind]]
            codes = []
    return b"".join([*head, *dc_scans, *ac_scans, _END])


def _dc_scan(number: int, component: Component) -> list[bytes]:
    blocks = component.blocks.reshape(-1, 64)
    differences = dc_differences(blocks)
    sizes = count_dc_sizes(differences)
    dc = optimal_table(sizes)
    nothing = Statistics(sizes, np.zeros_like(sizes))
    return [
        _codes(0x00, dc),
        segment(_SOS, bytes([1, number, 0x00, 0, 0, 0])),
        encode_blocks(
            np.zeros((len(blocks), 1), np.int16), differences, dc, _NO_CODES, byte_stuffing=True, statistics=nothing
        ),
    ]


def _codes(which: int, table: HuffmanTable) -> bytes:
    return segment(_DHT, bytes([which]) + table.counts.tobytes() + table.symbols.tobytes())


def dc_differences(blocks: Blocks) -> NDArray[np.int32]:
    """int32 (N,): DC of each block (N, 64) less that of the block before it."""
    dc = blocks[:, 0].astype(np.int32)
    return np.asarray(dc - np.concatenate([np.zeros(1, np.int32), dc[:-1]]))
