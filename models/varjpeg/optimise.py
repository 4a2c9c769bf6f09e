"""The main job: a photo in, the smallest file that a share of viewers cannot tell from it out.

Maps, encoders, judges and search meet here and nowhere else; the queue and the command line both call
``optimise_photo``. Paper: Wiedemann 2018, section 6; the share of viewers is Lin et al. 2020's.
"""

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.drawings import is_drawing
from models.errors import ImageSizesDifferError, TargetUnreachableError
from models.image_files.header import sniff
from models.image_files.jpeg import GAIN_MAP_NOTE
from models.metadata.carried import Metadata, kept_metadata
from models.metadata.gain_map import with_gain_map
from models.sur.observers import ObserverProfile, find_profile
from models.sur.reference import profile_reference
from models.sur.tiles import Places
from models.threads import Meanwhile
from models.types import Progress, Rgb8, RgbImage
from models.varjpeg.choices import DEFAULT_TARGET_SUR, Format, Metric, Steering
from models.varjpeg.coders import Coder, ContainerCoder, JpegCoder
from models.varjpeg.options import VarJpegOptions
from models.varjpeg.search.excerpt import tiles_for
from models.varjpeg.search.goal_search import search_goal, search_max_bytes
from models.varjpeg.search.goals import Encoder, Excerpt, Goal, Judgement, SearchResult, Setting, Trial, score_of
from models.varjpeg.search.targets import ButteraugliTarget, JudgePixels, Ssimulacra2Target, SurTarget

_MAP_SHARE = 0.3
"""Part of the progress bar that the map takes; the trials take the rest."""

_UNCHANGED = "nothing smaller than the input reaches the target: this is the input, losslessly re-coded"
_DRAWING = "this is a drawing or a screenshot, not a photo: its original lossless format is the better choice"
_LARGER = "this file is larger than the input: its original format is the better choice"
_RESORT = "all that reaches the target is larger than the input: this is the input, with {}"
_OTHER_IMAGES = "not kept: {} more images behind the picture"
_NO_GAIN_MAP = "the HDR gain map could not be kept with these pixels; the standard-range image is used"


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
        return "image/jpeg" if self.format == "jpeg" else "application/vnd.limen.varjpeg"


def optimise_photo(
    image: RgbImage,
    options: VarJpegOptions | None = None,
    *,
    original: bytes | None = None,
    protect: NDArray[np.generic] | None = None,
    profile: ObserverProfile | None = None,
    progress: Progress | None = None,
) -> OptimisedPhoto:
    """Compress a photo to a quality, a share of satisfied viewers (0.75 if nothing is asked for), a metric or a size.

    Args: ``options``: what is asked for; ``original``: the file ``image`` was decoded from: a JPEG is never answered
    with a larger one at the same target, but with its own lossless re-coding, and its own coefficients are coded anew
    where that is smaller; ``protect``: (H, W), where not zero, blocks get at least quality 90, and what is asked for is
    sought by the quality of the others; ``profile``: the observers, where ``options.observer`` names no shipped ones;
    ``progress``: 0..1, may raise to stop.
    Raises: InvalidParameterError, ImageSizesDifferError, TargetUnreachableError, ModelArtefactError.
    """
    options = options or VarJpegOptions()
    if protect is not None and protect.shape[:2] != (image.height, image.width):
        raise ImageSizesDifferError(f"the mask is {protect.shape[:2]}, the photo {(image.height, image.width)}")
    profile = profile or find_profile(options.observer)
    with Meanwhile() as beside:
        seen = beside.begin(partial(_viewers, profile=profile, options=options), image)
        coder = _coder(image, options, original, protect, _part(progress, 0.0, _MAP_SHARE))
        viewers = seen.result()
    target = _target(image, options, viewers)
    choice = _Choice(coder, viewers, target, _part(progress, _MAP_SHARE, 1.0))
    chosen = choice.as_asked(options.quality, options.max_bytes)
    chosen = choice.with_sur(chosen)
    chosen, warnings = _with_gain_map(chosen, image, original, options)
    chosen, warnings = choice.no_larger(chosen, warnings)
    advice = _advice(image, original, chosen)
    return OptimisedPhoto(
        options.format,
        image.width,
        image.height,
        None if original is None else len(original),
        profile.name,
        profile.pixels_per_degree if options.pixels_per_degree is None else options.pixels_per_degree,
        options.jnd,
        options.steering if options.format == "jpeg" else None,
        options.target_metric,
        chosen,
        warnings + advice,
        bool(advice),
    )


def _viewers(image: RgbImage, profile: ObserverProfile, options: VarJpegOptions) -> SurTarget:
    """Who says what share of viewers sees no difference."""
    reference = profile_reference(image, profile, options.pixels_per_degree)
    target_sur = DEFAULT_TARGET_SUR if options.target_sur is None else options.target_sur
    return SurTarget(reference, profile, options.jnd, target_sur)


class _Target(Protocol):
    """A goal, and who says how near decoded pixels, sRGB, come to it."""

    goal: Goal

    def judge(self, decoded: Rgb8) -> Judgement: ...

    def excerpt(self, tiles: int) -> tuple[Places, JudgePixels] | None: ...


def _target(image: RgbImage, options: VarJpegOptions, viewers: SurTarget) -> _Target:
    """The metric that was asked for, else the viewers."""
    if options.target_metric is None or options.target_value is None:
        return viewers
    judge = Ssimulacra2Target if options.target_metric == "ssimulacra2" else ButteraugliTarget
    return judge(image.pixels, options.target_value)


def _coder(
    image: RgbImage,
    options: VarJpegOptions,
    original: bytes | None,
    protect: NDArray[np.generic] | None,
    progress: Progress | None,
) -> Coder:
    if options.format == "jpeg":
        return JpegCoder(image, original, protect, options.metadata, options.subsampling, options.steering, progress)
    return ContainerCoder(image, protect, options.metadata, options.subsampling, progress)


@dataclass(frozen=True, slots=True)
class _Choice:
    """The three ways to choose a file: by a quality, a size, a target."""

    coder: Coder
    sur: SurTarget
    target: _Target
    progress: Progress | None

    def as_asked(self, quality: float | None, max_bytes: int | None) -> SearchResult:
        """By whichever is given. Raises: TargetUnreachableError."""
        try:
            if quality is not None:
                return self.at_quality(quality)
            if max_bytes is not None:
                return self.at_most(max_bytes)
            return self.reaching_the_target()
        except TargetUnreachableError:
            resort = self.coder.forms.resort
            if resort is None or len(resort) > (max_bytes or len(resort)):
                raise
            return self._input_as_it_came(resort)

    def no_larger(self, chosen: SearchResult, warnings: tuple[str, ...]) -> tuple[SearchResult, tuple[str, ...]]:
        """The input in the place of what would be larger; and what has to be said of it."""
        forms = self.coder.forms
        if len(chosen.data) > forms.came_in and forms.resort is not None and len(chosen.data) > len(forms.resort):
            chosen = self._input_as_it_came(forms.resort)
        if chosen.encoder is Encoder.INPUT and chosen.data is forms.resort:
            warnings = (
                *(warning for warning in warnings if warning != _UNCHANGED),
                _RESORT.format(forms.odd),
            )
        return chosen, warnings

    def at_quality(self, quality: float) -> SearchResult:
        """One encode; or the input's coefficients, where they are smaller and no worse; or the input's re-coding."""
        encoded = self.coder.encode(Setting(quality))
        with Meanwhile() as beside:
            finished = beside.begin(lambda draft: draft.data, encoded)
            judgement = self.sur.judge(self.coder.decode(encoded.draft))  # of the same pixels
            data = finished.result()
        chosen = SearchResult(data, Encoder.LIMEN, quality, encoded.subsampling, judgement)
        if self.coder.encode_coefficients is not None:
            other = self.coder.encode_coefficients(Setting(quality))
            if len(other.data) < len(data):
                recoded = SearchResult(other.data, Encoder.COEFFICIENTS, quality, other.subsampling, None)
                chosen = max(chosen, self._judged(recoded), key=score_of)
        unchanged = self.coder.forms.usual_within(len(chosen.data))
        return chosen if unchanged is None else self._input_as_it_came(unchanged)

    def at_most(self, max_bytes: int) -> SearchResult:
        """The best that fits, by the target's judge; an input that fits is better than any."""
        unchanged = self.coder.forms.usual_within(max_bytes)
        if unchanged is not None:
            return self._input_as_it_came(unchanged)
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
        return replace(max(found, key=score_of), trials=tuple(trials))

    def reaching_the_target(self) -> SearchResult:
        """The smallest file that reaches it."""
        goal = self.target.goal
        return search_goal(
            self.coder.encode,
            lambda data: self.target.judge(self.coder.decode(data)),
            goal if self.coder.has_lambda else replace(goal, lambda_slopes=()),
            encode_turbo=self.coder.encode_turbo,
            encode_full_chroma=self.coder.encode_full_chroma,
            try_full_chroma=self.coder.try_full_chroma,
            encode_coefficients=self.coder.encode_coefficients,
            excerpt=self._excerpt,
            unchanged=self._unchanged_within,
            progress=self.progress,
        )

    def _unchanged_within(self, limit: int | None) -> SearchResult | None:
        unchanged = self.coder.forms.usual_within(limit)
        return None if unchanged is None else self._input_as_it_came(unchanged)

    def _excerpt(self) -> Excerpt | None:
        cut, tiles = self.coder.excerpt, tiles_for(*self.coder.shown.shape[:2])
        found = None if cut is None or tiles == 0 else self.target.excerpt(tiles)
        if cut is None or found is None:
            return None
        places, judge = found
        part = cut(places)
        return Excerpt(
            lambda data: judge(part.decode(data)),
            cache(part.encode),
            part.encode_full_chroma,
            part.encode_coefficients,
            part.encode_turbo,
        )

    def with_sur(self, chosen: SearchResult) -> SearchResult:
        """With the share of viewers predicted for its bytes, where nobody has been asked yet."""
        if chosen.judgement is not None and chosen.judgement.sur is not None:
            return chosen
        sur = self.sur.judge(self.coder.decode(chosen.data))
        return chosen.judged(sur if chosen.judgement is None else replace(chosen.judgement, sur=sur.sur))

    def _judged(self, result: SearchResult) -> SearchResult:
        return result.judged(self.target.judge(self.coder.decode(result.data)))

    def _input_as_it_came(self, data: bytes) -> SearchResult:
        """The input's own pixels: no viewer can see a difference, and no metric can."""
        metric = self.target.judge(self.coder.shown).metric if self.target is not self.sur else None
        return SearchResult(data, Encoder.INPUT, 100.0, "input", Judgement(float("inf"), 1.0, metric))


def _with_gain_map(
    chosen: SearchResult, image: RgbImage, original: bytes | None, options: VarJpegOptions
) -> tuple[SearchResult, tuple[str, ...]]:
    """The file with its gain map, where it is to be kept, and what has to be said of it."""
    warnings = list(image.warnings)
    keeps_all = options.metadata == "keep-all" and options.format == "jpeg"
    if GAIN_MAP_NOTE in warnings and keeps_all and original is not None:
        warnings.remove(GAIN_MAP_NOTE)
        kept = with_gain_map(chosen.data, original)
        if kept is None:
            warnings.append(_NO_GAIN_MAP)
        else:
            chosen = replace(chosen, data=kept[0])
            warnings += [_OTHER_IMAGES.format(kept[1])] if kept[1] else []
    if keeps_all:
        warnings += [f"not kept: {part}" for part in kept_metadata(image, Metadata.KEEP_ALL).dropped]
    if chosen.encoder is Encoder.INPUT:
        warnings.append(_UNCHANGED)
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
