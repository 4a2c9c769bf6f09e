"""A JPEG from the quantized coefficients of another: each step becomes a whole multiple of the input's own.

A value that is kept then lies on the new grid exactly, chroma is not resampled, and zeros stay zeros; at high qualities
all multiples are one, and only what the rate-distortion stage drops is lost.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.errors import ImageUndecodableError
from models.jpeg.bitstream import Component, Draft, draft_file
from models.jpeg.coefficients import JpegCoefficients, JpegComponent
from models.jpeg.dct import BLOCK
from models.jpeg.entropy import Blocks
from models.sur.tiles import Places
from models.types import Float32Array
from models.varjpeg.photo import PROTECTED_QUALITY, Encoded, Subsampling, encoded_draft
from models.varjpeg.rate_distortion import Measure, choose_beside_protected, choose_coefficients
from models.varjpeg.search.excerpt import cut, cut_coefficients
from models.varjpeg.tables import PhotoSettings, Table, photo_settings
from models.varjpeg.visibility import (
    activity,
    block_thresholds,
    calmed,
    protected_blocks,
    protected_pairs,
    visibility_weights,
    weights_of_pairs,
)

_LUMA_BLOCKS = {
    Subsampling.FULL: (1, 1),
    Subsampling.HALF: (2, 2),
    Subsampling.HALF_ACROSS: (2, 1),
    Subsampling.HALF_DOWN: (1, 2),
}
"""Across and down: how many luma blocks a chroma block covers."""

_MIDDLE = 128.0
_COMMON = slice(1, 21)
"""Zigzag positions where most values that are not zero lie."""


class PreparedJpeg:
    """A JPEG ready to be coded again at many qualities; ``jnd``, ``protect`` and ``metadata`` as ``PreparedPhoto`` has.

    Protected values are rounded to steps that are no larger than those of quality 90: few JPEGs have finer ones of
    their own, and in all others they stay as they are.
    Raises: ImageUndecodableError for chroma of less than half the resolution in a direction, or steps above 255.
    """

    def __init__(
        self,
        source: JpegCoefficients,
        jnd: Float32Array | None,
        *,
        protect: NDArray[np.generic] | None = None,
        metadata: bytes = b"",
    ) -> None:
        self._source, self._metadata = source, metadata
        self._subsampling = _subsampling(source)
        self._across, self._down = _LUMA_BLOCKS.get(self._subsampling, (1, 1))
        if max(component.table.max() for component in source.components) > 255:
            raise ImageUndecodableError("a JPEG with steps above 255 is not coded again from its coefficients")
        size = source.height, source.width
        self._jnd = None if jnd is None else block_thresholds(jnd, *size)
        self._protected = None if protect is None else protected_blocks(protect, *size)

    @property
    def block_count(self) -> int:
        """Of all components."""
        return sum(component.blocks.shape[0] * component.blocks.shape[1] for component in self._source.components)

    def encode(self, quality: float, *, lambda_scale: float = 1.0) -> Encoded:
        """The photo at these, as ``PreparedPhoto.encode`` understands them, or up to half a step better."""
        settings = _settings(quality, self._subsampling).priced(lambda_scale)
        finest = _settings(max(quality, PROTECTED_QUALITY), self._subsampling)
        weights = self._weights(settings)
        components: list[Component] = []
        tables: list[Table] = []
        for number, source in enumerate(self._source.components):
            of_luma = number == 0
            measure = self._measure(source, settings, weights, of_luma=of_luma)
            table, coefficients = measure.table, _dequantized(source)
            if self._protected is None:
                blocks = choose_coefficients(coefficients, table, measure.weights, multiplier=measure.multiplier)
            else:
                table = _multiples(finest.luma if of_luma else finest.chroma, source.table, bias=0.0)
                where = self._protected if of_luma else self._under_chroma(self._protected)
                kept = Measure(table, measure.weights, 0.0)
                blocks = choose_beside_protected(coefficients, measure, kept, where)
            components.append(self._component(blocks, table, tables, of_luma=of_luma))
        return encoded_draft(self._draft(components, tables), quality, self._subsampling)

    def excerpt(self, places: Places) -> "PreparedJpeg":
        """These places of it, without what is protected."""
        jnd = None if self._jnd is None else cut(self._jnd, places, across=BLOCK, down=BLOCK)
        return PreparedJpeg(cut_coefficients(self._source, places), jnd)

    def lossless(self) -> bytes:
        """The same coefficients in as few bytes as we can."""
        tables: list[Table] = []
        components = [
            self._component(source.blocks, source.table.astype(np.uint8), tables, of_luma=number == 0)
            for number, source in enumerate(self._source.components)
        ]
        return self._draft(components, tables).finished()

    def _component(self, blocks: Blocks, table: Table, tables: list[Table], *, of_luma: bool) -> Component:
        """The component, its table added to ``tables``; Cb and Cr share one where they can."""
        if len(tables) < 2 or not np.array_equal(table, tables[-1]):
            tables.append(table)
        return Component(blocks, table=len(tables) - 1, sampling=(self._across, self._down) if of_luma else (1, 1))

    def _draft(self, components: list[Component], tables: list[Table]) -> Draft:
        return draft_file(self._source.height, self._source.width, components, tables, self._metadata)

    def _under_chroma(self, protected: NDArray[np.bool_]) -> NDArray[np.bool_]:
        size = self._source.height, self._source.width
        return protected_pairs(protected, *size, across=self._across, down=self._down)

    def _measure(
        self, source: JpegComponent, settings: PhotoSettings, weights: Float32Array, *, of_luma: bool
    ) -> Measure:
        wanted = settings.luma if of_luma else settings.chroma
        multiplier = settings.luma_multiplier if of_luma else settings.chroma_multiplier
        table = _multiples(wanted, source.table)
        if not of_luma:
            size = self._source.height, self._source.width
            weights = weights_of_pairs(weights, *size, across=self._across, down=self._down)
        return Measure(table, weights, multiplier * _squared_ratio(wanted, table))

    def _weights(self, settings: PhotoSettings) -> Float32Array:
        return visibility_weights(
            self._thresholds,
            self._mean_luma,
            jnd_exponent=settings.jnd_exponent,
            darkness_exponent=settings.darkness_exponent,
        )

    @cached_property
    def _thresholds(self) -> Float32Array:
        return calmed(activity(_dequantized(self._source.components[0])) if self._jnd is None else self._jnd)

    @cached_property
    def _mean_luma(self) -> Float32Array:
        luma = self._source.components[0]
        mean = luma.blocks[:, :, 0] * np.float32(luma.table[0]) / BLOCK + np.float32(_MIDDLE)
        return np.asarray(mean.clip(0, 255), np.float32)


def _subsampling(source: JpegCoefficients) -> Subsampling:
    factors = [(component.across, component.down) for component in source.components]
    if len(factors) == 1:
        return Subsampling.GREY
    relative = {(factors[0][0] / across, factors[0][1] / down) for across, down in factors[1:]}
    for subsampling, blocks in _LUMA_BLOCKS.items():
        if relative == {blocks}:
            return subsampling
    raise ImageUndecodableError("a JPEG of this sampling is not coded again from its coefficients")


def _settings(quality: float, subsampling: Subsampling) -> PhotoSettings:
    """Those of whole or halved chroma; of chroma halved in one direction, with steps between both."""
    half = photo_settings(quality)
    if subsampling in (Subsampling.HALF, Subsampling.GREY):
        return half
    whole = photo_settings(quality, full_chroma=True)
    if subsampling is Subsampling.FULL:
        return whole
    between = np.sqrt(half.chroma.astype(np.float64) * whole.chroma)
    return replace(half, chroma=np.asarray(np.rint(between), np.uint8))


def _multiples(wanted: Table, steps: NDArray[np.uint16], *, bias: float = 0.5) -> Table:
    """The whole multiple of each step that is nearest to the wanted one (``bias`` 0: next below it), at least the step
    itself, at most 255."""
    factor = np.floor(wanted / steps + bias).clip(1, 255 // steps)
    return np.asarray(factor * steps, np.uint8)


def _squared_ratio(wanted: Table, steps: Table) -> float:
    """Squared wanted over actual steps, mean of the lower frequencies: the multiplier counts in squared steps."""
    ratio = wanted[_COMMON].astype(np.float64) / steps[_COMMON]
    return float(np.square(ratio).mean())


def _dequantized(component: JpegComponent) -> Float32Array:
    return np.asarray(component.blocks * component.table.astype(np.float32), np.float32)
