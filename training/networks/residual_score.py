"""A bounded score that is exactly the best one where nothing changed, shared by the two full-reference networks."""

import torch
from torch import Tensor

# A chroma error counts this much of a luma error of the same size in the residual's energy; the network corrects it.
CHROMA_SHARE = 0.5
# Residual (fraction of the full range) at which a network output of zero halves the score: 15 levels, about 25 dB.
HALF_SCORE_RESIDUAL = 15 / 255
# The penalty grows with this power of the residual: people's MOS in TID2013 fall by 1/5 of the scale from 33 to 27 dB.
EXPONENT = 0.8


def bounded_quality(visibility: Tensor, residual: Tensor) -> Tensor:
    """1 / (1 + penalty), with penalty = exp(visibility) * (rms of the residual / ``HALF_SCORE_RESIDUAL``) **
    ``EXPONENT``.

    Args: ``visibility`` (N,): what a network says of how visible this residual is here, clamped to [-6, 6];
    ``residual`` (N, 3, H, W): YCbCr difference. Returns: (N,) in (0, 1]; exactly 1 if and only if the residual is zero,
    at any weights.
    """
    share = torch.tensor([1.0, CHROMA_SHARE, CHROMA_SHARE], dtype=residual.dtype, device=residual.device)
    energy = (residual.square().mean((2, 3)) * share).sum(1)
    relative = (energy / HALF_SCORE_RESIDUAL**2) ** (EXPONENT / 2)
    return 1 / (1 + torch.exp(visibility.clamp(-6.0, 6.0)) * relative)
