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
from dataclasses import dataclass, replace

from models.errors import TargetUnreachableError
from models.types import Progress
from models.varjpeg.photo import Encoded
from models.varjpeg.search.bracket import Bracket, LambdaScales, on_grid
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
    score_of,
)
from models.varjpeg.search.turbo import TurboSearch

_USUAL_TRIALS, _MANY_TRIALS, _MOST_TRIALS = 4, 7, 10
"""A search ends after so many encodes: if it has found something tolerable, anything, nothing yet. Of the second number
one is kept for libjpeg-turbo where it may lead."""

_CLOSE_SIZE = 0.985
"""A file that fills this much of the allowed bytes ends the search."""

_CHALLENGE_MARGIN = 0.02
"""ln of size by which another encoder may seem to lose at first and is still looked at closely."""

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
    scores as high (one more judgement, more only if libjpeg-turbo leads);
    ``encode_full_chroma``: the same encoder without halving chroma, asked where ``encode`` reaches nothing, and with
    ``try_full_chroma`` in any case;
    ``encode_coefficients``: another encoder at the same settings; both are tried from where the first ended;
    ``excerpt``: asked once the whole has been judged; ``unchanged``: the input itself where it is a file that may be
    returned, and has at most so many bytes, None for any number; ``progress`` may raise to stop.
    Raises: TargetUnreachableError if no quality does and there is no ``unchanged``.
    """
    search = GoalSearch(judge, goal, progress, excerpt)
    turbo = None if encode_turbo is None else TurboSearch(encode_turbo, judge, goal)
    search.keep(search.by(encode, Encoder.LIMEN, lambda part: part.encode, followed_by=turbo))
    if encode_full_chroma is not None and (search.best is None or try_full_chroma):
        search.keep(search.challenger(encode_full_chroma, Encoder.LIMEN, lambda part: part.encode_full_chroma))
    if encode_coefficients is not None:
        search.keep(search.challenger(encode_coefficients, Encoder.COEFFICIENTS, lambda part: part.encode_coefficients))
    if turbo is not None:
        search.best = turbo.smallest_under(search.best) or search.best
        search.trials += turbo.trials
    if unchanged is not None:
        search.best = unchanged(None if search.best is None else len(search.best.data)) or search.best
    return search.result()


_OfExcerpt = Callable[[Excerpt], Encode | None]
"""An encoder as it works on the excerpt."""


class GoalSearch:
    """One search for a goal over several encoders. ``best``: the smallest file so far that reaches it; ``trials``: all
    encodings of the whole photo that were looked at. ``progress`` may raise to stop; ``excerpt`` as ``search_goal``
    takes it.
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
        self._judge, self._goal, self._progress, self._excerpt = judge, goal, progress, excerpt
        self._gained = 1.0
        """Size of the file re-coded last to that of its draft."""

    def keep(self, found: SearchResult | None) -> None:
        """``found`` in the place of ``best`` where it is smaller."""
        if self.best is None or (found is not None and len(found.data) < len(self.best.data)):
            self.best = found

    def result(self) -> SearchResult:
        """The best with all trials. Raises: TargetUnreachableError if there is none."""
        if self.best is None:
            raise TargetUnreachableError(
                f"no quality up to {HIGHEST_QUALITY:g} reaches {self._goal.name}{_nearest(self.trials)}"
            )
        if self._progress is not None:
            self._progress(1.0)
        return replace(self.best, trials=tuple(self.trials))

    def by(
        self,
        encode: Encode,
        encoder: Encoder,
        of_excerpt: _OfExcerpt,
        *,
        first: "_Candidate | None" = None,
        followed_by: TurboSearch | None = None,
    ) -> SearchResult | None:
        """The smallest of a few files of one encoder that reach the goal, None if none does.

        ``first``: where it starts, else at the typical quality. ``followed_by``: who may need one more judgement then.
        """
        start = Setting(on_grid(self._goal.typical_quality(_aim(self._goal))))
        tried = self._tried(encode, first or self._candidate(encode, encoder, start), of_excerpt, followed_by)
        best = _smallest(tried, self._goal)
        finished = best or tried[-1]
        self._gained = len(finished.encoded.data) / len(finished.encoded.draft)
        self.trials += _as_trials(tried, self._gained)
        return None if best is None else best.result()

    def _tried(
        self, encode: Encode, first: "_Candidate", of_excerpt: _OfExcerpt, followed_by: TurboSearch | None
    ) -> list["_Candidate"]:
        """Encodings from ``first`` until one has just enough, or it has been tried for long enough."""
        goal, aim = self._goal, _aim(self._goal)
        bracket, lambda_scales = Bracket(goal, aim), LambdaScales(goal)
        tried = [first]
        while not goal.wanted <= tried[-1].judgement.score <= goal.enough:
            setting, score = tried[-1].setting, tried[-1].judgement.score
            if setting.lambda_scale == 1.0:
                bracket.add(setting.quality, score, over=score >= goal.wanted)
            lambda_scales.add(setting, score - aim)
            higher = goal.tolerable - aim if len(tried) >= _USUAL_TRIALS else 0.0  # the last trial is to reach it
            _report(self._progress, len(self.trials) + len(tried))
            near = lambda_scales.next(higher)
            following = near or bracket.next()
            if following is None or len(tried) >= _allowed_trials(tried, goal, followed_by):
                break
            foreseen = None if near is not None else self._foreseen(tried, of_excerpt)
            tried.append(self._candidate(encode, first.encoder, foreseen or following))
        return tried

    def _foreseen(self, tried: list["_Candidate"], of_excerpt: _OfExcerpt) -> Setting | None:
        """Where the excerpt reaches the goal, None if it cannot tell or that has been tried."""
        excerpt = None if self._excerpt is None else self._excerpt()
        encode = None if excerpt is None else of_excerpt(excerpt)
        if excerpt is None or encode is None:
            return None
        goal, aim = self._goal, _aim(self._goal)
        whole = min(tried, key=lambda each: abs(each.judgement.score - aim))
        start = GoalSearch(excerpt.judge, goal)._candidate(encode, whole.encoder, whole.setting)
        part = GoalSearch(excerpt.judge, goal.higher(start.judgement.score - whole.judgement.score))
        found = part._tried(encode, start, of_excerpt, None)
        nearest = min(found, key=lambda each: abs(each.judgement.score - _aim(part._goal))).setting
        return None if any(each.setting == nearest for each in tried) else nearest

    def challenger(self, encode: Encode, encoder: Encoder, of_excerpt: _OfExcerpt) -> SearchResult | None:
        """Another encoder's smallest file, None where its first one, at the quality of the best so far, already shows
        that it loses."""
        start = Setting(on_grid(self.best.quality if self.best is not None else HIGHEST_QUALITY))
        first = self._candidate(encode, encoder, start)
        if self.best is not None and self._loses(first, self.best):
            self.trials += _as_trials([first], self._gained)
            return None
        return self.by(encode, encoder, of_excerpt, first=first)

    def _loses(self, first: "_Candidate", best: SearchResult) -> bool:
        """Whether it is larger than it may be for its score; re-coded only where that is in doubt."""
        higher = self._goal.typical_quality(first.judgement.score) - self._goal.typical_quality(score_of(best))
        allowed = SIZE_PER_QUALITY * higher + _CHALLENGE_MARGIN
        larger = math.log(self._gained * len(first.encoded.draft) / len(best.data))
        if abs(larger - allowed) < _GAIN_DOUBT:
            larger = math.log(len(first.encoded.data) / len(best.data))
        return larger > allowed

    def _candidate(self, encode: Encode, encoder: Encoder, setting: Setting) -> "_Candidate":
        encoded = encode(setting)
        return _Candidate(encoder, encoded, setting, self._judge(encoded.draft))


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
            encoded.data, self.encoder, setting.quality, encoded.subsampling, self.judgement, setting.lambda_scale
        )


def _as_trials(tried: list[_Candidate], gained: float) -> list[Trial]:
    """With the sizes that they would have re-coded."""
    return [
        Trial(
            each.encoder,
            each.setting.quality,
            round(gained * len(each.encoded.draft)),
            each.judgement,
            each.setting.lambda_scale,
        )
        for each in tried
    ]


def _aim(goal: Goal) -> float:
    return (goal.wanted + goal.enough) / 2


def _smallest(tried: list[_Candidate], goal: Goal) -> _Candidate | None:
    """Of those that reach the goal."""
    reaching = [each for each in tried if each.judgement.score >= goal.wanted]
    return min(reaching, key=lambda each: len(each.encoded.draft), default=None)


def _allowed_trials(tried: list[_Candidate], goal: Goal, followed_by: TurboSearch | None) -> int:
    best = _smallest(tried, goal)
    if best is None:
        return _MOST_TRIALS
    if best.judgement.score <= goal.tolerable or len(tried) < _USUAL_TRIALS:
        return _USUAL_TRIALS
    if len(tried) < _MANY_TRIALS - 1 or followed_by is None:
        return _MANY_TRIALS
    return _MANY_TRIALS - int(followed_by.may_be_smaller(best.result()))


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
