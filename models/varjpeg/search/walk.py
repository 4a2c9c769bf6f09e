"""One encoder on its way to a goal: a few encodings, each at a setting that the ones before it suggest."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from models.varjpeg.photo import Encoded
from models.varjpeg.search.bracket import Bracket, LambdaScales
from models.varjpeg.search.goals import Encode, Encoder, Goal, Judge, Judgement, SearchResult, Setting, Trial

_USUAL_TRIALS, _MANY_TRIALS, _MOST_TRIALS = 4, 9, 12
"""A search ends after so many encodes: if it has found something tolerable, anything, nothing yet. Of the second number
one is kept for libjpeg-turbo where it may lead."""


@dataclass(frozen=True, slots=True)
class Candidate:
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


def candidate(encode: Encode, judge: Judge, encoder: Encoder, setting: Setting) -> Candidate:
    """Encoded and judged."""
    encoded = encode(setting)
    return Candidate(encoder, encoded, setting, judge(encoded.draft))


def walk(
    encode: Encode,
    judge: Judge,
    goal: Goal,
    first: Candidate,
    *,
    foresee: Callable[[list[Candidate]], Setting | None] = lambda tried: None,
    one_is_kept: Callable[[Candidate], bool] = lambda best: False,
    report: Callable[[int], None] = lambda tried: None,
) -> list[Candidate]:
    """Encodings from ``first`` until one has just enough, or it has been tried for long enough.

    ``foresee``: a better guess, where there is one, than the typical slope; ``one_is_kept``: whether one trial fewer is
    to be done of many, by the best so far; ``report`` hears how many there are.
    """
    bracket, lambda_scales = Bracket(goal, aim_of(goal)), LambdaScales(goal)
    tried = [first]
    while not goal.wanted <= tried[-1].judgement.score <= goal.enough:
        setting, score = tried[-1].setting, tried[-1].judgement.score
        if setting.lambda_scale == 1.0:
            bracket.add(setting.quality, score, over=score >= goal.wanted)
        lambda_scales.add(setting, score - aim_of(goal))
        report(len(tried))
        higher = goal.tolerable - aim_of(goal) if len(tried) >= _USUAL_TRIALS else 0.0  # the last trial is to reach it
        following = lambda_scales.next(higher) or bracket.next()
        if following is None or len(tried) >= _allowed_trials(tried, goal, one_is_kept):
            break
        tried.append(candidate(encode, judge, first.encoder, foresee(tried) or following))
    return tried


def aim_of(goal: Goal) -> float:
    """The middle of what is enough."""
    return (goal.wanted + goal.enough) / 2


def nearest_to(goal: Goal, tried: Iterable[Candidate]) -> Candidate:
    """The one whose score is nearest to the aim."""
    return min(tried, key=lambda each: abs(each.judgement.score - aim_of(goal)))


def smallest(tried: Iterable[Candidate], goal: Goal) -> Candidate | None:
    """Of those that reach the goal."""
    reaching = [each for each in tried if each.judgement.score >= goal.wanted]
    return min(reaching, key=lambda each: len(each.encoded.draft), default=None)


def as_trials(tried: Iterable[Candidate], gained: float) -> list[Trial]:
    """With the sizes that they would have re-coded: ``gained`` times that of the draft."""
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


def _allowed_trials(tried: list[Candidate], goal: Goal, one_is_kept: Callable[[Candidate], bool]) -> int:
    best = smallest(tried, goal)
    if best is None:
        return _MOST_TRIALS
    if best.judgement.score <= goal.tolerable or len(tried) < _USUAL_TRIALS:
        return _USUAL_TRIALS
    if len(tried) < _MANY_TRIALS - 1:
        return _MANY_TRIALS
    return _MANY_TRIALS - int(one_is_kept(best))
