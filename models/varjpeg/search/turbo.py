"""libjpeg-turbo as a competitor: its smallest file that reaches a goal, looked for only where it may be smaller."""

import math
from dataclasses import replace
from functools import cache

from models.varjpeg.search.goals import (
    SIZE_PER_QUALITY,
    Encoder,
    EncodeTurbo,
    Goal,
    Judge,
    SearchResult,
    Setting,
    Trial,
    score_of,
)
from models.varjpeg.search.walk import Candidate

_MARGIN, _DOUBT = 6.0, 0.3
"""The largest file under ours is judged if its QF is no further below our quality, which is on average as good as that
QF; further by the second number for each quality more than a typical photo needs, where ours is in doubt."""

LAG = 2.0
"""The QF of about our size lies so far under our quality (median over Kodak around 84)."""

_SCANS_GAIN = 0.985
"""Lossless re-coding gains so much more of its sequential files than of our drafts: 0.969 to 0.996 on eight photos."""

_GUESSES = 4
"""Qualities are guessed so often, then bisected."""


class TurboSearch:
    """``trials``: all its files that were judged."""

    def __init__(self, encode: EncodeTurbo, judge: Judge, goal: Goal) -> None:
        self._encode, self._judge, self._goal = cache(encode), judge, goal
        self.trials: list[Trial] = []

    def may_be_smaller(self, best: Candidate) -> bool:
        """Whether there is hope that a smaller file of libjpeg-turbo reaches the goal."""
        return self._quality_to_judge(best.setting.quality, best.judgement.score, len(best.encoded.draft)) > 0

    def smallest_under(self, limit: SearchResult | None, gained: float) -> SearchResult | None:
        """The smallest file under ``limit`` that reaches the goal, or one just over it; None if there is none.

        ``gained``: size of that file to its draft's. The largest one under the limit is judged first, if there is hope:
        while it falls short, so do all smaller ones.
        """
        goal = self._goal
        low, high = 0, 100
        if limit is not None:
            high = self._quality_to_judge(limit.quality, score_of(limit), len(limit.data) / gained)
        best: Candidate | None = None
        quality, tried = high, 0
        while high > low:
            encoded = self._encode(quality)
            judgement = self._judge(encoded.draft)
            likely = round(gained * _SCANS_GAIN * len(encoded.draft))
            self.trials.append(Trial(Encoder.LIBJPEG_TURBO, quality, likely, judgement))
            if judgement.score >= goal.wanted:
                high = quality - 1
                if limit is None or len(encoded.data) < len(limit.data):
                    best = Candidate(Encoder.LIBJPEG_TURBO, encoded, Setting(quality), judgement)
                    if judgement.score <= goal.tolerable:
                        break
            elif quality == high and best is None:
                return None
            else:
                low = quality
            over = goal.typical_quality(judgement.score) - goal.typical_quality(goal.wanted)
            tried += 1
            lowest = low + 1 if low else high - 2**tried
            middle = math.ceil(quality - over) if tried < _GUESSES else (lowest + high) // 2
            quality = min(max(middle, low + 1), high)
        return None if best is None else self._finished(best)

    def _finished(self, best: Candidate) -> SearchResult:
        found = best.result()
        self.trials = [
            replace(trial, size_bytes=len(found.data)) if trial.quality == found.quality else trial
            for trial in self.trials
        ]
        return found

    def _quality_to_judge(self, quality: float, score: float, draft_bytes: float) -> int:
        """The QF of the largest file under one of ours, 0 where there is no hope that it reaches the goal."""
        usual = self._goal.typical_quality(self._goal.wanted)
        needed = quality - max(0.0, self._goal.typical_quality(score) - usual)
        hopeless = math.ceil(needed - _MARGIN - _DOUBT * max(0.0, needed - usual)) - 1
        return self._largest_under(draft_bytes / _SCANS_GAIN, quality - LAG, hopeless)

    def _largest_under(self, limit: float, start: float, hopeless: int) -> int:
        """The highest QF whose draft is smaller than ``limit``, 0 if that is ``hopeless`` or lower; by the typical
        slope, then between the two nearest, where ln of size is nearly a line."""
        low, high = max(0, hopeless), 101
        excess: dict[int, float] = {}
        quality = round(min(max(start, 1), 100))
        while high - low > 1:
            quality = min(max(quality, low + 1), high - 1)
            excess[quality] = math.log(len(self._encode(quality).draft) / limit)
            low, high = (quality, high) if excess[quality] < 0 else (low, quality)
            slope = SIZE_PER_QUALITY
            if low in excess and high in excess:
                slope = (excess[high] - excess[low]) / (high - low)
            # below the crossing after a file over the limit, above it after one under: that closes the bracket
            guess = quality - excess[quality] / max(slope, SIZE_PER_QUALITY / 8)
            quality = math.floor(guess) if excess[quality] >= 0 else math.ceil(guess)
        return low if low > hopeless else 0
