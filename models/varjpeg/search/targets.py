"""What a file can be asked to reach, and who judges it: a share of viewers, SSIMULACRA2 or butteraugli."""

import math
from collections.abc import Callable

from models.errors import InvalidParameterError
from models.metrics.butteraugli import ButteraugliReference
from models.metrics.ssimulacra2 import Ssimulacra2Reference
from models.sur.observers import ObserverProfile
from models.sur.reference import SurReference
from models.sur.tiles import Places, tile_corners
from models.types import Rgb8
from models.varjpeg.choices import Metric
from models.varjpeg.search.excerpt import cut
from models.varjpeg.search.goals import Goal, Judgement

QUALITIES = (8.0, 20.0, 36.0, 55.0, 75.0, 80.0, 83.0, 86.0, 89.0, 92.0, 97.0)
# Medians over every 24th lossless photo of photos/train at those qualities, where a search starts
# (``python -m training.codec.search_start``).
_LOG_DISTANCES = (0.69, -0.05, -0.66, -1.14, -1.86, -2.13, -2.27, -2.52, -2.75, -3.1, -4.03)
_SSIMULACRA2 = (-9.2, 37.7, 56.9, 66.8, 76.7, 79.5, 81.0, 83.3, 85.5, 87.8, 92.8)
_LOG_BUTTERAUGLI = (1.74, 1.12, 0.71, 0.45, 0.1, -0.04, -0.11, -0.26, -0.4, -0.56, -1.01)

LAMBDA_QUALITIES = (34.0, 62.0, 86.0, 94.0)
_LOG_DISTANCES_PER_LAMBDA = (0.334, 0.287, 0.186, 0.096)
_SSIMULACRA2_PER_LAMBDA = (8.4, 5.7, 2.4, 0.86)
_LOG_BUTTERAUGLI_PER_LAMBDA = (0.194, 0.166, 0.115, 0.047)
# From the same photos: how much score is lost with each e-fold of ``Setting.lambda_scale`` at those qualities.

_CLOSE_SUR = 0.009
"""A share this little over the target ends the search: observers' shares are not known better than that, and between
files of neighbouring settings the network's answer wavers by 0.004. Around 0.75 it costs about 1.5 % of the bytes."""

_CLOSE_SSIMULACRA2 = 0.3
_CLOSE_BUTTERAUGLI = 0.012
"""About what one step of libjpeg's QF changes, halved."""

JudgePixels = Callable[[Rgb8], Judgement]
"""Of decoded pixels, sRGB."""

SSIMULACRA2_RANGE = (-50.0, 100.0)
BUTTERAUGLI_RANGE = (0.05, 50.0)


class SurTarget:
    """A share of viewers who must not notice, by the siamese network and an observer profile.

    Raises: InvalidParameterError unless ``target`` lies between 0 and 1.
    """

    def __init__(self, reference: SurReference, profile: ObserverProfile, jnd: int, target: float) -> None:
        if not 0 < target < 1:
            raise InvalidParameterError(f"a share of viewers to satisfy lies between 0 and 1, not {target}")
        self._reference, self._profile, self._jnd = reference, profile, jnd
        enough = -profile.log_distance_at(target + min(_CLOSE_SUR, (1 - target) / 4), jnd)
        self.goal = _goal(
            wanted=-profile.log_distance_at(target, jnd),
            enough=enough,
            tolerable=enough,
            scores=tuple(-distance for distance in _LOG_DISTANCES),
            lambda_slopes=_LOG_DISTANCES_PER_LAMBDA,
            name=f"{target:.0%} of the viewers",
        )

    def judge(self, decoded: Rgb8) -> Judgement:
        """Score: minus ln of the predicted distance."""
        return self._judged(self._reference.log_distance(decoded))

    def excerpt(self, tiles: int) -> tuple[Places, JudgePixels] | None:
        """So many places, those that tell most, and who judges them as a photo of their own; None where that cannot
        be."""
        found = self._reference.excerpt(tiles)
        if found is None:
            return None
        places, reference = found
        return places, lambda decoded: self._judged(reference.log_distance(decoded))

    def _judged(self, distance: float) -> Judgement:
        return Judgement(-distance, sur=self._profile.satisfied_share(distance, self._jnd))


class _MetricTarget:
    """A value of a metric between two photos; ``judge_of`` a photo says it of its versions."""

    goal: Goal

    def __init__(self, pixels: Rgb8, judge_of: Callable[[Rgb8], JudgePixels]) -> None:
        self._pixels, self._judge_of, self._judge = pixels, judge_of, judge_of(pixels)

    def judge(self, decoded: Rgb8) -> Judgement:
        """Score: what rises with quality and is nearly a line between neighbouring settings."""
        return self._judge(decoded)

    def excerpt(self, tiles: int) -> tuple[Places, JudgePixels]:
        """As ``SurTarget`` has it, of places evenly spread."""
        height, width = self._pixels.shape[:2]
        places = tuple(tile_corners(height, width, tiles))
        return places, self._judge_of(cut(self._pixels, places))


class Ssimulacra2Target(_MetricTarget):
    """A value of SSIMULACRA2 that the file must reach, its score. Raises: InvalidParameterError outside its range."""

    def __init__(self, reference: Rgb8, target: float) -> None:
        _check(target, SSIMULACRA2_RANGE, "ssimulacra2")
        super().__init__(reference, _ssimulacra2_judge)
        self.goal = _goal(
            wanted=target,
            enough=target + _CLOSE_SSIMULACRA2,
            tolerable=target + 3 * _CLOSE_SSIMULACRA2,
            scores=_SSIMULACRA2,
            lambda_slopes=_SSIMULACRA2_PER_LAMBDA,
            name=f"SSIMULACRA2 {target:g}",
        )


class ButteraugliTarget(_MetricTarget):
    """A butteraugli 3-norm that the file must not exceed; score: minus its ln.

    Raises: InvalidParameterError outside its range.
    """

    def __init__(self, reference: Rgb8, target: float) -> None:
        _check(target, BUTTERAUGLI_RANGE, "butteraugli")
        super().__init__(reference, _butteraugli_judge)
        wanted = -math.log(target)
        self.goal = _goal(
            wanted=wanted,
            enough=wanted + _CLOSE_BUTTERAUGLI,
            tolerable=wanted + 3 * _CLOSE_BUTTERAUGLI,
            scores=tuple(-distance for distance in _LOG_BUTTERAUGLI),
            lambda_slopes=_LOG_BUTTERAUGLI_PER_LAMBDA,
            name=f"butteraugli {target:g}",
        )


def _ssimulacra2_judge(pixels: Rgb8) -> JudgePixels:
    reference = Ssimulacra2Reference(pixels)

    def judge(decoded: Rgb8) -> Judgement:
        score = reference.score(decoded)
        return Judgement(score, metric=score)

    return judge


def _butteraugli_judge(pixels: Rgb8) -> JudgePixels:
    reference = ButteraugliReference(pixels)

    def judge(decoded: Rgb8) -> Judgement:
        norm = reference.norm(decoded)
        return Judgement(-math.log(max(norm, 1e-6)), metric=norm)

    return judge


def _goal(
    *,
    wanted: float,
    enough: float,
    tolerable: float,
    scores: tuple[float, ...],
    lambda_slopes: tuple[float, ...],
    name: str,
) -> Goal:
    """``lambda_slopes``: at ``LAMBDA_QUALITIES``."""
    slopes = tuple(zip(LAMBDA_QUALITIES, lambda_slopes, strict=True))
    return Goal(wanted, enough, tolerable, QUALITIES, scores, slopes, name)


def _check(target: float, allowed: tuple[float, float], metric: Metric) -> None:
    if not allowed[0] <= target <= allowed[1]:
        raise InvalidParameterError(f"a target of {metric} lies in {allowed[0]:g}..{allowed[1]:g}, not {target}")
