"""The smallest file that reaches a goal, or the best for a number of bytes, in few encodings.

A goal is a height on some judge's scale that rises with quality: of the share of satisfied viewers, SSIMULACRA2 or
butteraugli. Searches walk a grid of qualities in steps of 1/8, on which height and size rise (almost) monotonely: they
keep the greatest quality known to fall short and the least known to do, and guess the next one by the secant through
the nearest results, on a scale where common photos are straight lines of slope one: the height that such a photo has.

Between two neighbouring qualities a step of a table can change, and the height leap. Near the goal the tables therefore
stay, and the price of a bit moves: height and size follow it without leaps, and it is as good a way to save bytes.
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from PIL import Image

from models.errors import TargetUnreachableError
from models.types import Progress, Rgb8
from models.varjpeg.photo import Encoded

PlainEncode = Callable[[int], bytes]

QUALITY_STEP = 0.125
LOWEST_QUALITY, HIGHEST_QUALITY = 2.0, 100.0
_USUAL_TRIALS, _MANY_TRIALS, _MOST_TRIALS = 4, 7, 10
"""A search ends after so many encodes: if it has found something tolerable, anything, nothing yet. Of the second number
one is kept for libjpeg-turbo where it may lead."""

_THRIFT_REACH, _THRIFT_LIMIT = 0.4, 0.6
"""|ln thrift| up to which a goal is sought by thrift at once, and in the end: size at equal height changes by at most
1 % on the average over photos/train up to 0.29, by 2 % up to 0.6."""

_CLOSE_SIZE = 0.985
"""A file that fills this much of the allowed bytes ends the search."""

_SIZE_PER_QUALITY = 0.028
"""First guess of d ln(size) / d quality, median over photos/train between 50 and 85."""

_STRIDE = 40.0
"""Farthest step before the goal is bracketed, in qualities."""

_SLOPE_CHANGE = 2.5
"""Most that one result may change the slope: neighbouring results say little about it."""

_APART = 4.0
"""Results nearer to each other, in qualities, say more about the judge's wavering than about the slope."""

_PLAIN_MARGIN, _PLAIN_DOUBT = 6.0, 0.3
"""libjpeg-turbo's largest file under ours is judged if its QF is no further below our quality, which is on average as
good as that QF; further by the second number for each quality more than common photos need, where ours is in doubt."""

_PLAIN_LAG = 2.0
"""libjpeg-turbo's QF of about our size lies so far under our quality (median over Kodak around 84)."""

_CHALLENGE_MARGIN = 0.02
"""ln of size by which another encoder may seem to lose at first and is still looked at closely."""

_PLAIN_TRIALS = 4
"""libjpeg-turbo's qualities are guessed so often, then bisected."""


class Encoder(StrEnum):
    """Who made a file: Limen from the pixels, Limen from the input's own coefficients, or the input as it came."""

    LIMEN = "limen"
    COEFFICIENTS = "limen-coefficients"
    LIBJPEG_TURBO = "libjpeg-turbo"
    INPUT = "input"


@dataclass(frozen=True, slots=True)
class Setting:
    """What the search chooses. ``quality``: 2..100 in steps of 1/8; ``thrift``: what a bit costs, times the usual."""

    quality: float
    thrift: float = 1.0


Encode = Callable[[Setting], Encoded]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of a file. ``height`` rises with quality; ``sur`` and ``metric`` as far as they were asked."""

    height: float
    sur: float | None = None
    metric: float | None = None


Judge = Callable[[bytes], Judgement]
"""Decodes the bytes that would be sent, or a draft of the same pixels."""


@dataclass(frozen=True, slots=True)
class Goal:
    """``wanted``: the least height; ``enough``: no smaller file is looked for once the height lies between both;
    ``tolerable``: nor, after a few encodes, once it lies under this.

    ``qualities`` and ``heights``, both rising: where common photos lie on this scale; ``thrift_slopes``: at some
    qualities, by how much they fall on it with ln(thrift), none where thrift is no choice. ``name`` says the goal in
    words.
    """

    wanted: float
    enough: float
    tolerable: float
    qualities: tuple[float, ...]
    heights: tuple[float, ...]
    thrift_slopes: tuple[tuple[float, float], ...]
    name: str

    def typical_height(self, quality: float) -> float:
        """Height of a common photo, straight on beyond the table's ends."""
        return _interpolated(quality, self.qualities, self.heights)

    def typical_quality(self, height: float) -> float:
        """Inverse of ``typical_height``."""
        return _interpolated(height, self.heights, self.qualities)

    def thrift_slope(self, quality: float) -> float:
        """By how much the height of a common photo falls with ln(thrift), 0 where thrift is no choice."""
        if not self.thrift_slopes:
            return 0.0
        qualities, slopes = zip(*self.thrift_slopes, strict=True)
        return float(np.interp(quality, qualities, slopes))


@dataclass(frozen=True, slots=True)
class Trial:
    """One encoding that was looked at; the judgement is None where nobody was asked.

    ``size_bytes``: of those of ours that were not chosen by what re-coding has made of the one that was.
    """

    encoder: Encoder
    quality: float
    size_bytes: int
    judgement: Judgement | None = None
    thrift: float = 1.0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The file chosen, what the judge said of it, and how it was found."""

    data: bytes
    encoder: Encoder
    quality: float
    subsampling: str
    judgement: Judgement | None
    thrift: float = 1.0
    trials: tuple[Trial, ...] = ()

    def judged(self, judgement: Judgement) -> "SearchResult":
        """The same with what was said of its bytes."""
        return replace(self, judgement=judgement)


def decode_pixels(data: bytes) -> Rgb8:
    """uint8 (H, W, 3) as libjpeg-turbo decodes a JPEG, in the file's own colour space."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def search_goal(
    encode: Encode,
    judge: Judge,
    goal: Goal,
    *,
    plain_encode: PlainEncode | None = None,
    encode_full_chroma: Encode | None = None,
    try_full_chroma: bool = False,
    encode_coefficients: Encode | None = None,
    original: bytes | None = None,
    original_judgement: Judgement | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """The smallest file whose own decoded pixels reach ``goal``.

    Args: ``plain_encode``: libjpeg-turbo at a QF 1..100: the result is never larger than the smallest of those that
    is as high (one more judgement, more only if libjpeg-turbo leads);
    ``encode_full_chroma``: the same encoder without halving chroma, asked where ``encode`` reaches nothing, and with
    ``try_full_chroma`` in any case;
    ``encode_coefficients``: another encoder at the same settings; both are tried from where the first ended;
    ``original``: the
    input, if it is itself a file that may be returned: it is, where nothing smaller does, with
    ``original_judgement``; ``progress`` may raise to stop.
    Raises: TargetUnreachableError if no quality does and there is no ``original``.
    """
    trials: list[Trial] = []

    def rival(best: SearchResult) -> bool:
        return plain_encode is not None and _plain_to_judge(plain_encode, goal, best) > 0

    best = _bracketed(encode, judge, goal, Encoder.LIMEN, trials, progress, rival=rival)
    if encode_full_chroma is not None and (best is None or try_full_chroma):
        best = _smaller(best, _challenge(encode_full_chroma, judge, goal, Encoder.LIMEN, best, trials, progress))
    if encode_coefficients is not None:
        best = _smaller(
            best, _challenge(encode_coefficients, judge, goal, Encoder.COEFFICIENTS, best, trials, progress)
        )
    if plain_encode is not None:
        best = _smaller_plain(plain_encode, judge, goal, best, trials) or best
    if original is not None and (best is None or len(original) <= len(best.data)):
        best = SearchResult(original, Encoder.INPUT, 100.0, "input", original_judgement)
    if best is None:
        raise TargetUnreachableError(f"no quality up to {HIGHEST_QUALITY:g} reaches {goal.name}{_nearest(trials)}")
    if progress is not None:
        progress(1.0)
    return replace(best, trials=tuple(trials))


def search_max_bytes(
    encode: Encode,
    max_bytes: int,
    *,
    encoder: Encoder = Encoder.LIMEN,
    start_quality: float = 75.0,
    progress: Progress | None = None,
) -> SearchResult:
    """The best quality whose file has at most ``max_bytes``.

    Raises: TargetUnreachableError if even the lowest quality needs more.
    """
    trials: list[Trial] = []
    fits: Encoded | None = None
    qualities = (LOWEST_QUALITY, HIGHEST_QUALITY)
    wanted = math.log(max(1, max_bytes) * (1 + _CLOSE_SIZE) / 2)
    goal = Goal(
        wanted, wanted, wanted, qualities, tuple(_SIZE_PER_QUALITY * q for q in qualities), (), f"{max_bytes} bytes"
    )
    bracket = _Bracket(goal, wanted)
    quality: float | None = _on_grid(start_quality)
    while quality is not None and len(trials) < _MOST_TRIALS:
        encoded = encode(Setting(quality))
        trials.append(Trial(encoder, quality, len(encoded.data)))
        if len(encoded.data) <= max_bytes:
            if fits is None or quality > fits.quality:
                fits = encoded
            if len(encoded.data) >= _CLOSE_SIZE * max_bytes:
                break
        bracket.add(quality, math.log(len(encoded.data)), over=len(encoded.data) > max_bytes)
        quality = bracket.next()
        _report(progress, len(trials))
    fits = fits or _lowest_that_fits(encode, max_bytes, encoder, trials)
    return SearchResult(fits.data, encoder, fits.quality, fits.subsampling, None, trials=tuple(trials))


class _Bracket:
    """Regula falsi on a rising function of quality, with the Illinois rule: an end that stays loses half its weight.

    An end is (quality, height - ``aim``); before there are two, steps follow the slope of common photos, then the slope
    seen.
    """

    def __init__(self, goal: Goal, aim: float) -> None:
        self._goal, self._aim, self._slope = goal, aim, 1.0
        self._under: tuple[float, float] | None = None
        self._over: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None

    def add(self, quality: float, height: float, *, over: bool) -> None:
        """One result. ``over``: it reaches the goal."""
        gap = height - self._aim
        stays, last = (self._under, self._over) if over else (self._over, self._under)
        if stays is not None and last is not None and last == self._last:
            stays = stays[0], stays[1] / 2
        if self._last is not None and abs(quality - self._last[0]) >= _APART:
            apart = self._goal.typical_height(quality) - self._goal.typical_height(self._last[0])
            seen = (gap - self._last[1]) / apart
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
            ends = self._goal.typical_height(low), self._goal.typical_height(high)
            return self._goal.typical_quality(ends[0] + min(max(share, 0.05), 0.95) * (ends[1] - ends[0]))
        quality, gap = self._last or (HIGHEST_QUALITY, 0.0)
        step = self._goal.typical_quality(self._goal.typical_height(quality) - gap / self._slope) - quality
        return quality + math.copysign(min(abs(step), _STRIDE), step)


def _bracketed(
    encode: Encode,
    judge: Judge,
    goal: Goal,
    encoder: Encoder,
    trials: list[Trial],
    progress: Progress | None,
    *,
    start: float | None = None,
    rival: Callable[[SearchResult], bool] | None = None,
) -> SearchResult | None:
    """The smallest of a few files that reach the goal, None if none does; ``rival``: is one more to be judged then?"""
    best: _Candidate | None = None
    aim = (goal.wanted + goal.enough) / 2
    bracket = _Bracket(goal, aim)
    thrifts = _Thrifts(goal)
    setting: Setting | None = Setting(_on_grid(goal.typical_quality(aim) if start is None else start))
    tried: list[_Candidate] = []
    while setting is not None and len(tried) < _allowed_trials(best, goal, len(tried), rival):
        encoded = encode(setting)
        judgement = judge(encoded.draft)
        tried.append(_Candidate(encoder, encoded, setting, judgement))
        reached = judgement.height >= goal.wanted
        if reached and (best is None or len(encoded.draft) < len(best.encoded.draft)):
            best = tried[-1]
        if goal.wanted <= judgement.height <= goal.enough:
            break
        if setting.thrift == 1.0:
            bracket.add(setting.quality, judgement.height, over=reached)
        thrifts.add(setting, judgement.height - aim)
        higher = goal.tolerable - aim if len(tried) >= _USUAL_TRIALS else 0.0  # the last trial is to reach it
        setting = thrifts.next(higher) or _plain_setting(bracket.next())
        _report(progress, len(trials) + len(tried))
    trials += _as_trials(tried, best or tried[-1])
    return None if best is None else best.result()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One encoding, not finished before it has to be."""

    encoder: Encoder
    encoded: Encoded
    setting: Setting
    judgement: Judgement

    def result(self) -> SearchResult:
        """The finished file."""
        encoded, setting = self.encoded, self.setting
        return SearchResult(
            encoded.data, self.encoder, setting.quality, encoded.subsampling, self.judgement, setting.thrift
        )


def _as_trials(tried: list[_Candidate], finished: _Candidate) -> list[Trial]:
    """With the sizes that they would have finished, taking from one what re-coding gains."""
    gained = len(finished.encoded.data) / len(finished.encoded.draft)
    return [
        Trial(
            each.encoder,
            each.setting.quality,
            len(each.encoded.data) if each is finished else round(gained * len(each.encoded.draft)),
            each.judgement,
            each.setting.thrift,
        )
        for each in tried
    ]


def _plain_setting(quality: float | None) -> Setting | None:
    return None if quality is None else Setting(quality)


class _Thrifts:
    """Secant on ln(thrift) at one quality: the one that came nearest to the goal."""

    def __init__(self, goal: Goal) -> None:
        self._goal, self._slope = goal, 0.0
        self._quality, self._known = 0.0, list[tuple[float, float]]()

    def add(self, setting: Setting, gap: float) -> None:
        """One result: height less the one aimed at."""
        if setting.quality != self._quality:
            if self._known and min(abs(known) for _, known in self._known) <= abs(gap):
                return
            self._quality, self._known = setting.quality, []
            self._slope = self._goal.thrift_slope(setting.quality)
        self._known.append((math.log(setting.thrift), gap))

    def next(self, higher: float) -> Setting | None:
        """What to try to get this much over the goal, None where thrift alone will not do."""
        if self._slope <= 0:
            return None
        at, gap = min(self._known, key=lambda known: abs(known[1]))
        limit = _THRIFT_REACH if len(self._known) == 1 else _THRIFT_LIMIT
        if abs(at + gap / self._seen_slope()) > limit:
            return None
        wanted = at + (gap - higher) / self._seen_slope()
        setting = Setting(self._quality, round(math.exp(min(max(wanted, -limit), limit)), 3))
        return None if any(math.isclose(setting.thrift, math.exp(known)) for known, _ in self._known) else setting

    def _seen_slope(self) -> float:
        """By how much height falls with ln(thrift) between the results nearest to the goal, on either side of it if
        there are any."""
        if len(self._known) == 1:
            return self._slope
        nearest, *farther = sorted(self._known, key=lambda known: abs(known[1]))
        opposite = [known for known in farther if (known[1] < 0) != (nearest[1] < 0)]
        (one, gap), (other, other_gap) = nearest, (opposite or farther)[0]
        return min(max((gap - other_gap) / (other - one), self._slope / _SLOPE_CHANGE), self._slope * _SLOPE_CHANGE)


def _allowed_trials(
    best: _Candidate | None, goal: Goal, tried: int, rival: Callable[[SearchResult], bool] | None
) -> int:
    if best is None:
        return _MOST_TRIALS
    if best.judgement.height <= goal.tolerable or tried < _USUAL_TRIALS:
        return _USUAL_TRIALS
    return _MANY_TRIALS - int(rival is not None and rival(best.result()))


def _challenge(
    encode: Encode,
    judge: Judge,
    goal: Goal,
    encoder: Encoder,
    best: SearchResult | None,
    trials: list[Trial],
    progress: Progress | None,
) -> SearchResult | None:
    """Another encoder's smallest file, None where its first one, at the quality of the ``best`` so far, already shows
    that it loses."""
    first = encode(Setting(_on_grid(best.quality if best is not None else HIGHEST_QUALITY)))
    judgement = judge(first.draft)
    if best is not None and best.judgement is not None:
        higher = goal.typical_quality(judgement.height) - goal.typical_quality(best.judgement.height)
        if math.log(len(first.data) / len(best.data)) > _SIZE_PER_QUALITY * higher + _CHALLENGE_MARGIN:
            trials.append(Trial(encoder, first.quality, len(first.data), judgement))
            return None

    def encode_again(setting: Setting) -> Encoded:
        return first if setting == Setting(first.quality) else encode(setting)

    def judge_again(data: bytes) -> Judgement:
        return judgement if data is first.draft else judge(data)

    return _bracketed(encode_again, judge_again, goal, encoder, trials, progress, start=first.quality)


def _nearest(trials: list[Trial]) -> str:
    """What the best trial reached, in words; empty where nobody was asked."""
    judged = [trial.judgement for trial in trials if trial.judgement is not None]
    best = max(judged, key=lambda judgement: judgement.height, default=None)
    if best is None:
        return ""
    reached = f"{best.metric:.3f}" if best.metric is not None else f"{best.sur:.1%} of the viewers"
    return f"; the best file reaches {reached}"


def _height(result: SearchResult) -> float:
    return -math.inf if result.judgement is None else result.judgement.height


def _smaller(one: SearchResult | None, other: SearchResult | None) -> SearchResult | None:
    if one is None or other is None:
        return one or other
    return min(one, other, key=lambda result: len(result.data))


def _smaller_plain(
    plain_encode: PlainEncode, judge: Judge, goal: Goal, limit: SearchResult | None, trials: list[Trial]
) -> SearchResult | None:
    """The smallest plain encoding under ``limit`` that reaches the goal, or one just over it; None if there is none.

    The largest one under the limit is judged first, if there is hope: while it falls short, so do all that are smaller.
    """
    low, high = 0, _plain_to_judge(plain_encode, goal, limit)
    best: SearchResult | None = None
    quality, tried = high, 0
    while high > low:
        data = plain_encode(quality)
        judgement = judge(data)
        trials.append(Trial(Encoder.LIBJPEG_TURBO, quality, len(data), judgement))
        if judgement.height >= goal.wanted:
            best, high = SearchResult(data, Encoder.LIBJPEG_TURBO, quality, "420", judgement), quality - 1
            if judgement.height <= goal.tolerable:
                return best
        elif quality == high and best is None:
            return None
        else:
            low = quality
        over = goal.typical_quality(judgement.height) - goal.typical_quality(goal.wanted)
        tried += 1
        lowest = low + 1 if low else high - 2**tried
        middle = math.ceil(quality - over) if tried < _PLAIN_TRIALS else (lowest + high) // 2
        quality = min(max(middle, low + 1), high)
    return best


def _plain_to_judge(plain_encode: PlainEncode, goal: Goal, limit: SearchResult | None) -> int:
    """The QF of the largest plain encoding under ``limit``, 0 where there is no hope that it reaches the goal."""
    if limit is None:
        return 100
    usual = goal.typical_quality(goal.wanted)
    needed = limit.quality - max(0.0, goal.typical_quality(_height(limit)) - usual)
    hopeless = math.ceil(needed - _PLAIN_MARGIN - _PLAIN_DOUBT * max(0.0, needed - usual)) - 1
    return _largest_under(plain_encode, len(limit.data), limit.quality - _PLAIN_LAG, hopeless)


def _largest_under(plain_encode: PlainEncode, limit: int, start: float, hopeless: int) -> int:
    """The highest QF whose file is smaller than ``limit``, 0 if that is ``hopeless`` or lower; by the slope of common
    photos, then between the two nearest, where ln of size is nearly a line."""
    low, high = max(0, hopeless), 101
    excess: dict[int, float] = {}
    quality = round(min(max(start, 1), 100))
    while high - low > 1:
        quality = min(max(quality, low + 1), high - 1)
        excess[quality] = math.log(len(plain_encode(quality)) / limit)
        low, high = (quality, high) if excess[quality] < 0 else (low, quality)
        slope = _SIZE_PER_QUALITY
        if low in excess and high in excess:
            slope = (excess[high] - excess[low]) / (high - low)
        # below the crossing after a file over the limit, above it after one under: that closes the bracket
        guess = quality - excess[quality] / max(slope, _SIZE_PER_QUALITY / 8)
        quality = math.floor(guess) if excess[quality] >= 0 else math.ceil(guess)
    return low if low > hopeless else 0


def _lowest_that_fits(encode: Encode, max_bytes: int, encoder: Encoder, trials: list[Trial]) -> Encoded:
    encoded = encode(Setting(LOWEST_QUALITY))
    trials.append(Trial(encoder, LOWEST_QUALITY, len(encoded.data)))
    if len(encoded.data) > max_bytes:
        raise TargetUnreachableError(f"the lowest quality needs {len(encoded.data)} bytes, {max_bytes} are allowed")
    return encoded


def _on_grid(quality: float) -> float:
    return min(max(round(quality / QUALITY_STEP) * QUALITY_STEP, LOWEST_QUALITY), HIGHEST_QUALITY)


def _interpolated(x: float, xs: tuple[float, ...], ys: tuple[float, ...]) -> float:
    """Piecewise linear through rising points, straight on beyond the ends."""
    last = len(xs) - 1
    n = min(max(int(np.searchsorted(xs, x)), 1), last)
    return ys[n - 1] + (x - xs[n - 1]) * (ys[n] - ys[n - 1]) / (xs[n] - xs[n - 1])


def _report(progress: Progress | None, trials: int) -> None:
    if progress is not None:
        progress(1 - 0.75**trials)
