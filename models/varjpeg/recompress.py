"""A JPEG from the quantized coefficients of another: each step becomes a whole multiple of the input's own.

A value that is kept then lies on the new grid exactly, chroma is not resampled, and zeros stay zeros; at high qualities
all multiples are one, and only what the rate-distortion stage drops is lost.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.dct import BLOCK
from models.errors import ImageUndecodableError
from models.types import Float32Array
from models.varjpeg.bitstream import Component, jpeg_file
from models.varjpeg.jpeg_input import JpegCoefficients, JpegComponent
from models.varjpeg.photo import PROTECTED_QUALITY, Encoded, Subsampling
from models.varjpeg.rate_distortion import Measure, choose_beside_protected, choose_coefficients
from models.varjpeg.tables import PhotoSettings, Table, photo_settings
from models.varjpeg.visibility import (
    activity,
    block_means,
    protected_blocks,
    protected_pairs,
    visibility_weights,
    weights_of_pairs,
)

_MIDDLE = 128.0
_COMMON = slice(1, 21)
"""Zigzag positions where most values that are not zero lie."""


class PreparedJpeg:
    """A JPEG ready to be coded again at many qualities; ``jnd``, ``protect`` and ``metadata`` as ``PreparedPhoto`` has.

    Protected values are rounded to steps that are no larger than those of quality 90: few JPEGs have finer ones of
    their own, and in all others they stay as they are.
    Raises: ImageUndecodableError for another sampling than 4:4:4, 4:2:0 or grey, or steps above 255.
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
        if max(component.table.max() for component in source.components) > 255:
            raise ImageUndecodableError("a JPEG with steps above 255 is not coded again from its coefficients")
        size = source.height, source.width
        self._jnd = None if jnd is None else block_means(np.asarray(jnd), *size)
        self._protected = None if protect is None else protected_blocks(protect, *size)

    def encode(self, quality: float, *, thrift: float = 1.0) -> Encoded:
        """The photo at these, as ``PreparedPhoto.encode`` understands them, or up to half a step better."""
        half = self._subsampling is Subsampling.HALF
        settings = photo_settings(quality, full_chroma=self._subsampling is Subsampling.FULL).priced(thrift)
        finest = photo_settings(max(quality, PROTECTED_QUALITY), full_chroma=self._subsampling is Subsampling.FULL)
        weights = self._weights(settings)
        components: list[Component] = []
        tables: list[Table] = []
        for number, source in enumerate(self._source.components):
            of_luma, halved = number == 0, half and number > 0
            measure = self._measure(source, settings, weights, of_luma=of_luma, halved=halved)
            table, coefficients = measure.table, _dequantized(source)
            if self._protected is None:
                blocks = choose_coefficients(coefficients, table, measure.weights, multiplier=measure.multiplier)
            else:
                table = _multiples(finest.luma if of_luma else finest.chroma, source.table, bias=0.0)
                where = self._protected
                where = protected_pairs(where, self._source.height, self._source.width) if halved else where
                kept = Measure(table, measure.weights, 0.0)
                blocks = choose_beside_protected(coefficients, measure, kept, where)
            if number < 2 or not np.array_equal(table, tables[-1]):  # Cb and Cr share a table where they can
                tables.append(table)
            components.append(Component(blocks, table=len(tables) - 1, sampling=2 if half and of_luma else 1))
        data = jpeg_file(self._source.height, self._source.width, components, tables, self._metadata)
        return Encoded(data, quality, self._subsampling)

    def _measure(
        self, source: JpegComponent, settings: PhotoSettings, weights: Float32Array, *, of_luma: bool, halved: bool
    ) -> Measure:
        wanted = settings.luma if of_luma else settings.chroma
        multiplier = settings.luma_multiplier if of_luma else settings.chroma_multiplier
        table = _multiples(wanted, source.table)
        weights = weights_of_pairs(weights, self._source.height, self._source.width) if halved else weights
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
        return activity(_dequantized(self._source.components[0])) if self._jnd is None else self._jnd

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
    if relative == {(1.0, 1.0)}:
        return Subsampling.FULL
    if relative == {(2.0, 2.0)}:
        return Subsampling.HALF
    raise ImageUndecodableError("a JPEG of this sampling is not coded again from its coefficients")


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
