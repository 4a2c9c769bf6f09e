"""How much SSIMULACRA2 has to say in the full-reference score, and which score it stands for.

The labels lean to it by these lines, and so does the network itself, patch by patch: near the original an unknown kind
of distortion is then judged by SSIMULACRA2 and not by what the FC layers make of a kind they never saw.
"""

import torch
from torch import Tensor

# SSIMULACRA2 to score. TID2013's mean opinion over all kinds is a score of 69 between 40 and 45, 73 between 50 and 55,
# 77 between 65 and 75 and 83 above 85; 100 is the original in both.
SSIMULACRA2_AT, SCORE_AT = (0.0, 50.0, 65.0, 85.0, 100.0), (60.0, 70.0, 76.5, 85.0, 100.0)
# SSIMULACRA2 to its share in the score: nothing where it and people disagree most, little left to people above 50.
SHARE_AT, SHARE = (42.0, 52.0, 100.0), (0.0, 0.85, 0.85)


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
