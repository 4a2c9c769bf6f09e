"""The smallest file for a share of viewers, or the best for a number of bytes, in few encodings.

Both searches walk a grid of qualities in steps of 1/4, on which share and size rise (almost) monotonely: they keep the
greatest quality known to fall short and the least known to do, and guess the next one by the secant through the nearest
results, on scales where both are nearly straight lines: -ln(-ln(share)) and ln(size).
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from PIL import Image

from models.errors import InvalidParameterError, TargetUnreachableError
from models.types import Progress, Rgb8
from models.varjpeg.photo import Encoded

Encode = Callable[[float], Encoded]
PlainEncode = Callable[[int], bytes]
SurOf = Callable[[bytes], float]
"""Share of viewers predicted for a file: it decodes the bytes that would be sent."""

QUALITY_STEP = 0.25
LOWEST_QUALITY, HIGHEST_QUALITY = 2.0, 98.0
_MAX_TRIALS = 9
_CLOSE_SUR = 0.015
"""A share this little over the target ends the search: observers' shares are not known better than that."""

_CLOSE_SIZE = 0.985
"""A file that fills this much of the allowed bytes ends the search."""

_GUMBEL_PER_QUALITY = 1 / 7.5
"""First guess of d -ln(-ln(sur)) / d quality: the mean GEV scale of MCL-JCI's first JND is 7.5 levels."""

_SIZE_PER_QUALITY = 0.028
"""First guess of d ln(size) / d quality, median over photos/train between 50 and 85."""

_STRIDE = 40.0
"""Farthest step before the goal is bracketed, in qualities."""

_OVERSHOOT = 1.15
"""Stretches a step while every result lies on one side."""

_SLOPE_CHANGE = 2.5
"""Most that one result may change the slope: neighbouring results say little about it."""


class Encoder(StrEnum):
    """Who made a file."""

    LIMEN = "limen"
    LIBJPEG_TURBO = "libjpeg-turbo"
    INPUT = "input"


@dataclass(frozen=True, slots=True)
class Trial:
    """One encoding that was judged; ``sur`` is None where nobody was asked."""

    encoder: Encoder
    quality: float
    size_bytes: int
    sur: float | None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The file chosen, its predicted share of satisfied viewers, and how it was found."""

    data: bytes
    encoder: Encoder
    quality: float
    subsampling: str
    sur: float | None
    trials: tuple[Trial, ...]

    def judged(self, sur: float) -> "SearchResult":
        """The same with the share predicted for its bytes."""
        return replace(self, sur=sur)


def decode_pixels(data: bytes) -> Rgb8:
    """uint8 (H, W, 3) as libjpeg-turbo decodes a JPEG, in the file's own colour space."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def search_target_sur(
    encode: Encode,
    sur_of: SurOf,
    target: float,
    *,
    start_quality: float,
    plain_encode: PlainEncode | None = None,
    original: bytes | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """The smallest file whose own decoded pixels satisfy at least ``target`` of the viewers.

    Args: ``target``: share in (0, 1); ``start_quality``: a good guess, an SUR curve's p% SUR for instance;
    ``plain_encode``: libjpeg-turbo at a QF 1..100: the result is never larger than the smallest of those that satisfies
    the same share (one more judgement, more only if libjpeg-turbo leads); ``original``: the input, if it is itself
    a file that may be returned: it is, where nothing smaller does; ``progress`` may raise to stop.
    Raises: TargetUnreachableError if no quality does and there is no ``original``; InvalidParameterError.
    """
    if not 0 < target < 1:
        raise InvalidParameterError(f"a share of viewers to satisfy lies between 0 and 1, not {target}")
    trials: list[Trial] = []
    best = _bracket_sur(encode, sur_of, target, start_quality, trials, progress)
    if plain_encode is not None:
        limit = len(best.data) if best is not None else None
        best = _smaller_plain(plain_encode, sur_of, target, limit, trials) or best
    if original is not None and (best is None or len(original) <= len(best.data)):
        best = SearchResult(original, Encoder.INPUT, 100.0, "input", 1.0, ())
    if best is None:
        raise TargetUnreachableError(f"no quality up to {HIGHEST_QUALITY:g} satisfies {target:.0%} of the viewers")
    if progress is not None:
        progress(1.0)
    return SearchResult(best.data, best.encoder, best.quality, best.subsampling, best.sur, tuple(trials))


def search_max_bytes(
    encode: Encode,
    max_bytes: int,
    *,
    start_quality: float = 75.0,
    original: bytes | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """The best quality whose file has at most ``max_bytes``; an ``original`` that fits is better than any.

    Raises: TargetUnreachableError if even the lowest quality needs more.
    """
    if original is not None and len(original) <= max_bytes:
        return SearchResult(original, Encoder.INPUT, 100.0, "input", 1.0, ())
    trials: list[Trial] = []
    fits: Encoded | None = None
    bracket = _Bracket(math.log(max(1, max_bytes) * (1 + _CLOSE_SIZE) / 2), _SIZE_PER_QUALITY)
    quality: float | None = _on_grid(start_quality)
    while quality is not None and len(trials) < _MAX_TRIALS:
        encoded = encode(quality)
        trials.append(Trial(Encoder.LIMEN, quality, len(encoded.data), None))
        if len(encoded.data) <= max_bytes:
            if fits is None or quality > fits.quality:
                fits = encoded
            if len(encoded.data) >= _CLOSE_SIZE * max_bytes:
                break
        bracket.add(quality, math.log(len(encoded.data)), over=len(encoded.data) > max_bytes)
        quality = bracket.next()
        _report(progress, len(trials))
    fits = fits or _lowest_that_fits(encode, max_bytes, trials)
    return SearchResult(fits.data, Encoder.LIMEN, fits.quality, fits.subsampling, None, tuple(trials))


class _Bracket:
    """Regula falsi on a rising function of quality, with the Illinois rule: an end that stays loses half its weight.

    An end is (quality, value - goal); before there are two, steps follow the first guess of the slope, then the slope
    seen, and reach a little too far so that the next result closes the bracket from the other side.
    """

    def __init__(self, goal: float, slope: float) -> None:
        self._goal, self._slope = goal, slope
        self._under: tuple[float, float] | None = None
        self._over: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None

    def add(self, quality: float, value: float, *, over: bool) -> None:
        """One result. ``over``: it reaches the goal."""
        gap = value - self._goal
        stays, last = (self._under, self._over) if over else (self._over, self._under)
        if stays is not None and last is not None and last == self._last:
            stays = stays[0], stays[1] / 2
        if self._last is not None and quality != self._last[0]:
            seen = (gap - self._last[1]) / (quality - self._last[0])
            self._slope = min(max(seen, self._slope / _SLOPE_CHANGE), self._slope * _SLOPE_CHANGE)
        self._last = quality, gap
        self._under, self._over = (stays, self._last) if over else (self._last, stays)

    def next(self) -> float | None:
        """The quality to try, None where the bracket is closed."""
        low = self._under[0] if self._under else LOWEST_QUALITY - QUALITY_STEP
        high = self._over[0] if self._over else HIGHEST_QUALITY + QUALITY_STEP
        if high - low <= QUALITY_STEP:
            return None
        return min(max(_on_grid(self._guess()), low + QUALITY_STEP), high - QUALITY_STEP)

    def _guess(self) -> float:
        if self._under and self._over:
            (low, below), (high, above) = self._under, self._over
            share = -below / (above - below) if above > below else 0.5
            return low + min(max(share, 0.05), 0.95) * (high - low)
        quality, gap = self._last or (HIGHEST_QUALITY, 0.0)
        step = -gap / self._slope * _OVERSHOOT
        return quality + math.copysign(min(abs(step), _STRIDE), step)


def _bracket_sur(
    encode: Encode, sur_of: SurOf, target: float, start: float, trials: list[Trial], progress: Progress | None
) -> SearchResult | None:
    best: SearchResult | None = None
    close = min(_CLOSE_SUR, (1 - target) / 4)
    bracket = _Bracket(_gumbel(target + close / 2), _GUMBEL_PER_QUALITY)
    quality: float | None = _on_grid(start)
    while quality is not None and len(trials) < _MAX_TRIALS:
        encoded = encode(quality)
        sur = sur_of(encoded.data)
        trials.append(Trial(Encoder.LIMEN, quality, len(encoded.data), sur))
        if sur >= target and (best is None or len(encoded.data) < len(best.data)):
            best = SearchResult(encoded.data, Encoder.LIMEN, quality, encoded.subsampling, sur, ())
        if target <= sur <= target + close:
            break
        bracket.add(quality, _gumbel(sur), over=sur >= target)
        quality = bracket.next()
        _report(progress, len(trials))
    return best


def _smaller_plain(
    plain_encode: PlainEncode, sur_of: SurOf, target: float, limit: int | None, trials: list[Trial]
) -> SearchResult | None:
    """The smallest plain encoding under ``limit`` bytes that satisfies ``target``, None if there is none.

    The largest one under the limit is judged first: while it falls short, so do all that are smaller.
    """
    low, high = 0, 100
    if limit is not None:
        low, high = 0, _largest_under(plain_encode, limit)
    best: SearchResult | None = None
    quality = high
    while high > low:
        data = plain_encode(quality)
        sur = sur_of(data)
        trials.append(Trial(Encoder.LIBJPEG_TURBO, quality, len(data), sur))
        if sur >= target:
            best, high = SearchResult(data, Encoder.LIBJPEG_TURBO, quality, "420", sur, ()), quality - 1
        elif quality == high and best is None:
            return None
        else:
            low = quality
        quality = (low + high + 1) // 2
    return best


def _largest_under(plain_encode: PlainEncode, limit: int) -> int:
    """The highest QF whose file is smaller than ``limit``, 0 if none is."""
    low, high = 0, 101
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if len(plain_encode(middle)) < limit else (low, middle)
    return low


def _lowest_that_fits(encode: Encode, max_bytes: int, trials: list[Trial]) -> Encoded:
    encoded = encode(LOWEST_QUALITY)
    trials.append(Trial(Encoder.LIMEN, LOWEST_QUALITY, len(encoded.data), None))
    if len(encoded.data) > max_bytes:
        raise TargetUnreachableError(f"the lowest quality needs {len(encoded.data)} bytes, {max_bytes} are allowed")
    return encoded


def _on_grid(quality: float) -> float:
    return min(max(round(quality / QUALITY_STEP) * QUALITY_STEP, LOWEST_QUALITY), HIGHEST_QUALITY)


def _gumbel(share: float) -> float:
    """-ln(-ln(share)): a straight line in quality where the JND follows a GEV of shape 0."""
    return -math.log(-math.log(min(max(share, 1e-4), 1 - 1e-4)))


def _report(progress: Progress | None, trials: int) -> None:
    if progress is not None:
        progress(1 - 0.75**trials)
