"""How much SSIMULACRA2 has to say in the full-reference score, and which score it stands for.

The labels lean to it by these lines, and so does the network itself, patch by patch: near the original an unknown kind
of distortion is then judged by SSIMULACRA2 and not by what the FC layers make of a kind they never saw.
"""

import torch
from torch import Tensor

# SSIMULACRA2 to score. TID2013's mean opinion over all kinds is a score of 69 between 40 and 45, 73 between 50 and 55,
# 77 between 65 and 75 and 83 above 85; 100 is the original in both.
SSIMULACRA2_AT, SCORE_AT = (0.0, 50.0, 65.0, 85.0, 100.0), (60.0, 72.0, 77.0, 84.5, 100.0)
# SSIMULACRA2 to its share in the score: nothing where it and people disagree most, little left to people above 50.
MOST = 0.74
SHARE_AT, SHARE = (44.0, 55.0, 100.0), (0.0, MOST, MOST)
# How far the FC layers may contradict there, in the logarithm of the penalty, before their share: TID2013's strongest
# disagreement, saturation, needs 0.65.
LARGEST_DOUBT = 1.3


def leaning_to_ssimulacra2(value: Tensor, taught: Tensor, ssimulacra2: Tensor) -> Tensor:
    """What the FC layers find (``value``) and what SSIMULACRA2 stands for (``taught``), both logarithms of a penalty:
    ``value`` where its share is none; where it is the largest, ``taught`` and a little of a bounded contradiction.
    """
    trust = share_of_ssimulacra2(ssimulacra2) / MOST
    doubt = value - taught
    bounded = LARGEST_DOUBT * torch.tanh(doubt / LARGEST_DOUBT)
    return taught + (1 - trust) * doubt + trust * (1 - MOST) * bounded


def score_of_ssimulacra2(ssimulacra2: Tensor) -> Tensor:
    """Score 0..100 that SSIMULACRA2 stands for; 100 at 100."""
    return _interpolated(ssimulacra2, SSIMULACRA2_AT, SCORE_AT)


def share_of_ssimulacra2(ssimulacra2: Tensor) -> Tensor:
    """Share 0..1 of SSIMULACRA2 in the score where it has this value."""
    return _interpolated(ssimulacra2, SHARE_AT, SHARE)


def _interpolated(values: Tensor, at: tuple[float, ...], to: tuple[float, ...]) -> Tensor:
    """Straight lines between the points, constant outside, as ``numpy.interp``."""
    found = torch.full_like(values, to[0])
    for start, end, low, high in zip(at, at[1:], to, to[1:], strict=False):
        found = found + (values.clamp(start, end) - start) * ((high - low) / (end - start))
    return found
