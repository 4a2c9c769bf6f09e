"""Labels of the JND map: the strongest noise field that two observers still call invisible.

After Shen et al. 2020 ("Just noticeable distortion profile inference: a patch-level structural visibility learning
approach"), with teachers in place of people. On a 256x256 crop, a field of amplitudes times a random sign per pixel is
the distortion. Its *shape* is the one that both teachers see least at equal energy: SSIMULACRA2 by its gradient,
butteraugli by its own distance map, which tells how visible a unit of amplitude is at each place. Its *level* is the
strongest at which butteraugli's 3-norm is still 1, the threshold its authors calibrate to. The label is that amplitude
in luma levels.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from models.metrics.butteraugli import ButteraugliReference
from models.metrics.butteraugli_constants import NORM_POWERS
from models.types import Float32Array, Rgb8
from training.experiments.jnd.config import LabelSettings
from training.maths.colour import to_luma
from training.metrics.ssimulacra2 import srgb_to_tensor, ssimulacra2
from training.networks.fpsnet import STRIDE
from training.networks.fpsnet_maps import contrast_base, local_deviation

VISIBILITY_SIGMA = 2.0
"""Pixels over which a distance map is averaged before it is divided by the amplitude that caused it."""
LEVELS_LIMIT = (0.05, 12.0)
"""Factors on the field within which the 3-norm of 1 is looked for."""


def threshold_field(crop: Rgb8, settings: LabelSettings, seed: int) -> tuple[Float32Array, Float32Array]:
    """Label of a crop: ln(threshold / base) (H/4, W/4) and the threshold itself (H, W) in luma levels.

    ``base`` is ``fpsnet_maps.contrast_base`` of the crop. Sides are multiples of 4.
    """
    with torch.no_grad():
        base = contrast_base(local_deviation(to_luma(srgb_to_tensor(crop))))
    judge = ButteraugliReference(crop)
    log_ratio = _optimise_shape(crop, judge, base, settings, torch.Generator().manual_seed(seed))
    amplitude = _amplitude(base, log_ratio).numpy()[0, 0]
    level = invisible_level(crop, judge, amplitude, np.random.default_rng(seed))
    return log_ratio.numpy()[0, 0] + np.float32(np.log(level)), amplitude * np.float32(level)


def _amplitude(base: Tensor, log_ratio: Tensor) -> Tensor:
    return base * torch.exp(F.interpolate(log_ratio, scale_factor=STRIDE, mode="bilinear", align_corners=False))


def _optimise_shape(
    crop: Rgb8, judge: ButteraugliReference, base: Tensor, settings: LabelSettings, generator: torch.Generator
) -> Tensor:
    """ln(amplitude / base) (1, 1, H/4, W/4), up to a constant: least visible to both teachers at equal energy."""
    image = srgb_to_tensor(crop)
    log_ratio = torch.zeros(1, 1, base.shape[2] // STRIDE, base.shape[3] // STRIDE, requires_grad=True)
    optimiser = torch.optim.Adam([log_ratio], lr=settings.learning_rate)
    visibilities: list[Tensor] = []
    for iteration in range(settings.iterations):
        amplitude = _amplitude(base, log_ratio)
        amplitude = amplitude * (settings.mse**0.5 / amplitude.square().mean().sqrt())
        sign = torch.randint(0, 2, base.shape, generator=generator).float() * 2 - 1
        if iteration % settings.measure_every == 0:
            visibilities.append(_visibility(crop, judge, amplitude.detach(), sign))
        distorted = (image + amplitude * sign / 255).clamp(0, 1)
        visible = amplitude * torch.stack(visibilities).mean(0)
        norm = sum((visible**power).mean() ** (1 / power) for power in NORM_POWERS)
        assert isinstance(norm, Tensor)
        below = F.relu(torch.log(settings.floor * settings.mse**0.5 / amplitude)).mean()
        loss = settings.butteraugli_weight * norm.log() + settings.floor_weight * below
        loss = loss - ssimulacra2(image, distorted).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return log_ratio.detach()


def _visibility(crop: Rgb8, judge: ButteraugliReference, amplitude: Tensor, sign: Tensor) -> Tensor:
    """Butteraugli distance per luma level at each pixel, (1, 1, H, W)."""
    levels = amplitude[0, 0].numpy().astype(np.float64)
    distance = judge.distances(add_noise(crop, levels, sign[0, 0].numpy())).astype(np.float64)
    seen = gaussian_filter(distance**2, VISIBILITY_SIGMA) / gaussian_filter(levels**2, VISIBILITY_SIGMA)
    return torch.from_numpy(np.sqrt(seen)).float()[None, None]


def add_noise(image: Rgb8, amplitude: NDArray[np.floating], sign: NDArray[np.floating]) -> Rgb8:
    """uint8 image plus ``amplitude * sign`` (H, W), the same in R, G and B, rounded and clipped."""
    noise = np.asarray(amplitude * sign, np.float32)[..., None]
    noisy: Rgb8 = np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
    return noisy


def invisible_level(
    crop: Rgb8, judge: ButteraugliReference, amplitude: Float32Array, rng: np.random.Generator
) -> float:
    """Factor on ``amplitude`` at which the rounded noise has a butteraugli 3-norm of 1, within 2 %."""
    sign = rng.choice(np.array([-1.0, 1.0], np.float32), crop.shape[:2])
    level = 2.0 / float(np.sqrt(np.mean(amplitude**2)))
    for _ in range(5):
        norm = judge.norm(add_noise(crop, amplitude * level, sign))
        if abs(norm - 1) < 0.02:
            break
        level = float(np.clip(level / max(norm, 0.2), *LEVELS_LIMIT))
    return level
