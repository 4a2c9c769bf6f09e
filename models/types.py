"""Values that the capabilities take and return."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import icc
from models.image_files.header import NO_OTHER, OtherMetadata

Rgb8 = NDArray[np.uint8]
Float32Array = NDArray[np.float32]

Progress = Callable[[float], None]
"""Called with the fraction done, 0..1, between tiles or trials; may raise to stop the work."""


@dataclass(frozen=True, slots=True)
class RgbImage:
    """A decoded photo in displayed orientation.

    ``pixels``: uint8 (H, W, 3), sRGB, what the models see. ``native_pixels``: uint8 (H, W, 3) in the colour space of
    ``icc_profile``, what the codec encodes; the same array when there is no profile or it is sRGB. ``exif`` starts with
    ``Exif\\0\\0`` and ``xmp`` is the packet; both say orientation 1. ``warnings``: what was lost or assumed while
    decoding, in plain words; ``other``: metadata that few files have.
    """

    pixels: Rgb8
    native_pixels: Rgb8
    icc_profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    source_format: str = "array"
    bit_depth: int = 8
    warnings: tuple[str, ...] = ()
    other: OtherMetadata = NO_OTHER

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    def to_srgb(self, native: Rgb8) -> Rgb8:
        """Pixels in this image's own colour space, uint8 (H, W, 3), as sRGB for the models."""
        if self.icc_profile is None or self.pixels is self.native_pixels:
            return native
        return icc.to_srgb(native, self.icc_profile)


@dataclass(frozen=True, slots=True)
class JndMap:
    """Visibility threshold of each pixel: ``values`` float32 (H, W), >= 0, in 8-bit luma levels."""

    values: Float32Array


@dataclass(frozen=True, slots=True)
class PatchQualityMap:
    """Quality of the patch whose top-left corner is (row * stride, column * stride); higher is better.

    ``values``: float32 (h, w); [0, 1] for the no-reference map, DMOS 1..5 (5 = no visible difference) with a reference.
    """

    values: Float32Array
    patch_size: int
    stride: int
