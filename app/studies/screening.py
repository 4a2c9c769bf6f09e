"""Which observers of a study are left out, and why.

1. Attention: whoever missed a check. Checks look like every other trial: in one all levels equal the original, so that
   only "no difference" is right; in the other all levels show the strongest distortion, so that only the lowest levels
   are right. In a bisection, which takes seven answers, one false alarm is forgiven.
2. Outliers among those who passed, after the rule of Recommendation ITU-R BT.500 for the screening of observers: for
   each photo and JND the mean, the standard deviation S and the kurtosis of the levels; an answer 2 S or more from the
   mean, or sqrt(20) S where the kurtosis is outside 2..4, counts for the observer as P (above) or Q (below). Left out
   is who has (P + Q) / N > 0.05 and |P - Q| / (P + Q) < 0.3: often far off, and to both sides. Who is always stricter
   or always milder than others stays: that is what a study measures. The rule is applied once, not to its own result.

Two departures, because a JND study has far fewer answers per observer than the studies that the rule is made for: mean,
S and kurtosis are those of the *other* observers, or a wild answer would widen the limits that it is held to; and so
many answers have to be far off that a normal observer, off in 5 % of them, has them with a probability under 1 %. With
30 questions the plain rule leaves out 16 % of simulated observers who answer without fault, this one 0.1 %.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

FEWEST_OTHERS = 5
"""Answers of others to one question below which their spread says nothing, so that nobody counts as far off there."""
NORMAL_KURTOSIS = (2.0, 4.0)
NORMAL_DEVIATIONS = 2.0
OTHER_DEVIATIONS = math.sqrt(20)
FAR_OFF_SHARE = 0.05
ONE_SIDED = 0.3
CHANCE = 0.01


@dataclass(frozen=True, slots=True)
class Sample:
    """One observer's level, 1..101, for one question: a photo and a JND."""

    observer: str
    question: tuple[int, int]
    level: int


def outliers(samples: Iterable[Sample]) -> set[str]:
    """Observers that rule 2 leaves out."""
    by_question: defaultdict[tuple[int, int], list[Sample]] = defaultdict(list)
    answered: defaultdict[str, int] = defaultdict(int)
    for sample in samples:
        by_question[sample.question].append(sample)
        answered[sample.observer] += 1
    above: defaultdict[str, int] = defaultdict(int)
    below: defaultdict[str, int] = defaultdict(int)
    for group in by_question.values():
        for sample in group:
            low, high = _limits([other.level for other in group if other.observer != sample.observer])
            above[sample.observer] += sample.level >= high
            below[sample.observer] += sample.level <= low
    return {observer for observer, count in answered.items() if _erratic(above[observer], below[observer], count)}


def _limits(levels: list[int]) -> tuple[float, float]:
    """Levels at or beyond which an answer is far off; infinite where too few others answered, or all the same."""
    count = len(levels)
    if count < FEWEST_OTHERS:
        return -math.inf, math.inf
    mean = sum(levels) / count
    second = sum((level - mean) ** 2 for level in levels) / count
    if second == 0:
        return -math.inf, math.inf
    fourth = sum((level - mean) ** 4 for level in levels) / count
    normal = NORMAL_KURTOSIS[0] <= fourth / second**2 <= NORMAL_KURTOSIS[1]
    reach = (NORMAL_DEVIATIONS if normal else OTHER_DEVIATIONS) * math.sqrt(second * count / (count - 1))
    return mean - reach, mean + reach


def _erratic(above: int, below: int, answered: int) -> bool:
    far_off = above + below
    if far_off / answered <= FAR_OFF_SHARE or abs(above - below) / far_off >= ONE_SIDED:
        return False
    return _by_chance(far_off, answered) < CHANCE


def _by_chance(far_off: int, answered: int) -> float:
    """Probability that a normal observer is far off that often, or more often."""
    return sum(
        math.comb(answered, count) * FAR_OFF_SHARE**count * (1 - FAR_OFF_SHARE) ** (answered - count)
        for count in range(far_off, answered + 1)
    )
