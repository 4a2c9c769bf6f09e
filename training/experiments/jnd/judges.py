"""The map judged as it will be: noise of its amplitude, seen by both teachers, with gradients down to the network.

The judges see a region at equal energy, so that the network learns how the places of one photo share the noise. Energy,
means and norms leave out a border of the region, where a judge's padding hides noise: with only the judge's border left
out, all noise would gather there.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.experiments.jnd.config import JudgeWeights
from training.experiments.jnd.protocol import ENERGIES
from training.maths.colour import to_luma
from training.maths.ssim import luma_ssim
from training.metrics.butteraugli import ButteraugliReference, three_norm
from training.metrics.ssimulacra2 import inner, ssimulacra2
from training.networks.fpsnet_maps import CONTRAST_FLOOR, local_deviation

FULL_ENERGY_SHARE = 0.75
"""Steps judged at the protocol's first energy; the others at its second."""
NORM_EXPONENT = 1.03
"""The 3-norm grows with this power of the noise's amplitude: ln(3.14 / 1.54) / ln 2, of local deviation on Kodak at MSE
100 and 25. So what is measured at one energy tells the norm at the map's own level."""
BASELINE_MARGIN = 0.01
"""By how much of the plain map's figure the map should stay below it."""


def judged_loss(network: nn.Module, batch: Tensor, weights: JudgeWeights) -> Tensor:
    """Visibility of noise at equal energy and at the map's own level; ``batch`` uint8 (1, B, 3, H, W)."""
    image = batch[0].float() / 255
    jnd = network(image)
    sign = (torch.randint(0, 2, jnd.shape, device=jnd.device) * 2 - 1).to(jnd.dtype)
    quiet = network.training and float(torch.rand(())) > FULL_ENERGY_SHARE
    energy = ENERGIES[1] if quiet else ENERGIES[0]
    amplitude = at_energy(image, jnd, sign, energy)
    seen = ButteraugliReference(image)
    norm, missing, structure = _seen(seen, image, amplitude * sign)
    with torch.no_grad():
        plain_norm, plain_missing, _ = _seen(seen, image, at_energy(image, plain_map(image), sign, energy) * sign)
    own = norm + NORM_EXPONENT * (inner(jnd).square().mean((1, 2, 3)) / energy).log() / 2
    loss = weights.butteraugli_weight * norm + weights.ssimulacra2_weight * missing - weights.ssim_weight * structure
    loss = loss + weights.butteraugli_baseline_weight * F.relu(norm - plain_norm + BASELINE_MARGIN)
    loss = loss + weights.ssimulacra2_baseline_weight * F.relu(missing - plain_missing + BASELINE_MARGIN)
    return (loss + extremes(inner(amplitude) / energy**0.5, weights) + weights.unit_weight * own.square()).mean()


def _seen(reference: ButteraugliReference, image: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(N,) each: logarithm of the 3-norm, logarithm of what SSIMULACRA2 lacks to 100, SSIM of the luma."""
    distorted = noisy(image, noise)
    norm = three_norm(inner(reference.distance(distorted))).log()
    missing = (100 - ssimulacra2(image, distorted, edges="inner")).log()
    return norm, missing, luma_ssim(to_luma(inner(image)), to_luma(inner(distorted)))


def noisy(image: Tensor, noise: Tensor) -> Tensor:
    """``image`` (N, 3, H, W) in [0, 1] plus ``noise`` (N, 1, H, W) in luma levels, alike in R, G and B, clipped."""
    return (image + noise / 255).clamp(0, 1)


def plain_map(image: Tensor) -> Tensor:
    """Local standard deviation of the luma, the plain map to beat: (N, 1, H, W) of (N, 3, H, W) in [0, 1]."""
    return (local_deviation(to_luma(image)) ** 2 + CONTRAST_FLOOR**2).sqrt()


def at_energy(image: Tensor, jnd: Tensor, sign: Tensor, energy: float) -> Tensor:
    """``jnd`` (N, 1, H, W) scaled so that the clipped noise has the asked mean squared error, nearly.

    One correction for what is clipped: noise that white and black swallow would else be free.
    """
    amplitude = jnd * (energy / inner(jnd).square().mean((1, 2, 3), keepdim=True)).sqrt()
    kept = inner(noisy(image, amplitude * sign) - image).square().mean((1, 2, 3), keepdim=True) * 255**2
    return amplitude * (energy / kept).sqrt()


def extremes(share: Tensor, weights: JudgeWeights) -> Tensor:
    """Price (N,) of amplitudes, as shares of the root mean square, below the floor, above the ceiling, at the peak."""

    def above(limit: float) -> Tensor:
        return F.relu(torch.log(share / limit)).mean((1, 2, 3))

    below = F.relu(torch.log(weights.floor / share)).mean((1, 2, 3))
    high = weights.ceiling_weight * above(weights.ceiling) + weights.peak_weight * above(weights.peak)
    return weights.floor_weight * below + high
