"""``format=varjpeg``: the thesis' variable JPEG in a container of its own (VarJPEG thesis, section 6.2.1).

Blocks near k centroids of high local quality are quantized more finely than the rest: block b uses the T.81 table of
quality q_b = round(q + 15 mean(M|b)) (formula 13), where M is the sum of Gaussians (sigma 10 % of the width) around the
centroids, normalised to [0, 1]. The file carries the centroids, not M; the decoder computes M from them again.

Byte layout, version 1, big endian:

====== ===== ==========================================================================================
offset bytes content
====== ===== ==========================================================================================
0      4     ``VJPG``
4      1     version, 1
5      1     flags: 1 grey (one component), 2 chroma at full resolution, 4 a colour profile follows
6      2+2   height, width, 1..16384
10     2     q in 1/256, 1..99
12     1     k, 1..8
13     4 k   centroids: row and column, each as a 65536th of height and width
..     ..    Huffman tables as in a DHT segment (16 counts, symbols): luma DC, luma AC, and chroma DC, AC if not grey
..     4+n   length and bytes of the ICC profile, if flagged
..     ..    coded blocks of Y, then Cb, then Cr; each component in raster order, ends at a byte boundary
====== ===== ==========================================================================================

``FORMAT.md`` beside this file describes the same for readers of other languages, step by step.

The side information that ordinary JPEG does not have, bytes 0..4 and 10..13+4k, is 40 bytes for k = 8; with all of the
fixed header it is 45. DC is predicted from the block before it: its dequantized value over this block's step, rounded.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models import icc
from models.colour import double, grey_as_rgb, halve, is_grey, rgb_to_ycbcr, ycbcr_to_rgb
from models.compiled import compiled
from models.errors import ContainerInvalidError, ImageTooLargeError, InvalidParameterError
from models.jpeg.dct import block_grid, forward_dct, inverse_dct
from models.jpeg.entropy import Blocks, count_symbols, decode_blocks, encode_blocks
from models.jpeg.huffman import MAX_DC_SIZE, HuffmanTable, optimal_table
from models.preprocess import as_rgb
from models.types import Float32Array, PatchQualityMap, Rgb8, RgbImage
from models.varjpeg.container_header import (
    MAX_CLUSTERS,
    MAX_PIXELS,
    MAX_SIDE,
    Header,
    block_quality,
    parse_header,
    quantize_centroids,
)
from models.varjpeg.salience import cluster_centroids, salient_pixels
from models.varjpeg.tables import HIGHEST_QUALITY, LOWEST_QUALITY, standard_tables


class PreparedContainer:
    """A photo ready to be encoded at many qualities: its clusters and its planes are computed once.

    ``patch_quality``: no-reference quality, higher is better, as the sliding window made it, or already (H, W);
    ``full_chroma``: 4:4:4 instead of 4:2:0. Raises: ImageTooLargeError over 16384 pixels a side or 64 megapixels.
    """

    def __init__(
        self,
        image: RgbImage | ArrayLike,
        patch_quality: PatchQualityMap | NDArray[np.floating],
        *,
        full_chroma: bool = False,
    ) -> None:
        source = image if isinstance(image, RgbImage) else RgbImage(as_rgb(image), as_rgb(image))
        height, width = source.height, source.width
        if max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
            raise ImageTooLargeError(f"a container holds at most {MAX_SIDE} pixels a side, not {width}x{height}")
        salient = salient_pixels(patch_quality, height, width)
        self._profile = source.icc_profile
        self._header = Header(
            height,
            width,
            0,
            quantize_centroids(cluster_centroids(salient, clusters=MAX_CLUSTERS), height, width),
            grey=is_grey(source.native_pixels),
            full_chroma=full_chroma,
            has_profile=source.icc_profile is not None,
        )
        self._planes = _planes(source.native_pixels, self._header)

    def encode(self, quality: float) -> bytes:
        """The container at the thesis' global q, 1..99, kept in steps of 1/256. Raises: InvalidParameterError."""
        if not LOWEST_QUALITY <= quality <= HIGHEST_QUALITY:
            raise InvalidParameterError(f"a quality lies in {LOWEST_QUALITY}..{HIGHEST_QUALITY}, not {quality}")
        header = replace(self._header, quality_256=round(quality * 256))
        pairs = enumerate(zip(self._planes, block_quality(header), strict=True))
        parts = [_quantize(plane, q, chroma=number > 0) for number, (plane, q) in pairs]
        return _assemble(header, self._profile, parts)


def encode_varjpeg(
    image: RgbImage | ArrayLike,
    patch_quality: PatchQualityMap | NDArray[np.floating],
    *,
    quality: float,
    full_chroma: bool = False,
) -> bytes:
    """One container; arguments as ``PreparedContainer`` and its ``encode`` take them."""
    return PreparedContainer(image, patch_quality, full_chroma=full_chroma).encode(quality)


def decode_varjpeg(data: bytes, *, max_pixels: int = MAX_PIXELS) -> RgbImage:
    """The photo in a container, pixels in the colour space of its profile and in sRGB.

    Raises: ContainerInvalidError for anything but a whole, undamaged container of at most ``max_pixels``.
    """
    header, position = parse_header(data, max_pixels=max_pixels)
    tables, position = _parse_tables(data, position, 2 if header.grey else 4)
    profile, position = _parse_profile(data, position) if header.has_profile else (None, position)
    coded = np.frombuffer(data, np.uint8)[position:]
    grids = _grids(header)
    if 2 * sum(rows * columns for rows, columns in grids) > 8 * len(coded):
        raise ContainerInvalidError(f"{len(coded)} bytes cannot hold {header.width}x{header.height} pixels")
    planes = []
    for number, q in enumerate(block_quality(header)):
        dc, ac = tables[2:] if number else tables[:2]
        blocks, differences, used = decode_blocks(coded, q.size, dc, ac)
        coded = coded[used:]
        planes.append(_dequantize(blocks, differences, q, chroma=number > 0))
    if len(coded):
        raise ContainerInvalidError(f"{len(coded)} bytes follow the last block")
    return _finish(_pixels(planes, header), profile)


def _planes(pixels: Rgb8, header: Header) -> list[Float32Array]:
    y, cb, cr = rgb_to_ycbcr(pixels)
    luma = y - np.float32(128)
    if header.grey:
        return [luma]
    return [luma, cb, cr] if header.full_chroma else [luma, halve(cb), halve(cr)]


def _grids(header: Header) -> list[tuple[int, int]]:
    luma = block_grid(header.height, header.width)
    if header.grey:
        return [luma]
    half = block_grid((header.height + 1) // 2, (header.width + 1) // 2)
    return [luma, luma, luma] if header.full_chroma else [luma, half, half]


def _quantize(plane: Float32Array, quality: NDArray[np.int64], *, chroma: bool) -> tuple[Blocks, NDArray[np.int32]]:
    """Blocks int16 (N, 64), each rounded by the table of its quality, and their DC differences int32 (N,)."""
    coefficients = forward_dct(plane).reshape(-1, 64)
    steps = standard_tables()[int(chroma)]
    blocks = np.empty(coefficients.shape, np.int16)
    levels = quality.ravel()
    for q in np.unique(levels):
        chosen = levels == q
        blocks[chosen] = np.rint(coefficients[chosen] / steps[q].astype(np.float32)).clip(-1023, 1023)
    step = steps[levels, 0].astype(np.int64)
    dc = blocks[:, 0].astype(np.int64)
    differences = np.diff(dc, prepend=0)
    differences[1:] = dc[1:] - _nearest_multiple(dc[:-1] * step[:-1], step[1:])
    return blocks, differences.astype(np.int32)


def _nearest_multiple(value: NDArray[np.int64], step: NDArray[np.int64]) -> NDArray[np.int64]:
    """value / step rounded half up, in integers."""
    return (2 * value + step) // (2 * step)


def _dequantize(
    blocks: Blocks, differences: NDArray[np.int32], quality: NDArray[np.int64], *, chroma: bool
) -> Float32Array:
    """Coefficients float32 (rows, columns, 64). Raises: ContainerInvalidError if DC leaves its range."""
    steps = standard_tables()[int(chroma)]
    levels = quality.ravel()
    if not _restore_dc(differences, steps[levels, 0].astype(np.int64), blocks):
        raise ContainerInvalidError("a DC value is out of range")
    coefficients = np.empty(blocks.shape, np.float32)
    for q in np.unique(levels):
        chosen = levels == q
        coefficients[chosen] = blocks[chosen] * steps[q].astype(np.float32)
    return coefficients.reshape(*quality.shape, 64)


@compiled
def _restore_dc(differences: NDArray[np.int32], steps: NDArray[np.int64], blocks: Blocks) -> bool:
    value = 0
    for b in range(differences.shape[0]):
        dc = differences[b] + (2 * value + steps[b]) // (2 * steps[b])
        if dc < -2047 or dc > 2047:
            return False
        blocks[b, 0] = dc
        value = dc * steps[b]
    return True


def _assemble(header: Header, profile: bytes | None, parts: list[tuple[Blocks, NDArray[np.int32]]]) -> bytes:
    statistics = [count_symbols(*part) for part in parts]
    classes = [statistics[0]] if header.grey else [statistics[0], statistics[1] + statistics[2]]
    tables = [(optimal_table(s.dc), optimal_table(s.ac)) for s in classes]
    chunks = [header.to_bytes()]
    chunks += [table.counts.tobytes() + table.symbols.tobytes() for pair in tables for table in pair]
    if profile is not None:
        chunks.append(len(profile).to_bytes(4, "big") + profile)
    for number, (blocks, differences) in enumerate(parts):
        chunks.append(encode_blocks(blocks, differences, *tables[min(number, 1)], byte_stuffing=False))
    return b"".join(chunks)


def _parse_tables(data: bytes, position: int, count: int) -> tuple[list[HuffmanTable], int]:
    """Tables in file order. Raises: ContainerInvalidError if one is cut off or no prefix code."""
    tables = []
    for number in range(count):
        counts = np.frombuffer(data[position : position + 16], np.uint8)
        total = int(counts.sum(dtype=np.int64))
        symbols = np.frombuffer(data[position + 16 : position + 16 + total], np.uint8)
        position += 16 + total
        if len(counts) < 16 or len(symbols) < total or not 1 <= total <= 256:
            raise ContainerInvalidError("a Huffman table is cut off")
        space = int((counts.astype(np.int64) << np.arange(15, -1, -1)).sum())
        if space > 1 << 16 or len(np.unique(symbols)) < total or (number % 2 == 0 and symbols.max() > MAX_DC_SIZE):
            raise ContainerInvalidError("a Huffman table is no prefix code of its symbols")
        tables.append(HuffmanTable(counts, symbols))
    return tables, position


def _parse_profile(data: bytes, position: int) -> tuple[bytes, int]:
    length = int.from_bytes(data[position : position + 4], "big")
    profile = data[position + 4 : position + 4 + length]
    if len(data) < position + 4 or len(profile) < length:
        raise ContainerInvalidError("the colour profile is cut off")
    return profile, position + 4 + length


def _pixels(planes: list[Float32Array], header: Header) -> Rgb8:
    luma = inverse_dct(planes[0], header.height, header.width) + np.float32(128)
    if header.grey:
        return grey_as_rgb(np.floor(luma + np.float32(0.5)).clip(0, 255).astype(np.uint8))
    if header.full_chroma:
        chroma = [inverse_dct(plane, header.height, header.width) for plane in planes[1:]]
    else:
        half = (header.height + 1) // 2, (header.width + 1) // 2
        chroma = [double(inverse_dct(plane, *half), header.height, header.width) for plane in planes[1:]]
    return ycbcr_to_rgb(np.stack([luma, *chroma]))


def _finish(pixels: Rgb8, profile: bytes | None) -> RgbImage:
    """The photo; the profile stays with its pixels, as it stays with those of other files."""
    if profile is None:
        return RgbImage(pixels, pixels, source_format="varjpeg")
    try:
        srgb = pixels if icc.is_srgb(profile) else icc.to_srgb(pixels, profile)
    except ValueError as error:
        raise ContainerInvalidError("the colour profile is broken") from error
    return RgbImage(srgb, pixels, icc_profile=profile, source_format="varjpeg")
