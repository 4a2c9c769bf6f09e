"""The next setting to try: by quality until a goal is bracketed, by the price of a bit once it is near."""

import math

from models.varjpeg.search.goals import HIGHEST_QUALITY, LOWEST_QUALITY, Goal, Setting

QUALITY_STEP = 0.125
"""Of the grid of qualities that a search walks on."""

_LAMBDA_REACH, _LAMBDA_LIMIT = 0.4, 0.6
"""|ln(lambda scale)| up to which a goal is sought by it at once, and in the end: size at equal score changes by at most
1 % on the average over photos/train up to 0.29, by 2 % up to 0.6."""

_STRIDE = 40.0
"""Farthest step before the goal is bracketed, in qualities."""

_SLOPE_CHANGE = 2.5
"""Most that one result may change the slope: neighbouring results say little about it."""

_APART = 4.0
"""Results nearer to each other, in qualities, say more about the judge's wavering than about the slope."""


def on_grid(quality: float) -> float:
    """The nearest quality of the grid."""
    return min(max(round(quality / QUALITY_STEP) * QUALITY_STEP, LOWEST_QUALITY), HIGHEST_QUALITY)


class Bracket:
    """Regula falsi on a rising function of quality, with the Illinois rule: an end that stays loses half its weight.

    An end is (quality, score - ``aim``); before there are two, steps follow the typical slope, then the slope seen.
    """

    def __init__(self, goal: Goal, aim: float) -> None:
        self._goal, self._aim, self._slope = goal, aim, 1.0
        self._under: tuple[float, float] | None = None
        self._over: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None

    def add(self, quality: float, score: float, *, over: bool) -> None:
        """One result. ``over``: it reaches the goal."""
        gap = score - self._aim
        stays, last = (self._under, self._over) if over else (self._over, self._under)
        if stays is not None and last is not None and last == self._last:
            stays = stays[0], stays[1] / 2
        if self._last is not None and abs(quality - self._last[0]) >= _APART:
            apart = self._goal.typical_score(quality) - self._goal.typical_score(self._last[0])
            seen = (gap - self._last[1]) / apart
            self._slope = min(max(seen, self._slope / _SLOPE_CHANGE), self._slope * _SLOPE_CHANGE)
        self._last = quality, gap
        self._under, self._over = (stays, self._last) if over else (self._last, stays)

    def next(self) -> Setting | None:
        """What to try, None where the bracket is closed."""
        low = self._under[0] if self._under else LOWEST_QUALITY - QUALITY_STEP
        high = self._over[0] if self._over else HIGHEST_QUALITY + QUALITY_STEP
        if high - low <= QUALITY_STEP:
            return None
        return Setting(min(max(on_grid(self._guess()), low + QUALITY_STEP), high - QUALITY_STEP))

    def _guess(self) -> float:
        if self._under and self._over:
            (low, below), (high, above) = self._under, self._over
            share = -below / (above - below) if above > below else 0.5
            ends = self._goal.typical_score(low), self._goal.typical_score(high)
            return self._goal.typical_quality(ends[0] + min(max(share, 0.05), 0.95) * (ends[1] - ends[0]))
        quality, gap = self._last or (HIGHEST_QUALITY, 0.0)
        step = self._goal.typical_quality(self._goal.typical_score(quality) - gap / self._slope) - quality
        return quality + math.copysign(min(abs(step), _STRIDE), step)


class LambdaScales:
    """Secant on ln(lambda scale) at one quality: the one that came nearest to the goal."""

    def __init__(self, goal: Goal) -> None:
        self._goal, self._slope = goal, 0.0
        self._quality, self._known = 0.0, list[tuple[float, float]]()

    def add(self, setting: Setting, gap: float) -> None:
        """One result: score less the one aimed at."""
        if setting.quality != self._quality:
            if self._known and min(abs(known) for _, known in self._known) <= abs(gap):
                return
            self._quality, self._known = setting.quality, []
            self._slope = self._goal.lambda_slope(setting.quality)
        self._known.append((math.log(setting.lambda_scale), gap))

    def next(self, higher: float) -> Setting | None:
        """What to try to get this much over the goal, None where lambda alone will not do."""
        if self._slope <= 0:
            return None
        at, gap = min(self._known, key=lambda known: abs(known[1]))
        limit = _LAMBDA_REACH if len(self._known) == 1 else _LAMBDA_LIMIT
        if abs(at + gap / self._seen_slope()) > limit:
            return None
        wanted = at + (gap - higher) / self._seen_slope()
        setting = Setting(self._quality, round(math.exp(min(max(wanted, -limit), limit)), 3))
        return None if any(math.isclose(setting.lambda_scale, math.exp(known)) for known, _ in self._known) else setting

    def _seen_slope(self) -> float:
        """By how much the score falls with ln(lambda scale) between the results nearest to the goal, on either side of
        it if there are any."""
        if len(self._known) == 1:
            return self._slope
        nearest, *farther = sorted(self._known, key=lambda known: abs(known[1]))
        opposite = [known for known in farther if (known[1] < 0) != (nearest[1] < 0)]
        (one, gap), (other, other_gap) = nearest, (opposite or farther)[0]
        return min(max((gap - other_gap) / (other - one), self._slope / _SLOPE_CHANGE), self._slope * _SLOPE_CHANGE)
