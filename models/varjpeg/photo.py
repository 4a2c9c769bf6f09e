"""``format=jpeg``: the smallest standard JPEG we can make of a photo at a quality, any decoder opens it.

Steps: YCbCr, chroma at half or full resolution, 8x8 DCT, choice of its coefficients by rate, distortion and visibility;
luma that makes up for the lightness this chroma loses, its DCT and choice; Huffman coding, lossless progressive
re-coding, metadata. What depends on the photo alone is computed once in ``PreparedPhoto``; a search then pays for the
later steps only.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.colour import is_grey, luma, rgb_to_ycbcr
from models.errors import ImageTooLargeError, InvalidParameterError
from models.jpeg.bitstream import MAX_SIDE, Component, Draft, draft_file
from models.jpeg.dct import BLOCK, forward_dct
from models.jpeg.entropy import Blocks
from models.metadata.carried import Metadata, metadata_segments
from models.preprocess import as_rgb
from models.sur.tiles import Places
from models.types import Float32Array, Rgb8, RgbImage
from models.varjpeg.flat_blocks import with_shown_lightness, with_whole_means
from models.varjpeg.lightness import lightness
from models.varjpeg.planes import (
    add_missed,
    compensated_dct,
    dct_of_chroma,
    halved_chroma,
    lost_by_halving,
    mean_lost_by_halving,
    means_of,
)
from models.varjpeg.rate_distortion import Measure, choose_beside_protected, choose_coefficients
from models.varjpeg.search.excerpt import cut
from models.varjpeg.tables import PhotoSettings, Table, photo_settings
from models.varjpeg.visibility import (
    activity,
    block_means,
    block_thresholds,
    calmed,
    protected_blocks,
    protected_pairs,
    visibility_weights,
    weights_of_pairs,
)

LOWEST_QUALITY, HIGHEST_QUALITY = 1.0, 100.0
PROTECTED_QUALITY = 90.0
"""Protected blocks get this quality where the photo gets a lower one: an error there hardly shows side by side."""

_LOWEST_FULL_CHROMA, _SURELY_FULL_CHROMA = 90.0, 98.0
"""Qualities below which chroma is halved in every photo, and from which in none."""
_LOST_BY_HALVING = 60.0
"""Mean fourth power of what Cb or Cr loses by halving, in levels, from which 4:4:4 may be the smaller file below those
qualities too: text and cloth in strong colours."""
_CR_FOR_CB = 0.2
"""Cr that makes up for a missing unit of Cb where the eye is finest: red against green is 2.1 Cr + 0.34 Cb. 0.16 by
that; files on photos/train are smallest from 0.2 to 0.3."""


class Subsampling(StrEnum):
    """Resolution of chroma: half, full, chosen per photo and quality, or none in a grey photo; half in one direction
    only where a JPEG's own coefficients are coded again."""

    AUTO = "auto"
    HALF = "420"
    FULL = "444"
    HALF_ACROSS = "422"
    HALF_DOWN = "440"
    GREY = "grey"


@dataclass(frozen=True)
class Encoded:
    """A file and the setting that made it. ``draft``: what a judge is shown and sizes are compared by; ``finish`` makes
    a smaller file of the same pixels of it, if there is one, in about as much time again."""

    draft: bytes
    quality: float
    subsampling: Subsampling
    finish: Callable[[], bytes] | None = None

    @cached_property
    def data(self) -> bytes:
        """The file to be sent."""
        return self.draft if self.finish is None else self.finish()


def encoded_draft(draft: Draft, quality: float, subsampling: Subsampling) -> Encoded:
    """A draft and how to finish it."""
    return Encoded(draft.data, quality, subsampling, draft.finished)


class PreparedPhoto:
    """A photo ready to be encoded many times; safe to use from one thread at a time.

    ``image``: ``RgbImage`` (its native pixels and profile are kept, unless ``metadata`` strips the profile: then sRGB
    pixels) or anything ``as_rgb`` takes. ``jnd``: float (H, W) or one for each block, luma levels,
    or None to use the photo's own activity.
    ``protect``: (H, W), blocks with any non-zero value get at least quality 90.
    Raises: ImageTooLargeError over 65500 pixels a side; ImageSizesDifferError for maps of another size.
    """

    def __init__(
        self,
        image: RgbImage | ArrayLike,
        jnd: Float32Array | None = None,
        *,
        metadata: Metadata | str = Metadata.KEEP_ICC,
        protect: NDArray[np.generic] | None = None,
    ) -> None:
        source = image if isinstance(image, RgbImage) else RgbImage(as_rgb(image), as_rgb(image))
        policy = Metadata(metadata)
        if policy is Metadata.STRIP or _one_component_is_enough(source):
            source = replace(source, native_pixels=source.pixels, icc_profile=None)
        self._source = source
        self.pixels: Rgb8 = source.native_pixels
        self.height, self.width = self.pixels.shape[:2]
        if max(self.height, self.width) > MAX_SIDE:
            raise ImageTooLargeError(f"a JPEG has at most {MAX_SIDE} pixels a side, not {self.width}x{self.height}")
        self.metadata = metadata_segments(source, policy)
        self.grey = source.icc_profile is None and is_grey(self.pixels)
        self._jnd = None if jnd is None else block_thresholds(jnd, self.height, self.width)
        self._protected = None if protect is None else protected_blocks(protect, self.height, self.width)

    def encode(
        self, quality: float, subsampling: Subsampling | str = Subsampling.AUTO, *, lambda_scale: float = 1.0
    ) -> Encoded:
        """The photo at ``quality``, 1..100, any fraction: on average as good to SSIMULACRA2 as libjpeg's QF.

        ``lambda_scale``: what a bit costs, times what this quality pays: a finer control than the tables' whole steps.
        """
        if not LOWEST_QUALITY <= quality <= HIGHEST_QUALITY:
            raise InvalidParameterError(f"a quality lies in 1..100, not {quality}")
        chosen = self.resolved(Subsampling(subsampling), quality)
        full = chosen is Subsampling.FULL
        settings = photo_settings(quality, full_chroma=full).priced(lambda_scale)
        if self._protected is None or quality >= PROTECTED_QUALITY:
            return encoded_draft(self.draft_with(settings, chosen), quality, chosen)
        protected = photo_settings(PROTECTED_QUALITY, full_chroma=full)
        return encoded_draft(self.draft_with(settings, chosen, protected), quality, chosen)

    def resolved(self, subsampling: Subsampling, quality: float) -> Subsampling:
        """What ``subsampling`` means for this photo at a quality. Raises: InvalidParameterError."""
        if subsampling in (Subsampling.HALF_ACROSS, Subsampling.HALF_DOWN):
            raise InvalidParameterError("chroma of pixels is halved in both directions or in none")
        if self.grey:
            return Subsampling.GREY
        if subsampling is Subsampling.GREY:
            raise InvalidParameterError("a photo with colours is not encoded as grey")
        if subsampling is Subsampling.AUTO:
            best = quality if self._protected is None else max(quality, PROTECTED_QUALITY)
            wants_full = best >= _LOWEST_FULL_CHROMA and best >= self._full_chroma_from
            return Subsampling.FULL if wants_full else Subsampling.HALF
        return subsampling

    def excerpt(self, places: Places) -> "PreparedPhoto":
        """These places of it, without what is protected."""
        source = self._source
        pixels = cut(source.pixels, places)
        native = pixels if source.native_pixels is source.pixels else cut(source.native_pixels, places)
        jnd = None if self._jnd is None else cut(self._jnd, places, across=BLOCK, down=BLOCK)
        return PreparedPhoto(replace(source, pixels=pixels, native_pixels=native), jnd)

    def encode_with(self, settings: PhotoSettings, subsampling: Subsampling) -> bytes:
        """The photo with tables and exponents of one's own, as ``draft_with`` takes them, finished."""
        return self.draft_with(settings, subsampling).finished()

    def draft_with(
        self, settings: PhotoSettings, subsampling: Subsampling, protected: PhotoSettings | None = None
    ) -> Draft:
        """The photo with tables and exponents of one's own; ``subsampling`` other than auto, grey for grey photos.

        ``protected``: those of the blocks to protect, with the tables of the file; None: there are no such blocks.
        """
        half = subsampling is Subsampling.HALF
        written = settings if protected is None else protected
        measures = [self._measures(each, half=half) for each in (settings, protected) if each is not None]
        of_luma, of_chroma = [luma for luma, _ in measures], [chroma for _, chroma in measures]
        if subsampling is Subsampling.GREY:
            grey = self._choose(with_whole_means(self._luma, written.luma), of_luma, half=False)
            return draft_file(self.height, self.width, [Component(grey, table=0)], [written.luma], self.metadata)
        chroma = self._choose_chroma(written.chroma, of_chroma, half=half)
        luminous = self._choose(self._luma_beside(chroma, written, half=half), of_luma, half=False)
        components = [Component(luminous, table=0, sampling=(2, 2) if half else (1, 1))]
        components += [Component(blocks, table=1) for blocks in chroma]
        return draft_file(self.height, self.width, components, [written.luma, written.chroma], self.metadata)

    def to_srgb(self, decoded: Rgb8) -> Rgb8:
        """Pixels decoded from an encoding of this photo as sRGB, for the models."""
        return self._source.to_srgb(decoded)

    @cached_property
    def _full_chroma_from(self) -> float:
        """Quality from which 4:4:4 is better, sooner where halving loses much blue against yellow somewhere.

        Halved chroma keeps a photo under some SSIMULACRA2 however fine the steps: 96 at best, 90 where the fourth power
        of what Cb loses is 500 in the mean. Near it 4:4:4 is up to a fifth smaller; below, and for butteraugli nearly
        always, 4:2:0 is smaller. The line is the best to both on 48 crops of photos/train at qualities 86 to 97. Of a
        photo with protected blocks they alone are asked.
        """
        if self._protected is None:
            mean = self._lost_by_halving[0]
        else:
            lost = lost_by_halving(rgb_to_ycbcr(self.pixels)[1])
            mean = float(block_means(lost, self.height, self.width)[self._protected].mean())
        return float(np.clip(106.0 - 5.5 * math.log1p(math.sqrt(mean)), _LOWEST_FULL_CHROMA, _SURELY_FULL_CHROMA))

    @cached_property
    def may_be_smaller_whole(self) -> bool:
        """Whether halving loses so much of Cb or Cr that 4:4:4 may reach a goal in fewer bytes at any quality."""
        if self.grey:
            return False
        return max(self._lost_by_halving) > _LOST_BY_HALVING

    @cached_property
    def _lost_by_halving(self) -> tuple[float, float]:
        return mean_lost_by_halving(self.pixels)

    @cached_property
    def _luma(self) -> Float32Array:
        return forward_dct(luma(self.pixels) - np.float32(128))

    @cached_property
    def _mean_lightness(self) -> Float32Array:
        return means_of(lightness, self.pixels)

    @cached_property
    def _thresholds(self) -> Float32Array:
        return calmed(activity(self._luma) if self._jnd is None else self._jnd)

    @cached_property
    def _mean_luma(self) -> Float32Array:
        return means_of(luma, self.pixels)

    def _measures(self, settings: PhotoSettings, *, half: bool) -> tuple[Measure, Measure]:
        """Of luma and of chroma."""
        weights = visibility_weights(
            self._thresholds,
            self._mean_luma,
            jnd_exponent=settings.jnd_exponent,
            darkness_exponent=settings.darkness_exponent,
        )
        of_chroma = weights_of_pairs(weights, self.height, self.width) if half else weights
        return (
            Measure(settings.luma, weights, settings.luma_multiplier),
            Measure(settings.chroma, of_chroma, settings.chroma_multiplier),
        )

    def _choose(self, plane: Float32Array, measures: list[Measure], *, half: bool) -> Blocks:
        """``measures``: the photo's, then that of its protected blocks, if there is one."""
        usual, protected = measures[0], measures[-1]
        if protected is usual or self._protected is None:
            return choose_coefficients(plane, usual.table, usual.weights, multiplier=usual.multiplier)
        where = protected_pairs(self._protected, self.height, self.width) if half else self._protected
        return choose_beside_protected(plane, usual, protected, where)

    def _choose_chroma(self, table: Table, measures: list[Measure], *, half: bool) -> list[Blocks]:
        """Cb, and Cr beside what Cb misses."""
        planes = iter(self._half_chroma) if half else (dct_of_chroma(self.pixels, number) for number in (1, 2))
        plane = with_whole_means(next(planes), table)
        cb = self._choose(plane, measures, half=half)
        add_missed(with_whole_means(next(planes), table), cb, table, _CR_FOR_CB, plane)
        return [cb, self._choose(plane, measures, half=half)]

    def _luma_beside(self, chroma: list[Blocks], written: PhotoSettings, *, half: bool) -> Float32Array:
        """DCT of the luma that gives the pixels their lightness beside this chroma, as it is decoded."""
        coefficients, means = compensated_dct(
            self.pixels, chroma, written.chroma, share=written.lightness_share, half=half
        )
        return with_shown_lightness(coefficients, written.luma, means[0], means[1], self._mean_lightness)

    @cached_property
    def _half_chroma(self) -> list[Float32Array]:
        return [forward_dct(plane) for plane in halved_chroma(self.pixels)]


def _one_component_is_enough(image: RgbImage) -> bool:
    """Whether grey in the file's profile is grey in sRGB: an RGB profile does not belong beside a single component."""
    return image.icc_profile is not None and is_grey(image.native_pixels) and is_grey(image.pixels)


def encode_jpeg(
    image: RgbImage | ArrayLike,
    jnd: Float32Array | None = None,
    *,
    quality: float,
    subsampling: Subsampling | str = Subsampling.AUTO,
    metadata: Metadata | str = Metadata.KEEP_ICC,
    protect: NDArray[np.generic] | None = None,
) -> Encoded:
    """One encoding; arguments as ``PreparedPhoto`` and its ``encode`` take them."""
    return PreparedPhoto(image, jnd, metadata=metadata, protect=protect).encode(quality, subsampling)
