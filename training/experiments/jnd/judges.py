"""The map judged as it will be: noise of its amplitude, seen by both teachers, with gradients down to the network.

The judges see a region of several tiles at equal energy, so that the network also learns how tiles of one photo share
the noise. Energy, means and norms leave out a border of the
region, where a judge's padding hides noise: with only the judge's border left out, all noise would gather there.
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
"""By how much of its 3-norm the map should stay below the plain map's."""


def judged_loss(network: nn.Module, batch: Tensor, weights: JudgeWeights) -> Tensor:
    """Visibility of noise at equal energy and at the map's own level; ``batch`` uint8 (1, B, 3, H, W), whole tiles."""
    image = batch[0].float() / 255
    jnd = network(image)
    sign = (torch.randint(0, 2, jnd.shape, device=jnd.device) * 2 - 1).to(jnd.dtype)
    quiet = network.training and float(torch.rand(())) > FULL_ENERGY_SHARE
    energy = ENERGIES[1] if quiet else ENERGIES[0]
    amplitude = at_energy(image, jnd, sign, energy)
    distorted = noisy(image, amplitude * sign)
    seen = ButteraugliReference(image)
    norm = three_norm(inner(seen.distance(distorted))).log()
    with torch.no_grad():
        plain = noisy(image, at_energy(image, plain_map(image), sign, energy) * sign)
        baseline = three_norm(inner(seen.distance(plain))).log()
    own = norm + NORM_EXPONENT * (inner(jnd).square().mean((1, 2, 3)) / energy).log() / 2
    structure = luma_ssim(to_luma(inner(image)), to_luma(inner(distorted)))
    loss = weights.butteraugli_weight * norm - weights.ssim_weight * structure
    loss = loss + weights.baseline_weight * F.relu(norm - baseline + BASELINE_MARGIN)
    loss = loss + weights.ssimulacra2_weight * (100 - ssimulacra2(image, distorted, edges="inner")).log()
    return (loss + extremes(inner(amplitude) / energy**0.5, weights) + weights.unit_weight * own.square()).mean()


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
    """Price (N,) of amplitudes, as shares of the root mean square, below the floor and above the ceiling."""
    below = F.relu(torch.log(weights.floor / share)).mean((1, 2, 3))
    above = F.relu(torch.log(share / weights.ceiling)).mean((1, 2, 3))
    return weights.floor_weight * below + weights.ceiling_weight * above
