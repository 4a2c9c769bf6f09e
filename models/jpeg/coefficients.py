"""The quantized coefficients of a JPEG file, exactly as it stores them: sequential and progressive Huffman (T.81 F, G).

A photo that comes as JPEG can then be coded again on its own grid: what is kept is kept without any further loss.
"""

import math
import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.errors import ImageUndecodableError
from models.image_files.header import limited
from models.image_files.jpeg import marker_segments
from models.jpeg.bitstream import in_range
from models.jpeg.dct import BLOCK, block_grid, zigzag
from models.jpeg.entropy import Blocks
from models.jpeg.huffman import HuffmanTable, decoding_table
from models.jpeg.scans import decode_scan

_SOF = {0xC0: False, 0xC1: False, 0xC2: True}
"""Frame markers that are read, and whether they announce a progressive file."""

_TRANSPOSED, _MIRRORED_ACROSS, _MIRRORED_DOWN = {5, 6, 7, 8}, {2, 3, 6, 7}, {3, 4, 7, 8}
"""EXIF orientations by what makes them upright: first rows become columns, then the result is mirrored."""

_DHT, _SOS, _DQT, _DRI = 0xC4, 0xDA, 0xDB, 0xDD
_RESTART = re.compile(rb"\xff+[\xd0-\xd7]")
_FILL = re.compile(rb"\xff+\Z")


@dataclass(frozen=True, slots=True)
class JpegComponent:
    """One component: ``blocks`` int16 (rows, columns, 64) zigzag, quantized; ``table`` its steps uint16 (64,) zigzag;
    ``across`` and ``down``: its samples in a unit of the frame, 1..4."""

    blocks: Blocks
    table: NDArray[np.uint16]
    across: int
    down: int


@dataclass(frozen=True, slots=True)
class JpegCoefficients:
    """All components of an 8-bit Huffman JPEG, grey or YCbCr, in stored orientation."""

    height: int
    width: int
    components: tuple[JpegComponent, ...]


class DamagedScanError(ImageUndecodableError):
    """Image data that are damaged or cut short; libjpeg shows what there is."""


@dataclass(slots=True)
class _Component:
    number: int
    across: int
    down: int
    table: int
    rows: int = 0
    columns: int = 0
    """Blocks that cover the component; the grid is padded to whole units of the frame."""

    grid_columns: int = 0
    first_block: int = 0
    missing_bits: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(64, np.uint8))
    """Of each coefficient in zigzag order: how many bits the scans so far have left to later ones."""


@dataclass(slots=True)
class _Frame:
    height: int
    width: int
    progressive: bool
    components: list[_Component]
    units_down: int = 0
    units_across: int = 0
    blocks: Blocks = field(default_factory=lambda: np.zeros((0, 64), np.int16))


def read_coefficients(data: bytes, *, max_pixels: int = 64_000_000) -> JpegCoefficients:
    """The coefficients of a whole JPEG of one, three or four components.

    Raises: DamagedScanError if its scans are damaged, cut short or too few; ImageUndecodableError if it is of another
    kind, larger than ``max_pixels``, or has coefficients that 8-bit JPEG has no codes for.
    """
    frame: _Frame | None = None
    steps: dict[int, NDArray[np.uint16]] = {}
    used: dict[int, NDArray[np.uint16]] = {}
    codes: dict[int, NDArray[np.uint16]] = {}
    interval = 0
    for marker, body, behind in limited(marker_segments(data)):
        if marker in _SOF and frame is None:
            frame = _read_frame(body, progressive=_SOF[marker], max_pixels=max_pixels)
        elif marker == _DQT:
            steps |= _read_steps(body)
        elif marker == _DHT:
            codes |= _read_codes(body)
        elif marker == _DRI:
            interval = int.from_bytes(body[:2], "big")
        elif marker == _SOS:
            if frame is None:
                raise ImageUndecodableError("a JPEG scan before its frame")
            _read_scan(frame, body, data[behind], codes, interval)
            for component in frame.components:  # a table counts as it stood when the component was first coded
                if component.table in steps:
                    used.setdefault(component.number, steps[component.table])
    if frame is None or any(component.number not in used for component in frame.components):
        raise DamagedScanError("the JPEG lacks a frame, a scan or a quantization table")
    if any(component.missing_bits.max() > 0 for component in frame.components):
        raise DamagedScanError("the JPEG lacks scans with the last bits of its coefficients")
    if not in_range(frame.blocks):
        raise ImageUndecodableError("a JPEG coefficient is out of range")
    return _finished(frame, used)


def turned_upright(source: JpegCoefficients, orientation: int) -> JpegCoefficients:
    """The coefficients of the photo as EXIF's ``orientation`` 1..8 wants it shown, without any loss.

    A mirrored block has the same coefficients, those of odd frequencies with the other sign.
    Raises: ImageUndecodableError where a part of a unit at the right or lower edge would come to the left or top.
    """
    across, down = orientation in _MIRRORED_ACROSS, orientation in _MIRRORED_DOWN
    if orientation in _TRANSPOSED:
        components = tuple(_transposed(component) for component in source.components)
        source = JpegCoefficients(source.width, source.height, components)
    unit_across = BLOCK * max(component.across for component in source.components)
    unit_down = BLOCK * max(component.down for component in source.components)
    if (across and source.width % unit_across) or (down and source.height % unit_down):
        raise ImageUndecodableError("a JPEG of this size cannot be turned without loss")
    components = tuple(_mirrored(component, across=across, down=down) for component in source.components)
    return JpegCoefficients(source.height, source.width, components)


def _transposed(component: JpegComponent) -> JpegComponent:
    row, column = np.divmod(zigzag(), BLOCK)
    order = np.argsort(zigzag())[BLOCK * column + row]
    blocks = np.ascontiguousarray(component.blocks.transpose(1, 0, 2)[:, :, order])
    return JpegComponent(blocks, component.table[order], component.down, component.across)


def _mirrored(component: JpegComponent, *, across: bool, down: bool) -> JpegComponent:
    row, column = np.divmod(zigzag(), BLOCK)
    signs = (1 - 2 * (column % 2 if across else 0 * column)) * (1 - 2 * (row % 2 if down else 0 * row))
    blocks = component.blocks[:: -1 if down else 1, :: -1 if across else 1] * signs.astype(np.int16)
    return JpegComponent(np.ascontiguousarray(blocks), component.table, component.across, component.down)


def _finished(frame: _Frame, steps: dict[int, NDArray[np.uint16]]) -> JpegCoefficients:
    components = []
    for c in frame.components:
        count = frame.units_down * c.down * c.grid_columns
        grid = frame.blocks[c.first_block : c.first_block + count].reshape(-1, c.grid_columns, 64)
        blocks = np.ascontiguousarray(grid[: c.rows, : c.columns])
        components.append(JpegComponent(blocks, steps[c.number], c.across, c.down))
    return JpegCoefficients(frame.height, frame.width, tuple(components))


def _read_frame(body: bytes, *, progressive: bool, max_pixels: int) -> _Frame:
    if len(body) < 6 or body[0] != 8 or body[5] not in (1, 3, 4) or len(body) < 6 + 3 * body[5]:
        raise ImageUndecodableError("not an 8-bit JPEG of one, three or four components")
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    parts = [body[6 + 3 * i : 9 + 3 * i] for i in range(body[5])]
    components = [_Component(part[0], part[1] >> 4, part[1] & 15, part[2]) for part in parts]
    if len(components) == 1:  # T.81 A.2.2: one component alone has no sampling
        components[0].across = components[0].down = 1
    if not all(1 <= c.across <= 4 and 1 <= c.down <= 4 for c in components) or not 0 < height * width <= max_pixels:
        raise ImageUndecodableError("a JPEG frame of impossible sampling or size")
    return _with_grids(_Frame(height, width, progressive, components))


def _with_grids(frame: _Frame) -> _Frame:
    """Count the blocks of each component (T.81 A.1.1, A.2) and make room for them all."""
    most_across = max(c.across for c in frame.components)
    most_down = max(c.down for c in frame.components)
    frame.units_across = -(-frame.width // (BLOCK * most_across))
    frame.units_down = -(-frame.height // (BLOCK * most_down))
    total = 0
    for c in frame.components:
        samples = math.ceil(frame.height * c.down / most_down), math.ceil(frame.width * c.across / most_across)
        c.rows, c.columns = block_grid(*samples)
        c.grid_columns = frame.units_across * c.across
        c.first_block = total
        total += frame.units_down * c.down * c.grid_columns
    frame.blocks = np.zeros((total, 64), np.int16)
    return frame


def _read_steps(body: bytes) -> dict[int, NDArray[np.uint16]]:
    tables, position = {}, 0
    while position < len(body):
        number, wide = body[position] & 15, body[position] >> 4
        size = 128 if wide else 64
        raw = body[position + 1 : position + 1 + size]
        if len(raw) < size:
            raise ImageUndecodableError("a JPEG quantization table is cut short")
        if not np.frombuffer(raw, ">u2" if wide else np.uint8).all():
            raise ImageUndecodableError("a JPEG quantization table holds a zero")
        tables[number] = np.frombuffer(raw, ">u2" if wide else np.uint8).astype(np.uint16)
        position += 1 + size
    return tables


def _read_codes(body: bytes) -> dict[int, NDArray[np.uint16]]:
    """Look-ups of 16 bits, ``length << 8 | symbol``, by ``class << 4 | number`` of the table."""
    tables, position = {}, 0
    while position < len(body):
        kind = body[position]
        counts = np.frombuffer(body[position + 1 : position + 17], np.uint8)
        total = int(counts.sum(dtype=np.int64))
        symbols = np.frombuffer(body[position + 17 : position + 17 + total], np.uint8)
        if len(counts) < 16 or len(symbols) < total or total > 256:
            raise ImageUndecodableError("a JPEG Huffman table is cut short")
        if int((counts.astype(np.int64) << np.arange(15, -1, -1)).sum()) > 1 << 16:
            raise ImageUndecodableError("a JPEG Huffman table is no prefix code")
        tables[kind] = decoding_table(HuffmanTable(counts, symbols))
        position += 17 + total
    return tables


def _read_scan(
    frame: _Frame, body: bytes, entropy_coded: bytes, codes: dict[int, NDArray[np.uint16]], interval: int
) -> None:
    count = body[0] if body else 0
    if len(body) < 4 + 2 * count or not 1 <= count <= len(frame.components):
        raise ImageUndecodableError("a JPEG scan header is cut short")
    wanted = [(body[1 + 2 * i], body[2 + 2 * i]) for i in range(count)]
    by_number = {c.number: c for c in frame.components}
    first, last, approximation = body[1 + 2 * count : 4 + 2 * count]
    high, low = approximation >> 4, approximation & 15
    if not frame.progressive:  # they have one meaning there, and libjpeg does not ask what they say
        first, last, high, low = 0, 63, 0, 0
    sound = first <= last <= 63 and low <= 13 and all(number in by_number for number, _ in wanted)
    if not sound or (first > 0 and count > 1):
        raise ImageUndecodableError("a JPEG scan of impossible parameters")
    components = [by_number[number] for number, _ in wanted]
    order, owner = _coding_order(frame, components)
    empty = np.zeros(1 << 16, np.uint16)
    dc = np.stack([codes.get(tables >> 4, empty) for _, tables in wanted])
    ac = np.stack([codes.get(0x10 | tables & 15, empty) for _, tables in wanted])
    parts = [part.replace(b"\xff\x00", b"\xff") for part in _RESTART.split(_FILL.sub(b"", entropy_coded))]
    starts = np.cumsum([0, *(len(part) for part in parts)])
    stream = np.frombuffer(b"".join(parts), np.uint8)
    in_unit = 1 if count == 1 else sum(c.across * c.down for c in components)
    apart = interval * in_unit if interval else len(order)
    if -(-len(order) // apart) > len(parts):
        raise DamagedScanError("a JPEG scan lacks restart intervals")
    parameters = np.array([first, last, high, low, int(frame.progressive)], np.int64)
    if not decode_scan(stream, starts, order, owner, apart, dc, ac, parameters, frame.blocks):
        raise DamagedScanError("a JPEG scan is damaged or ends early")
    for component in components:
        component.missing_bits[first : last + 1] = low


def _coding_order(frame: _Frame, components: list[_Component]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Position in ``frame.blocks`` of each block as the scan codes them, and which of its components it belongs to."""
    if len(components) == 1:
        c = components[0]
        rows, columns = np.mgrid[0 : c.rows, 0 : c.columns]
        order = (c.first_block + rows * c.grid_columns + columns).ravel()
        return order.astype(np.int32), np.zeros(order.size, np.uint8)
    down, across = np.mgrid[0 : frame.units_down, 0 : frame.units_across]
    places, owners = [], []
    for n, c in enumerate(components):
        for y in range(c.down):
            for x in range(c.across):
                places.append(c.first_block + (down * c.down + y) * c.grid_columns + across * c.across + x)
                owners.append(n)
    order = np.stack(places, axis=-1).reshape(-1)
    return order.astype(np.int32), np.tile(np.array(owners, np.uint8), frame.units_down * frame.units_across)
