"""The smallest file that reaches a goal, or the best for a number of bytes, in few encodings.

A goal is a score on some judge's scale that rises with quality: of the share of satisfied viewers, SSIMULACRA2 or
butteraugli. Searches walk a grid of qualities in steps of 1/8, on which score and size rise (almost) monotonely: they
keep the greatest quality known to fall short and the least known to do, and guess the next one by the secant through
the nearest results, on a scale where a typical photo is a straight line of slope one: the score that such a photo has.

Between two neighbouring qualities a step of a table can change, and the score leap. Near the goal the tables therefore
stay, and lambda, the price of a bit, moves: score and size follow it without leaps, and it saves bytes as well.

Of a large photo a few places are encoded and judged by themselves: the setting at which they reach the goal, less what
they differed by where both were judged, is tried on the whole, whose own judgement counts.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from models.errors import TargetUnreachableError
from models.types import Progress
from models.varjpeg.photo import Encoded
from models.varjpeg.search.bracket import Bracket, on_grid
from models.varjpeg.search.foresight import Foresight, OfExcerpt
from models.varjpeg.search.goals import (
    HIGHEST_QUALITY,
    LOWEST_QUALITY,
    SIZE_PER_QUALITY,
    Encode,
    Encoder,
    EncodeTurbo,
    Excerpt,
    Goal,
    Judge,
    Judgement,
    SearchResult,
    Setting,
    Trial,
)
from models.varjpeg.search.turbo import LAG, TurboSearch
from models.varjpeg.search.walk import Candidate, aim_of, as_trials, candidate, smallest, walk

_MOST_TRIALS = 10
"""For a number of bytes."""

_CLOSE_SIZE = 0.985
"""A file that fills this much of the allowed bytes ends the search."""

_CHALLENGE_MARGIN = 0.02
"""ln of size by which another encoder may seem to lose at first and is still looked at closely."""

_EXCERPT_FAVOURS = 0.02
"""ln of size by which another encoder does better on the excerpt than on the whole, where Limen's own spares what
nobody looks at: 0.025 to 0.13 on seven photos of 12 megapixels."""

_GAIN_DOUBT = 0.01
"""ln by which lossless re-coding may gain more of one encoder's files than of another's."""


def search_goal(
    encode: Encode,
    judge: Judge,
    goal: Goal,
    *,
    encode_turbo: EncodeTurbo | None = None,
    encode_full_chroma: Encode | None = None,
    try_full_chroma: bool = False,
    encode_coefficients: Encode | None = None,
    excerpt: Callable[[], Excerpt | None] | None = None,
    unchanged: Callable[[int | None], SearchResult | None] | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """The smallest file whose own decoded pixels reach ``goal``.

    Args: ``encode_turbo``: libjpeg-turbo at a QF 1..100: the result is never larger than the smallest of those that
    scores as high (one more judgement, more only if libjpeg-turbo leads; none where it loses by far on the excerpt);
    ``encode_full_chroma``: the same encoder without halving chroma, asked where ``encode`` reaches nothing, and with
    ``try_full_chroma`` in any case;
    ``encode_coefficients``: another encoder at the same settings; both are tried from where the first ended;
    ``excerpt``: asked once the whole has been judged; ``unchanged``: the input itself where it is a file that may be
    returned, and has at most so many bytes, None for any number; ``progress`` may raise to stop.
    Raises: TargetUnreachableError if no quality does and there is no ``unchanged``.
    """
    search = GoalSearch(judge, goal, progress, excerpt)
    turbo = None if encode_turbo is None else TurboSearch(encode_turbo, judge, goal)
    search.keep_by(encode, Encoder.LIMEN, lambda part: part.encode, followed_by=turbo)
    if encode_full_chroma is not None and (search.best is None or try_full_chroma):
        search.challenge(encode_full_chroma, Encoder.LIMEN, lambda part: part.encode_full_chroma)
    if encode_coefficients is not None:
        search.challenge(encode_coefficients, Encoder.COEFFICIENTS, lambda part: part.encode_coefficients)
    if turbo is not None and not search.surely_loses(Encoder.LIBJPEG_TURBO, lambda part: part.encode_turbo, -LAG):
        search.best = turbo.smallest_under(search.best, search.gained) or search.best
        search.trials += turbo.trials
    if unchanged is not None:
        search.best = unchanged(None if search.best is None else len(search.best.data)) or search.best
    return search.result()


class GoalSearch:
    """One search for a goal over several encoders. ``best``: the smallest file so far that reaches it; ``trials``: all
    encodings of the whole photo that were looked at; ``gained``: size of the file re-coded last to that of its draft.
    ``progress`` may raise to stop; ``excerpt`` as ``search_goal`` takes it.
    """

    def __init__(
        self,
        judge: Judge,
        goal: Goal,
        progress: Progress | None = None,
        excerpt: Callable[[], Excerpt | None] | None = None,
    ) -> None:
        self.best: SearchResult | None = None
        self.trials: list[Trial] = []
        self._judge, self._goal, self._progress = judge, goal, progress
        self._foresight = Foresight(excerpt, goal)
        self._of_best: OfExcerpt = lambda part: part.encode
        self.gained = 1.0

    def result(self) -> SearchResult:
        """The best with all trials. Raises: TargetUnreachableError if there is none."""
        if self.best is None:
            raise TargetUnreachableError(
                f"no quality up to {HIGHEST_QUALITY:g} reaches {self._goal.name}{_nearest(self.trials)}"
            )
        if self._progress is not None:
            self._progress(1.0)
        return replace(self.best, trials=tuple(self.trials))

    def keep_by(
        self,
        encode: Encode,
        encoder: Encoder,
        of_excerpt: OfExcerpt,
        *,
        first: Candidate | None = None,
        followed_by: TurboSearch | None = None,
    ) -> None:
        """Of a few files of one encoder the smallest that reaches the goal, in the place of ``best`` if it is smaller.

        ``first``: where it starts, else at the typical quality. ``followed_by``: who may need one more judgement then.
        """
        start = Setting(on_grid(self._goal.typical_quality(aim_of(self._goal))))
        tried = walk(
            encode,
            self._judge,
            self._goal,
            first or candidate(encode, self._judge, encoder, start),
            foresee=lambda tried: self._foresight.setting(of_excerpt, tried),
            one_is_kept=lambda best: followed_by is not None and followed_by.may_be_smaller(best),
            report=lambda tried: _report(self._progress, len(self.trials) + tried),
        )
        best = smallest(tried, self._goal)
        finished = (best or tried[-1]).encoded
        self.gained = len(finished.data) / len(finished.draft)
        self.trials += as_trials(tried, self.gained)
        if best is not None and (self.best is None or len(finished.data) < len(self.best.data)):
            self.best, self._of_best = best.result(), of_excerpt

    def challenge(self, encode: Encode, encoder: Encoder, of_excerpt: OfExcerpt) -> None:
        """Another encoder, unless its first file, at the quality of the best so far, already shows that it loses."""
        if self.surely_loses(encoder, of_excerpt):
            return
        start = Setting(on_grid(self.best.quality if self.best is not None else HIGHEST_QUALITY))
        first = candidate(encode, self._judge, encoder, start)
        if self.best is not None and self._loses(first, self.best):
            self.trials += as_trials([first], self.gained)
            return
        self.keep_by(encode, encoder, of_excerpt, first=first)

    def surely_loses(self, encoder: Encoder, of_excerpt: OfExcerpt, beside: float = 0.0) -> bool:
        """Whether another encoder, at the quality of the best so far or that much ``beside`` it, loses by far on the
        excerpt; False where there is none."""
        if self.best is None:
            return False
        setting = Setting(self.best.quality, self.best.lambda_scale)
        ours = self._foresight.candidate(self._of_best, self.best.encoder, setting)
        other_setting = Setting(min(max(self.best.quality + beside, LOWEST_QUALITY), HIGHEST_QUALITY))
        other = None if ours is None else self._foresight.candidate(of_excerpt, encoder, other_setting)
        if ours is None or other is None:
            return False
        larger = math.log(len(other.encoded.draft) / len(ours.encoded.draft))
        return larger > self._allowed(other.judgement, ours.judgement) - _EXCERPT_FAVOURS

    def _loses(self, first: Candidate, best: SearchResult) -> bool:
        """Whether it is larger than it may be for its score; re-coded only where that is in doubt."""
        allowed = self._allowed(first.judgement, best.judgement)
        larger = math.log(self.gained * len(first.encoded.draft) / len(best.data))
        if abs(larger - allowed) < _GAIN_DOUBT:
            larger = math.log(len(first.encoded.data) / len(best.data))
        return larger > allowed

    def _allowed(self, other: Judgement, best: Judgement | None) -> float:
        """ln of size to that of the best so far, from which another encoder loses."""
        if best is None:
            return math.inf
        higher = self._goal.typical_quality(other.score) - self._goal.typical_quality(best.score)
        return SIZE_PER_QUALITY * higher + _CHALLENGE_MARGIN


def _nearest(trials: list[Trial]) -> str:
    """What the best trial reached, in words; empty where nobody was asked."""
    judged = [trial.judgement for trial in trials if trial.judgement is not None]
    best = max(judged, key=lambda judgement: judgement.score, default=None)
    if best is None:
        return ""
    reached = f"{best.metric:.3f}" if best.metric is not None else f"{best.sur:.1%} of the viewers"
    return f"; the best file reaches {reached}"


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
    goal = _size_goal(max_bytes)
    bracket = Bracket(goal, goal.wanted)
    setting: Setting | None = Setting(on_grid(start_quality))
    while setting is not None and len(trials) < _MOST_TRIALS:
        encoded = encode(setting)
        trials.append(Trial(encoder, setting.quality, len(encoded.data)))
        if len(encoded.data) <= max_bytes:
            if fits is None or setting.quality > fits.quality:
                fits = encoded
            if len(encoded.data) >= _CLOSE_SIZE * max_bytes:
                break
        bracket.add(setting.quality, math.log(len(encoded.data)), over=len(encoded.data) > max_bytes)
        setting = bracket.next()
        _report(progress, len(trials))
    fits = fits or _lowest_that_fits(encode, max_bytes, encoder, trials)
    return SearchResult(fits.data, encoder, fits.quality, fits.subsampling, None, trials=tuple(trials))


def _size_goal(max_bytes: int) -> Goal:
    """Size as a score: ln of bytes."""
    wanted = math.log(max(1, max_bytes) * (1 + _CLOSE_SIZE) / 2)
    qualities = (LOWEST_QUALITY, HIGHEST_QUALITY)
    scores = tuple(SIZE_PER_QUALITY * quality for quality in qualities)
    return Goal(wanted, wanted, wanted, qualities, scores, (), f"{max_bytes} bytes")


def _lowest_that_fits(encode: Encode, max_bytes: int, encoder: Encoder, trials: list[Trial]) -> Encoded:
    encoded = encode(Setting(LOWEST_QUALITY))
    trials.append(Trial(encoder, LOWEST_QUALITY, len(encoded.data)))
    if len(encoded.data) > max_bytes:
        raise TargetUnreachableError(f"the lowest quality needs {len(encoded.data)} bytes, {max_bytes} are allowed")
    return encoded


def _report(progress: Progress | None, trials: int) -> None:
    if progress is not None:
        progress(1 - 0.75**trials)
