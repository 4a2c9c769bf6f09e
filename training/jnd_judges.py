"""The map judged as it will be: noise of its amplitude, seen by both teachers, with gradients down to the network.

The network sees tiles, as when it serves; the judges see the region that the tiles make up, at equal energy, so that
the network also learns how tiles of one photo share the noise. SSIMULACRA2 is differentiated itself; butteraugli is
stood for by its measured distance per luma level (``training.jnd_regions``). Energy, means and norms leave out a border
of the region, where a judge's padding hides noise: with only the judge's border left out, all noise would gather there.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.jnd import TILE
from training.config import ExperimentConfig
from training.jnd_labels import BUTTERAUGLI_POWERS
from training.jnd_protocol import ENERGIES, SSIM_C1, SSIM_C2, SSIM_WINDOW
from training.jnd_regions import MEASURED_ENERGIES, gain_at
from training.networks.fpsnet import to_luma
from training.teachers import inner, ssimulacra2

FULL_ENERGY_SHARE = 0.75
"""Steps judged at the protocol's first energy; the others at its second."""


@dataclass(frozen=True, slots=True)
class JudgeWeights:
    """What each judge's word is worth in SSIMULACRA2 points; every number is a key of ``labels`` in the YAML."""

    butteraugli_weight: float  # a fall of the 3-norm by 1 % times 100
    ssim_weight: float  # a rise of SSIM by 1
    floor_weight: float  # mean over pixels of each e-fold below the floor
    floor: float  # least amplitude, as a share of the root mean square
    ceiling_weight: float  # the same above the ceiling
    ceiling: float
    unit_weight: float  # squared logarithm of the 3-norm at gamma = 1


def judge_weights(config: ExperimentConfig) -> JudgeWeights:
    """The part of ``config.labels`` that weighs the judges. Raises: KeyError for a missing key."""
    return JudgeWeights(**{name: config.labels[f"judge_{name}"] for name in JudgeWeights.__dataclass_fields__})


def judged_loss(network: nn.Module, batch: list[Tensor], weights: JudgeWeights) -> Tensor:
    """Visibility of noise at equal energy and at the map's own level; ``batch`` as of ``MeasuredRegions``."""
    image, gains = batch
    jnd = map_of_region(network, image)
    quiet = network.training and float(torch.rand(())) > FULL_ENERGY_SHARE
    energy = ENERGIES[1] if quiet else ENERGIES[0]
    amplitude = jnd * (energy**0.5 / inner(jnd).square().mean((1, 2, 3), keepdim=True).sqrt())
    loss = noise_visibility(image, amplitude, gain_at(gains, energy), weights)
    own = three_norm(inner(jnd * gain_at(gains, MEASURED_ENERGIES[1]))).log()
    return (loss + extremes(inner(amplitude) / energy**0.5, weights) + weights.unit_weight * own.square()).mean()


def map_of_region(network: nn.Module, image: Tensor) -> Tensor:
    """Thresholds (N, 1, H, W) of regions (N, 3, H, W) of whole tiles, each tile predicted alone."""
    count, _, height, width = image.shape
    rows, columns = height // TILE, width // TILE
    tiles = image.reshape(count, 3, rows, TILE, columns, TILE).permute(0, 2, 4, 1, 3, 5).reshape(-1, 3, TILE, TILE)
    jnd: Tensor = network(tiles.contiguous(memory_format=torch.channels_last))
    return jnd.reshape(count, rows, columns, TILE, TILE).permute(0, 1, 3, 2, 4).reshape(count, 1, height, width)


def noise_visibility(image: Tensor, amplitude: Tensor, gain: Tensor, weights: JudgeWeights) -> Tensor:
    """What the judges say of noise with a random sign per pixel, alike in R, G and B: (N,), lower is less visible."""
    sign = torch.randint(0, 2, amplitude.shape, dtype=amplitude.dtype) * 2 - 1
    distorted = (image + amplitude * sign / 255).clamp(0, 1)
    structure = luma_ssim(to_luma(inner(image)), to_luma(inner(distorted)))
    seen = weights.butteraugli_weight * three_norm(inner(amplitude * gain)).log()
    return seen - ssimulacra2(image, distorted, edges="inner") - weights.ssim_weight * structure


def three_norm(distance: Tensor) -> Tensor:
    """What butteraugli_main prints as its 3-norm, of distance maps (N, 1, H, W): (N,)."""
    return torch.stack([distance.pow(power).mean((1, 2, 3)) ** (1 / power) for power in BUTTERAUGLI_POWERS]).mean(0)


def extremes(share: Tensor, weights: JudgeWeights) -> Tensor:
    """Price (N,) of amplitudes, as shares of the root mean square, below the floor and above the ceiling."""
    below = F.relu(torch.log(weights.floor / share)).mean((1, 2, 3))
    above = F.relu(torch.log(share / weights.ceiling)).mean((1, 2, 3))
    return weights.floor_weight * below + weights.ceiling_weight * above


def luma_ssim(first: Tensor, second: Tensor) -> Tensor:
    """SSIM (N,) of luma planes (N, 1, H, W), 0..255, over the valid area (Wang et al. 2004)."""
    planes = torch.cat([first, second, first * first, second * second, first * second], dim=1)
    kernel = torch.as_tensor(SSIM_WINDOW / SSIM_WINDOW.sum(), dtype=planes.dtype)
    rows = F.conv2d(planes, kernel.view(1, 1, -1, 1).expand(5, 1, -1, 1), groups=5)
    mean1, mean2, square1, square2, product = F.conv2d(
        rows, kernel.view(1, 1, 1, -1).expand(5, 1, 1, -1), groups=5
    ).chunk(5, dim=1)
    light = (2 * mean1 * mean2 + SSIM_C1) / (mean1**2 + mean2**2 + SSIM_C1)
    contrast = (2 * (product - mean1 * mean2) + SSIM_C2) / (square1 - mean1**2 + square2 - mean2**2 + SSIM_C2)
    return (light * contrast).mean((1, 2, 3))


class FrozenStatistics(nn.Module):
    """A network whose batch normalisation keeps its running statistics while it is refined: a batch is one photo."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def train(self, mode: bool = True) -> "FrozenStatistics":
        """Training mode for everything but batch normalisation."""
        super().train(mode)
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        """What ``network`` says."""
        values: Tensor = self.network(image)
        return values
