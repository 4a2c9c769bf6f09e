"""What other encoders make of a photo, to be seen beside Limen's own file: of a quality, or in so many bytes."""

import io
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import imagecodecs
import numpy as np
import pyjpegli
from PIL import Image

from models.errors import InvalidParameterError, TargetUnreachableError
from models.metadata.carried import Metadata, insert_segments, means_srgb, metadata_segments
from models.sur.reference_jpeg import encode_reference_jpeg
from models.types import Progress, Rgb8, RgbImage

QUALITIES = range(1, 101)
"""Of each encoder's own scale: the same number means something else to each."""

_USUAL_QUALITY = 75
_LOG_BYTES_PER_QUALITY = 0.03
"""About how fast files grow with quality, where only one size is known."""
_GUESSES = 4
"""Guesses by the sizes that are known, which are mostly enough; then what is left is halved."""
_WEBP_SIDE = 16383
_BT709, _SRGB = 1, 13
"""Primaries and transfer function by ITU-T H.273."""
_LARGE_PIXELS = 4_000_000
"""Beyond this AVIF is made at speed 8 instead of its usual 6, in half the time and some 20 % more bytes."""


@dataclass(frozen=True, slots=True)
class PlainEncoding:
    """The ``data`` of a whole file, and the ``quality`` of its encoder that made it."""

    data: bytes
    quality: int


def encode_plainly(
    image: RgbImage,
    codec: str,
    *,
    quality: int | None = None,
    max_bytes: int | None = None,
    progress: Progress | None = None,
) -> PlainEncoding:
    """The file of ``quality``, 1..100, by default 75; with ``max_bytes`` that of the highest quality which fits.

    ``codec``: ``jpeg`` (libjpeg-turbo, 4:2:0, optimised, progressive), ``jpegli``, ``webp`` or ``avif``. The colour
    profile is kept, other metadata is not. Raises: InvalidParameterError; TargetUnreachableError if the file of the
    lowest quality is larger.
    """
    if codec not in _ENCODERS:
        raise InvalidParameterError(f"{codec} is none of {', '.join(_ENCODERS)}")
    if codec == "webp" and max(image.height, image.width) > _WEBP_SIDE:
        raise InvalidParameterError(f"a WebP file has at most {_WEBP_SIDE} pixels a side")
    profile = None if image.icc_profile is None or means_srgb(image) else image.icc_profile
    # What a JPEG keeps counts as its bytes do.
    segments = metadata_segments(image, Metadata.KEEP_ICC)

    def encoded(asked: int) -> bytes:
        data = _ENCODERS[codec](image.native_pixels, asked, profile)
        return insert_segments(data, segments) if codec in {"jpeg", "jpegli"} else data

    if max_bytes is None:
        asked = _USUAL_QUALITY if quality is None else quality
        return PlainEncoding(encoded(asked), asked)
    return _largest_within(max_bytes, encoded, progress or (lambda _: None))


def _largest_within(max_bytes: int, encoded: Callable[[int], bytes], progress: Progress) -> PlainEncoding:
    """The highest quality whose file is no larger."""
    best = b""
    bounds: dict[bool, tuple[int, float]] = {}  # by whether it fits: a quality and the log of its bytes over the limit
    asked = _USUAL_QUALITY
    for tries in itertools.count(1):
        data = encoded(asked)
        fits = len(data) <= max_bytes
        if fits:
            best = data
        bounds[fits] = asked, math.log(len(data) / max_bytes)
        low = bounds[True][0] if True in bounds else QUALITIES.start - 1
        high = bounds[False][0] if False in bounds else QUALITIES.stop
        if high - low == 1:
            break
        progress(1 - 0.75**tries)
        guess = _crossing(bounds) if tries <= _GUESSES else (low + high) / 2
        asked = min(max(math.floor(guess), low + 1), high - 1)
    if not best:
        raise TargetUnreachableError(f"not even the lowest quality of this encoder fits into {max_bytes} bytes")
    return PlainEncoding(best, low)


def _crossing(bounds: dict[bool, tuple[int, float]]) -> float:
    """Where the line through the bounds crosses the limit; of one bound, a line of the usual slope."""
    if len(bounds) == 2:
        (low, under), (high, over) = bounds[True], bounds[False]
        return low - under * (high - low) / (over - under)
    quality, excess = next(iter(bounds.values()))
    return quality - excess / _LOG_BYTES_PER_QUALITY


def _jpeg(pixels: Rgb8, quality: int, _: bytes | None) -> bytes:
    return encode_reference_jpeg(pixels, quality)


def _jpegli(pixels: Rgb8, quality: int, _: bytes | None) -> bytes:
    height, width = pixels.shape[:2]
    return bytes(pyjpegli.encode(np.ascontiguousarray(pixels), width, height, quality))


def _webp(pixels: Rgb8, quality: int, profile: bytes | None) -> bytes:
    return _by_pillow(pixels, "WEBP", quality=quality, method=4, icc_profile=profile)


def _avif(pixels: Rgb8, quality: int, profile: bytes | None) -> bytes:
    speed = 6 if pixels.shape[0] * pixels.shape[1] <= _LARGE_PIXELS else 8
    if profile is not None or quality == 100:  # imagecodecs writes no profile, and takes 100 for lossless
        return _by_pillow(pixels, "AVIF", quality=quality, speed=speed, icc_profile=profile)
    return bytes(  # in half of Pillow's memory; more than two threads make the same bytes
        imagecodecs.avif_encode(
            np.ascontiguousarray(pixels),
            quality,
            speed=speed,
            pixelformat="420",
            primaries=_BT709,
            transfer=_SRGB,
            numthreads=2,
        )
    )


def _by_pillow(pixels: Rgb8, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


_ENCODERS: dict[str, Callable[[Rgb8, int, bytes | None], bytes]] = {
    "jpeg": _jpeg,
    "jpegli": _jpegli,
    "webp": _webp,
    "avif": _avif,
}
