"""The main job: a photo in, the smallest file that a share of viewers cannot tell from it out.

JND map, encoder, siamese network and search meet here and nowhere else; the queue and the command line both call
``optimise_photo``. Paper: Wiedemann 2018, section 6; the share of viewers is Lin et al. 2020's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import mozjpeg_lossless_optimization
import numpy as np
from numpy.typing import NDArray

from models.errors import ImageSizesDifferError, InvalidParameterError
from models.image_files.header import sniff
from models.image_files.jpeg import can_be_recoded
from models.jnd import predict_jnd_map
from models.observers import JNDS, ObserverProfile, find_profile
from models.patch_quality import predict_patch_quality_map
from models.sur_prediction import SurReference, encode_reference_jpeg
from models.types import Progress, RgbImage
from models.varjpeg.container import PreparedContainer, decode_varjpeg
from models.varjpeg.metadata import Metadata, insert_segments
from models.varjpeg.photo import Encoded, PreparedPhoto, Subsampling
from models.varjpeg.search import Encoder, SearchResult, decode_pixels, search_max_bytes, search_target_sur

DEFAULT_TARGET_SUR = 0.75
"""The share that SUR-FeatNet and VideoSet report, p = 75."""
_TYPICAL_QUALITIES = (92.0, 75.0, 55.0, 36.0, 20.0, 8.0)
_TYPICAL_LOG_DISTANCES = (-0.02, 0.76, 1.25, 1.75, 2.49, 3.48)
"""Median ln distance of twelve lossless photos/train (every 14th) encoded at those qualities: where a search starts."""

_SALIENCE_STRIDE = 8
_MAP_SHARE = 0.3
"""Part of the progress bar that the map takes; the trials take the rest."""


class Format(StrEnum):
    """``JPEG``: any decoder opens it. ``VARJPEG``: the thesis' container, needs ``decode_varjpeg``."""

    JPEG = "jpeg"
    VARJPEG = "varjpeg"

    @property
    def media_type(self) -> str:
        """As HTTP names it."""
        return "image/jpeg" if self is Format.JPEG else "application/vnd.limen.varjpeg"


@dataclass(frozen=True, slots=True)
class OptimisedPhoto:
    """The file, the share of viewers predicted for exactly these bytes, and how it was chosen."""

    format: Format
    width: int
    height: int
    input_size_bytes: int | None
    observer: str
    jnd: int
    chosen: SearchResult
    warnings: tuple[str, ...]

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return self.chosen.data

    @property
    def media_type(self) -> str:
        """``image/jpeg`` or ``application/vnd.limen.varjpeg``."""
        return self.format.media_type

    def body(self) -> dict[str, Any]:
        """Everything but the bytes, as JSON values; shares rounded to 1e-4 so that every machine prints the same."""
        size = len(self.data)
        return {
            "format": self.format.value,
            "width": self.width,
            "height": self.height,
            "size_bytes": size,
            "input_size_bytes": self.input_size_bytes,
            "saved_bytes": None if self.input_size_bytes is None else self.input_size_bytes - size,
            "sur": _rounded(self.chosen.sur),
            "observer": self.observer,
            "jnd": self.jnd,
            "encoder": self.chosen.encoder.value,
            "quality": self.chosen.quality,
            "subsampling": self.chosen.subsampling,
            "trials": [
                {
                    "encoder": trial.encoder.value,
                    "quality": trial.quality,
                    "size_bytes": trial.size_bytes,
                    "sur": _rounded(trial.sur),
                }
                for trial in self.chosen.trials
            ],
            "warnings": list(self.warnings),
        }


def optimise_photo(
    image: RgbImage,
    *,
    original: bytes | None = None,
    quality: float | None = None,
    target_sur: float | None = None,
    max_bytes: int | None = None,
    format: Format | str = Format.JPEG,
    protect: NDArray[np.generic] | None = None,
    subsampling: str = "auto",
    metadata: str = "keep-icc",
    observer: str = "mcl-jci",
    jnd: int = 1,
    progress: Progress | None = None,
) -> OptimisedPhoto:
    """Compress a photo to a quality, a share of satisfied viewers (0.75 if nothing is asked for) or a number of bytes.

    Args: ``original``: the file ``image`` was decoded from: a JPEG is never answered with a larger one at the same
    target, but with its own lossless re-coding; ``quality``: 1..100, on average as good as libjpeg's QF;
    ``target_sur``: share in (0, 1) that must not notice; ``max_bytes``: the best that fits; ``protect``: (H, W), where
    not zero, blocks lose nothing beyond plain quantization; ``subsampling``: auto, 420 or 444; ``metadata``: keep-icc,
    keep-all or strip; ``observer``, ``jnd``: whose eyes; ``progress``: 0..1, may raise to stop.
    Raises: InvalidParameterError, ImageSizesDifferError, TargetUnreachableError, ModelArtefactError.
    """
    if sum(value is not None for value in (quality, target_sur, max_bytes)) > 1:
        raise InvalidParameterError("give at most one of quality, target_sur and max_bytes")
    if jnd not in JNDS:
        raise InvalidParameterError(f"jnd is 1, 2 or 3, not {jnd}")
    if protect is not None and protect.shape[:2] != (image.height, image.width):
        raise ImageSizesDifferError(f"the mask is {protect.shape[:2]}, the photo {(image.height, image.width)}")
    wanted = Format(format)
    profile = find_profile(observer)
    reference = SurReference(image)
    coder = (_JpegCoder if wanted is Format.JPEG else _ContainerCoder)(
        image, protect, Metadata(metadata), subsampling, _part(progress, 0.0, _MAP_SHARE)
    )

    def sur_of(data: bytes) -> float:
        return reference.sur(coder.decode(data), profile, jnd)

    report = _part(progress, _MAP_SHARE, 1.0)
    passed = coder.recode_losslessly(original) if original is not None else None
    if quality is not None:
        chosen = _at_quality(coder.encode, quality, passed)
    elif max_bytes is not None:
        chosen = search_max_bytes(coder.encode, max_bytes, original=passed, progress=report)
    else:
        target = DEFAULT_TARGET_SUR if target_sur is None else target_sur
        chosen = search_target_sur(
            coder.encode,
            sur_of,
            target,
            start_quality=_typical_quality(profile, jnd, target),
            plain_encode=coder.plain_encode,
            original=passed,
            progress=report,
        )
    if chosen.sur is None:
        chosen = chosen.judged(sur_of(chosen.data))
    input_size = None if original is None else len(original)
    return OptimisedPhoto(wanted, image.width, image.height, input_size, profile.name, jnd, chosen, image.warnings)


class _JpegCoder:
    """``format=jpeg`` for the search: adaptive encodes, plain ones to beat, and the input's own lossless re-coding."""

    def __init__(
        self,
        image: RgbImage,
        protect: NDArray[np.generic] | None,
        metadata: Metadata,
        subsampling: str,
        progress: Progress | None,
    ) -> None:
        self._photo = PreparedPhoto(
            image, predict_jnd_map(image, progress=progress).values, metadata=metadata, protect=protect
        )
        self._subsampling = Subsampling(subsampling)
        self._may_be_plain = protect is None and self._subsampling is not Subsampling.FULL

    def encode(self, quality: float) -> Encoded:
        return self._photo.encode(quality, self._subsampling)

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        return self._photo.to_srgb(decode_pixels(data))

    @property
    def plain_encode(self) -> Callable[[int], bytes] | None:
        return self._plain if self._may_be_plain else None

    def _plain(self, quality: int) -> bytes:
        return insert_segments(encode_reference_jpeg(self._photo.pixels, quality), self._photo.metadata)

    def recode_losslessly(self, original: bytes) -> bytes | None:
        return insert_segments(recoded, self._photo.metadata) if (recoded := _recoded(original)) is not None else None


class _ContainerCoder:
    """``format=varjpeg`` for the search: the thesis' encoder with Patchnet's map as salience."""

    plain_encode = None

    def __init__(
        self,
        image: RgbImage,
        protect: NDArray[np.generic] | None,
        metadata: Metadata,
        subsampling: str,
        progress: Progress | None,
    ) -> None:
        if protect is not None:
            raise InvalidParameterError("a mask to protect goes with format=jpeg; the container has its own salience")
        keeps_profile = metadata is not Metadata.STRIP
        kept = image if keeps_profile else RgbImage(image.pixels, image.pixels)
        self._subsampling = Subsampling.FULL if subsampling == "444" else Subsampling.HALF
        salience = predict_patch_quality_map(image, stride=_SALIENCE_STRIDE, progress=progress)
        self._photo = PreparedContainer(kept, salience, full_chroma=self._subsampling is Subsampling.FULL)

    def encode(self, quality: float) -> Encoded:
        return Encoded(self._photo.encode(quality), quality, self._subsampling)

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        return decode_varjpeg(data).pixels

    def recode_losslessly(self, original: bytes) -> None:
        """A JPEG is no container: nothing can be passed through."""


def _recoded(original: bytes) -> bytes | None:
    """The same pixels in fewer bytes, without metadata, if ``original`` is an upright grey or YCbCr JPEG; else None."""
    if sniff(original) != "JPEG" or not can_be_recoded(original):
        return None
    try:
        return bytes(mozjpeg_lossless_optimization.optimize(original))
    except ValueError:  # it decodes, but not for mozjpeg
        return None


def _at_quality(encode: Callable[[float], Encoded], quality: float, passed: bytes | None) -> SearchResult:
    """One encode, or the input's re-coding where that is no larger."""
    encoded = encode(quality)
    if passed is not None and len(passed) <= len(encoded.data):
        return SearchResult(passed, Encoder.INPUT, 100.0, "input", 1.0, ())
    return SearchResult(encoded.data, Encoder.LIMEN, quality, encoded.subsampling, None, ())


def _typical_quality(profile: ObserverProfile, jnd: int, target: float) -> float:
    """The quality at which ``target`` of the viewers of a common photo are satisfied."""
    distance = profile.log_distance_at(min(max(target, 0.01), 0.99), jnd)
    return float(np.interp(distance, _TYPICAL_LOG_DISTANCES, _TYPICAL_QUALITIES))


def _part(progress: Progress | None, start: float, end: float) -> Progress | None:
    """``progress`` for the part of the work between ``start`` and ``end``."""
    if progress is None:
        return None
    return lambda fraction: progress(start + (end - start) * fraction)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
