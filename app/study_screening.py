"""Which observers of a study are left out, and why.

1. Attention: whoever missed a check. Checks look like every other trial: in one all levels equal the original, so that
   only "no difference" is right; in the other all levels show the strongest distortion, so that only the lowest levels
   are right.
2. Outliers among those who passed, by the rule of Recommendation ITU-R BT.500 for the screening of observers: for each
   photo and JND the mean, the standard deviation S and the kurtosis of the levels; an answer 2 S or more from the mean,
   or sqrt(20) S where the kurtosis is outside 2..4, counts for the observer as P (above) or Q (below). Left out is who
   has (P + Q) / N > 0.05 and |P - Q| / (P + Q) < 0.3: often far off, and to both sides. Who is always stricter or
   always milder than others stays: that is what a study measures. The rule is applied once, not to its own result.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

FEWEST_ANSWERS = 5
"""Answers to one question below which its spread says nothing, so that nobody counts as far off there."""
NORMAL_KURTOSIS = (2.0, 4.0)
NORMAL_DEVIATIONS = 2.0
OTHER_DEVIATIONS = math.sqrt(20)
FAR_OFF_SHARE = 0.05
ONE_SIDED = 0.3


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
        low, high = _limits([sample.level for sample in group])
        for sample in group:
            above[sample.observer] += sample.level >= high
            below[sample.observer] += sample.level <= low
    return {observer for observer, count in answered.items() if _erratic(above[observer], below[observer], count)}


def _limits(levels: list[int]) -> tuple[float, float]:
    """Levels at or beyond which an answer is far off; infinite where too few answered, or all the same."""
    count = len(levels)
    mean = sum(levels) / count
    second = sum((level - mean) ** 2 for level in levels) / count
    if count < FEWEST_ANSWERS or second == 0:
        return -math.inf, math.inf
    fourth = sum((level - mean) ** 4 for level in levels) / count
    normal = NORMAL_KURTOSIS[0] <= fourth / second**2 <= NORMAL_KURTOSIS[1]
    reach = (NORMAL_DEVIATIONS if normal else OTHER_DEVIATIONS) * math.sqrt(second * count / (count - 1))
    return mean - reach, mean + reach


def _erratic(above: int, below: int, answered: int) -> bool:
    far_off = above + below
    return far_off / answered > FAR_OFF_SHARE and abs(above - below) / far_off < ONE_SIDED
