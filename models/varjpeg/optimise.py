"""The main job: a photo in, the smallest file that a share of viewers cannot tell from it out.

Maps, encoders, judges and search meet here and nowhere else; the queue and the command line both call
``optimise_photo``. Paper: Wiedemann 2018, section 6; the share of viewers is Lin et al. 2020's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.dct import block_grid
from models.drawings import is_drawing
from models.errors import ImageSizesDifferError, ImageUndecodableError, InvalidParameterError, TargetUnreachableError
from models.image_files.header import sniff
from models.image_files.jpeg import GAIN_MAP_NOTE
from models.image_files.read import read_header
from models.jpeg.coefficients import read_coefficients, turned_upright
from models.metadata.carried import Metadata, insert_segments, kept_metadata, means_srgb
from models.metadata.gain_map import with_gain_map
from models.patch_quality import predict_patch_quality_map
from models.sur.observers import DEFAULT_OBSERVER, JNDS, find_profile
from models.sur.prediction import encode_reference_jpeg, profile_reference
from models.types import Float32Array, Progress, Rgb8, RgbImage
from models.varjpeg.container import PreparedContainer, decode_varjpeg
from models.varjpeg.lossless import InputForms, input_forms, shows_as_decoded
from models.varjpeg.photo import Encoded, PreparedPhoto, Subsampling
from models.varjpeg.recompress import PreparedJpeg
from models.varjpeg.salience import salience_thresholds
from models.varjpeg.search import (
    Encode,
    Encoder,
    Goal,
    Judgement,
    SearchResult,
    Setting,
    Trial,
    decode_pixels,
    search_goal,
    search_max_bytes,
)
from models.varjpeg.steering import coarse_thresholds
from models.varjpeg.targets import ButteraugliTarget, Metric, Ssimulacra2Target, SurTarget

DEFAULT_TARGET_SUR = 0.75
"""The share that SUR-FeatNet and VideoSet report, p = 75."""

_SALIENCE_STRIDE = 8
_MAP_SHARE = 0.3
"""Part of the progress bar that the map takes; the trials take the rest."""

_PASSED = "nothing smaller than the input reaches the target: this is the input, losslessly re-coded"
_DRAWING = "this is a drawing or a screenshot, not a photo: its original lossless format is the better choice"
_LARGER = "this file is larger than the input: its original format is the better choice"
_RESORT = "all that reaches the target is larger than the input: this is the input, with {}"
_OTHER_IMAGES = "not kept: {} more images behind the picture"
_NO_GAIN_MAP = "the HDR gain map could not be kept with these pixels; the standard-range image is used"


class Format(StrEnum):
    """``JPEG``: any decoder opens it. ``VARJPEG``: the thesis' container, needs ``decode_varjpeg``."""

    JPEG = "jpeg"
    VARJPEG = "varjpeg"

    @property
    def media_type(self) -> str:
        """As HTTP names it."""
        return "image/jpeg" if self is Format.JPEG else "application/vnd.limen.varjpeg"


class Steering(StrEnum):
    """What says where errors show in ``format=jpeg``: the JND map, the thesis' salience by Patchnet, or nothing."""

    JND = "jnd"
    PATCHNET = "patchnet"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class OptimisedPhoto:
    """The file, the share of viewers predicted for exactly these bytes, and how it was chosen."""

    format: Format
    width: int
    height: int
    input_size_bytes: int | None
    observer: str
    pixels_per_degree: float
    jnd: int
    steering: Steering | None
    target_metric: Metric | None
    chosen: SearchResult
    warnings: tuple[str, ...]
    original_format_better: bool = False

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
            **_judged_values(self.chosen.judgement),
            "target_metric": None if self.target_metric is None else self.target_metric.value,
            "observer": self.observer,
            "pixels_per_degree": self.pixels_per_degree,
            "jnd": self.jnd,
            "steering": None if self.steering is None else self.steering.value,
            "encoder": self.chosen.encoder.value,
            "quality": self.chosen.quality,
            "thrift": self.chosen.thrift,
            "subsampling": self.chosen.subsampling,
            "trials": [_trial_body(trial) for trial in self.chosen.trials],
            "original_format_better": self.original_format_better,
            "warnings": list(self.warnings),
        }


def _trial_body(trial: Trial) -> dict[str, Any]:
    known = {"encoder": trial.encoder.value, "quality": trial.quality, "thrift": trial.thrift}
    return known | {"size_bytes": trial.size_bytes} | _judged_values(trial.judgement)


def _judged_values(judgement: Judgement | None) -> dict[str, float | None]:
    if judgement is None:
        return {"sur": None, "metric": None}
    return {"sur": _rounded(judgement.sur), "metric": _rounded(judgement.metric)}


def optimise_photo(
    image: RgbImage,
    *,
    original: bytes | None = None,
    quality: float | None = None,
    target_sur: float | None = None,
    target_metric: Metric | str | None = None,
    target_value: float | None = None,
    max_bytes: int | None = None,
    format: Format | str = Format.JPEG,
    protect: NDArray[np.generic] | None = None,
    steering: Steering | str = Steering.JND,
    subsampling: str = "auto",
    metadata: str = "keep-icc",
    observer: str = DEFAULT_OBSERVER,
    pixels_per_degree: float | None = None,
    jnd: int = 1,
    progress: Progress | None = None,
) -> OptimisedPhoto:
    """Compress a photo to a quality, a share of satisfied viewers (0.75 if nothing is asked for), a metric or a size.

    Args: ``original``: the file ``image`` was decoded from: a JPEG is never answered with a larger one at the same
    target, but with its own lossless re-coding, and its own coefficients are thinned out where that is smaller;
    ``quality``: 1..100, on average as good as libjpeg's QF; ``target_sur``: share in (0, 1) that must not notice;
    ``target_metric`` with ``target_value``: at least this SSIMULACRA2, or at most this butteraugli 3-norm;
    ``max_bytes``: the best that fits; ``protect``: (H, W), where not zero, blocks get at least quality 90, and what is
    asked for is sought by the quality of the others; ``steering``: what says where errors show; ``subsampling``: auto,
    420 or 444; ``metadata``: keep-icc, keep-all or strip; ``observer``, ``jnd``: whose eyes;
    ``pixels_per_degree``: of them, 20..120, None for the profile's own; ``progress``: 0..1, may
    raise to stop.
    Raises: InvalidParameterError, ImageSizesDifferError, TargetUnreachableError, ModelArtefactError.
    """
    _check_targets(quality, target_sur, target_metric, target_value, max_bytes)
    if jnd not in JNDS:
        raise InvalidParameterError(f"jnd is 1, 2 or 3, not {jnd}")
    if protect is not None and protect.shape[:2] != (image.height, image.width):
        raise ImageSizesDifferError(f"the mask is {protect.shape[:2]}, the photo {(image.height, image.width)}")
    wanted, policy, profile = Format(format), Metadata(metadata), find_profile(observer)
    metric = None if target_metric is None else Metric(target_metric)
    reference = profile_reference(image, profile, pixels_per_degree)
    sur = SurTarget(reference, profile, jnd, DEFAULT_TARGET_SUR if target_sur is None else target_sur)
    target = sur if metric is None else _metric_target(image.pixels, metric, target_value)
    map_progress, report = _part(progress, 0.0, _MAP_SHARE), _part(progress, _MAP_SHARE, 1.0)
    coder: _Coder
    if wanted is Format.JPEG:
        coder = _JpegCoder(image, original, protect, policy, subsampling, Steering(steering), map_progress)
    else:
        coder = _ContainerCoder(image, protect, policy, subsampling, map_progress)
    task = _Task(coder, sur, target, report)
    chosen = task.as_asked(quality, max_bytes)
    chosen, warnings = _finished(task.with_sur(chosen), image, original, wanted, policy)
    chosen, warnings = task.no_larger(chosen, warnings)
    advice = _advice(image, original, chosen)
    return OptimisedPhoto(
        wanted,
        image.width,
        image.height,
        None if original is None else len(original),
        profile.name,
        profile.pixels_per_degree if pixels_per_degree is None else pixels_per_degree,
        jnd,
        Steering(steering) if wanted is Format.JPEG else None,
        metric,
        chosen,
        warnings + advice,
        bool(advice),
    )


def _check_targets(
    quality: float | None,
    target_sur: float | None,
    target_metric: str | None,
    target_value: float | None,
    max_bytes: int | None,
) -> None:
    if sum(value is not None for value in (quality, target_sur, target_metric, max_bytes)) > 1:
        raise InvalidParameterError("give at most one of quality, target_sur, target_metric and max_bytes")
    if (target_metric is None) != (target_value is None):
        raise InvalidParameterError("target_metric and target_value go together")


class _Target(Protocol):
    """A goal, and who says how near decoded pixels, sRGB, come to it."""

    goal: Goal

    def judge(self, decoded: Rgb8) -> Judgement: ...


def _metric_target(pixels: Rgb8, metric: Metric, value: float | None) -> _Target:
    assert value is not None  # _check_targets
    return (Ssimulacra2Target if metric is Metric.SSIMULACRA2 else ButteraugliTarget)(pixels, value)


class _Coder(Protocol):
    """One form of VarJPEG for the search; what a form does not have is None, ``thrifty`` says whether it has thrift."""

    thrifty: bool
    plain_encode: Callable[[int], bytes] | None
    encode_full_chroma: Encode | None
    encode_coefficients: Encode | None
    forms: InputForms
    shown: Rgb8

    @property
    def passed(self) -> bytes | None: ...

    @property
    def try_full_chroma(self) -> bool: ...

    def encode(self, setting: Setting) -> Encoded: ...

    def decode(self, data: bytes) -> Rgb8: ...


class _JpegCoder:
    """``format=jpeg``: adaptive encodes, plain ones to beat, the input's own coefficients, its lossless re-coding."""

    thrifty = True

    def __init__(
        self,
        image: RgbImage,
        original: bytes | None,
        protect: NDArray[np.generic] | None,
        metadata: Metadata,
        subsampling: str,
        steering: Steering,
        progress: Progress | None,
    ) -> None:
        thresholds = _thresholds(image, steering, progress)
        self._photo = PreparedPhoto(image, thresholds, metadata=metadata, protect=protect)
        self._subsampling = Subsampling(subsampling)
        protects = protect is not None and bool(np.any(protect))
        may_be_plain = not protects and self._subsampling is not Subsampling.FULL
        self.plain_encode: Callable[[int], bytes] | None = cache(self._plain) if may_be_plain else None
        may_be_full = self._subsampling is Subsampling.AUTO and not self._photo.grey
        self.encode_full_chroma: Encode | None = self._full_chroma if may_be_full else None
        self.shown = image.pixels
        self.encode_coefficients: Encode | None = None
        prepared: PreparedJpeg | None = None
        if original is not None and self._photo.pixels is image.native_pixels and shows_as_decoded(original, image):
            prepared = _prepared_jpeg(original, thresholds, protect, self._photo)
        if prepared is not None:
            self.encode_coefficients = lambda setting: prepared.encode(setting.quality, thrift=setting.thrift)
        self.forms = input_forms(original, image, metadata, prepared)

    @property
    def passed(self) -> bytes | None:
        return self.forms.usual

    @property
    def try_full_chroma(self) -> bool:
        return self.encode_full_chroma is not None and self._photo.may_be_smaller_whole

    def encode(self, setting: Setting) -> Encoded:
        return self._photo.encode(setting.quality, self._subsampling, thrift=setting.thrift)

    def decode(self, data: bytes) -> Rgb8:
        return self._photo.to_srgb(decode_pixels(data))

    def _full_chroma(self, setting: Setting) -> Encoded:
        return self._photo.encode(setting.quality, Subsampling.FULL, thrift=setting.thrift)

    def _plain(self, quality: int) -> bytes:
        return insert_segments(encode_reference_jpeg(self._photo.pixels, quality), self._photo.metadata)


class _ContainerCoder:
    """``format=varjpeg``: the thesis' encoder with Patchnet's map as salience; a JPEG is none and is not passed on."""

    thrifty = False
    plain_encode: Callable[[int], bytes] | None = None
    encode_full_chroma: Encode | None = None
    try_full_chroma = False
    encode_coefficients: Encode | None = None
    passed: bytes | None = None
    forms = InputForms()

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
        self.shown = image.pixels
        keeps_profile = metadata is not Metadata.STRIP and not means_srgb(image)
        kept = image if keeps_profile else RgbImage(image.pixels, image.pixels)
        self._subsampling = Subsampling.FULL if subsampling == "444" else Subsampling.HALF
        salience = predict_patch_quality_map(image, stride=_SALIENCE_STRIDE, progress=progress)
        self._photo = PreparedContainer(kept, salience, full_chroma=self._subsampling is Subsampling.FULL)

    def encode(self, setting: Setting) -> Encoded:
        return Encoded(self._photo.encode(setting.quality), setting.quality, self._subsampling)

    def decode(self, data: bytes) -> Rgb8:
        return decode_varjpeg(data).pixels


@dataclass(frozen=True, slots=True)
class _Task:
    """The three ways to ask: a quality, a size, a target."""

    coder: _Coder
    sur: SurTarget
    target: _Target
    progress: Progress | None

    def as_asked(self, quality: float | None, max_bytes: int | None) -> SearchResult:
        """By whichever is given. Raises: TargetUnreachableError."""
        try:
            if quality is not None:
                return self.at_quality(quality)
            return self.reaching_the_target() if max_bytes is None else self.at_most(max_bytes)
        except TargetUnreachableError:
            resort = self.coder.forms.resort
            if resort is None or len(resort) > (max_bytes or len(resort)):
                raise
            return self._passed(resort)

    def no_larger(self, chosen: SearchResult, warnings: tuple[str, ...]) -> tuple[SearchResult, tuple[str, ...]]:
        """The input in the place of what would be larger; and what has to be said of it."""
        resort = self.coder.forms.resort
        if resort is not None and len(chosen.data) > len(resort) and len(chosen.data) > self.coder.forms.came_in:
            chosen = self._passed(resort)
        if resort is not None and chosen.data is resort:
            warnings = (*(warning for warning in warnings if warning != _PASSED), _RESORT.format(self.coder.forms.odd))
        return chosen, warnings

    def at_quality(self, quality: float) -> SearchResult:
        """One encode; or the input's coefficients, where they are smaller and no worse; or the input's re-coding."""
        encoded = self.coder.encode(Setting(quality))
        chosen = SearchResult(encoded.data, Encoder.LIMEN, quality, encoded.subsampling, None)
        if self.coder.encode_coefficients is not None:
            other = self.coder.encode_coefficients(Setting(quality))
            if len(other.data) < len(encoded.data):
                rival = SearchResult(other.data, Encoder.COEFFICIENTS, quality, other.subsampling, None)
                chosen = max(self._judged(chosen), self._judged(rival), key=_height)
        if self.coder.passed is not None and len(self.coder.passed) <= len(chosen.data):
            return self._passed(self.coder.passed)
        return chosen

    def at_most(self, max_bytes: int) -> SearchResult:
        """The best that fits, by the target's judge; an input that fits is better than any."""
        if self.coder.passed is not None and len(self.coder.passed) <= max_bytes:
            return self._passed(self.coder.passed)
        if self.coder.encode_coefficients is None:
            return search_max_bytes(self.coder.encode, max_bytes, progress=self.progress)
        found: list[SearchResult] = []
        trials: list[Trial] = []
        for encoder, encode in (
            (Encoder.LIMEN, self.coder.encode),
            (Encoder.COEFFICIENTS, self.coder.encode_coefficients),
        ):
            try:
                result = search_max_bytes(encode, max_bytes, encoder=encoder, progress=self.progress)
            except TargetUnreachableError:
                continue
            found.append(self._judged(result))
            trials += result.trials
        if not found:
            raise TargetUnreachableError(f"the lowest quality needs more than the {max_bytes} bytes allowed")
        return replace(max(found, key=_height), trials=tuple(trials))

    def reaching_the_target(self) -> SearchResult:
        """The smallest file that reaches it."""
        goal = self.target.goal
        return search_goal(
            self.coder.encode,
            lambda data: self.target.judge(self.coder.decode(data)),
            goal if self.coder.thrifty else replace(goal, thrift_slopes=()),
            plain_encode=self.coder.plain_encode,
            encode_full_chroma=self.coder.encode_full_chroma,
            try_full_chroma=self.coder.try_full_chroma,
            encode_coefficients=self.coder.encode_coefficients,
            original=self.coder.passed,
            original_judgement=None if self.coder.passed is None else self._passed(self.coder.passed).judgement,
            progress=self.progress,
        )

    def with_sur(self, chosen: SearchResult) -> SearchResult:
        """With the share of viewers predicted for its bytes, where nobody has been asked yet."""
        if chosen.judgement is not None and chosen.judgement.sur is not None:
            return chosen
        sur = self.sur.judge(self.coder.decode(chosen.data))
        return chosen.judged(sur if chosen.judgement is None else replace(chosen.judgement, sur=sur.sur))

    def _judged(self, result: SearchResult) -> SearchResult:
        return result.judged(self.target.judge(self.coder.decode(result.data)))

    def _passed(self, data: bytes) -> SearchResult:
        """The input's own pixels: no viewer can see a difference, and no metric can."""
        metric = self.target.judge(self.coder.shown).metric if self.target is not self.sur else None
        return SearchResult(data, Encoder.INPUT, 100.0, "input", Judgement(float("inf"), 1.0, metric))


def _height(result: SearchResult) -> float:
    return -np.inf if result.judgement is None else result.judgement.height


def _thresholds(image: RgbImage, steering: Steering, progress: Progress | None) -> Float32Array:
    """Visibility thresholds float32, of pixels or of blocks, luma levels, for the encoder."""
    if steering is Steering.JND:
        return coarse_thresholds(image, progress)
    if steering is Steering.PATCHNET:
        quality = predict_patch_quality_map(image, stride=_SALIENCE_STRIDE, progress=progress)
        return salience_thresholds(quality, image.height, image.width)
    return np.ones(block_grid(image.height, image.width), np.float32)


def _is_upright(original: bytes) -> bool:
    return read_header(original).orientation not in range(2, 9)


def _prepared_jpeg(
    original: bytes, thresholds: Float32Array, protect: NDArray[np.generic] | None, photo: PreparedPhoto
) -> PreparedJpeg | None:
    """The input's coefficients, None where they are of a kind that is not coded again."""
    try:
        coefficients = read_coefficients(original)
        if not _is_upright(original):
            coefficients = turned_upright(coefficients, read_header(original).orientation)
        return PreparedJpeg(coefficients, thresholds, protect=protect, metadata=photo.metadata)
    except ImageUndecodableError:
        return None


def _finished(
    chosen: SearchResult, image: RgbImage, original: bytes | None, wanted: Format, policy: Metadata
) -> tuple[SearchResult, tuple[str, ...]]:
    """The file with its gain map, where it is to be kept, and what has to be said of it."""
    warnings = list(image.warnings)
    if GAIN_MAP_NOTE in warnings and policy is Metadata.KEEP_ALL and wanted is Format.JPEG and original is not None:
        warnings.remove(GAIN_MAP_NOTE)
        kept = with_gain_map(chosen.data, original)
        if kept is None:
            warnings.append(_NO_GAIN_MAP)
        else:
            chosen = replace(chosen, data=kept[0])
            warnings += [_OTHER_IMAGES.format(kept[1])] if kept[1] else []
    if policy is Metadata.KEEP_ALL and wanted is Format.JPEG:
        warnings += [f"not kept: {part}" for part in kept_metadata(image, policy).dropped]
    if chosen.encoder is Encoder.INPUT:
        warnings.append(_PASSED)
    return chosen, tuple(warnings)


def _advice(image: RgbImage, original: bytes | None, chosen: SearchResult) -> tuple[str, ...]:
    """Why the input's own format suits it better; empty where it does not, or is a JPEG, or not known."""
    if original is None or sniff(original) == "JPEG":
        return ()
    larger = (_LARGER,) if len(chosen.data) > len(original) else ()
    return larger + ((_DRAWING,) if is_drawing(image.pixels) else ())


def _part(progress: Progress | None, start: float, end: float) -> Progress | None:
    """``progress`` for the part of the work between ``start`` and ``end``."""
    if progress is None:
        return None
    return lambda fraction: progress(start + (end - start) * fraction)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
