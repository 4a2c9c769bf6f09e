"""The kinds of distortion, one row each, and a reproducible draw from them: one strength, one seed.

Each row names a function of ``codecs``, ``noise``, ``detail``, ``tone`` or ``local_errors`` and the strengths that make
sense for it. Which of them TID2013 holds, and under which number, says ``training.distort.tid2013``.
"""

import numpy as np
from scipy import ndimage

from models.types import Rgb8
from training.distort import codecs, detail, local_errors, noise, tone
from training.distort.pixels import round_to_bytes
from training.distort.strength import Distortion

GENERATED: tuple[Distortion, ...] = (
    Distortion("jpeg-420", codecs.jpeg_420, 4, 95),
    Distortion("jpeg-444", codecs.jpeg_444, 4, 95),
    Distortion("webp", codecs.webp, 4, 100),
    Distortion("avif", codecs.avif, 8, 95),
    Distortion("jpeg2000", codecs.jpeg2000, 6, 250),
    Distortion("blur", detail.gaussian_blur, 0.4, 5),
    Distortion("resampled", detail.resampled, 1.25, 6),
    Distortion("denoised", detail.denoised, 3, 45),
    Distortion("noisy-then-compressed", detail.noisy_then_compressed, 3, 40),
    Distortion("gaussian-noise", noise.gaussian_noise, 1.5, 30),
    Distortion("chroma-noise", noise.chroma_noise, 2, 50),
    Distortion("correlated-noise", noise.correlated_noise, 1.5, 25),
    Distortion("masked-noise", noise.masked_noise, 0.1, 2),
    Distortion("high-frequency-noise", noise.high_frequency_noise, 2, 35),
    Distortion("multiplicative-noise", noise.multiplicative_noise, 0.02, 0.4),
    Distortion("impulse-noise", noise.impulse_noise, 0.0005, 0.05),
    Distortion("comfort-noise", noise.comfort_noise, 4, 60),
    Distortion("quantised", tone.quantised, 6, 70),
    Distortion("dithered", tone.dithered, 1, 60),
    Distortion("contrast-lowered", tone.contrast_lowered, 0.05, 1.0),
    Distortion("contrast-raised", tone.contrast_raised, 0.05, 0.6),
    Distortion("saturation-lowered", tone.saturation_lowered, 0.1, 1.0),
    Distortion("mean-shifted", tone.mean_shifted, 4, 40),
    Distortion("chromatic-aberration", tone.chromatic_aberration, 0.7, 8),
    Distortion("pattern-noise", local_errors.pattern_noise, 20, 400),
    Distortion("block-errors", local_errors.block_errors(12), 10, 120),
)
"""The kinds drawn for training labels, with their ranges of strength (from hardly visible to bad, judged by PSNR 40..18
dB).
"""

ADDED: tuple[Distortion, ...] = (Distortion("varjpeg", codecs.varjpeg, 4, 90),)
"""Kinds that ``draw_distorted`` leaves out, so that its draws by seed stay what they were."""

UNSEEN: tuple[Distortion, ...] = (
    Distortion("resampled-lanczos", detail.resampled_lanczos, 0.02, 4),
    Distortion("median", detail.median_filtered, 0.02, 1.0),
    Distortion("sharpened", detail.sharpened, 0.05, 4),
    Distortion("shot-noise", noise.shot_noise, 0.8, 30),
    Distortion("gamma", tone.gamma_raised, 0.01, 1.5),
    Distortion("hue", tone.hue_turned, 1, 120),
    Distortion("warmed", tone.warmed, 0.01, 1.0),
    Distortion("vignette", tone.vignetted, 0.02, 2.0),
)
"""Kinds that no network is fitted to: figures on them say how far one can be trusted beyond what it has seen."""


def draw_distorted(pixels: Rgb8, *, seed: int, mixture_share: float = 0.15) -> tuple[Rgb8, str]:
    """A random kind at a random strength, sometimes two in a row: the distorted photo and the names of its kinds."""
    rng = np.random.default_rng(seed)
    first = GENERATED[int(rng.integers(len(GENERATED)))]
    distorted = first.apply(pixels, first.draw_strength(rng), rng)
    if rng.random() >= mixture_share:
        return distorted, first.name
    second = GENERATED[int(rng.integers(len(GENERATED)))]
    return second.apply(distorted, second.draw_strength(rng), rng), f"{first.name}+{second.name}"


def draw_local_mixture(pixels: Rgb8, *, seed: int) -> tuple[Rgb8, str]:
    """Two random kinds side by side: one where a smooth random field is high, the other elsewhere, blended between.

    Returns: the distorted photo and the names of its kinds.
    """
    rng = np.random.default_rng(seed)
    kinds = [(*GENERATED, *ADDED)[int(rng.integers(len(GENERATED) + len(ADDED)))] for _ in range(2)]
    field = ndimage.gaussian_filter(rng.standard_normal(pixels.shape[:2]), max(1.0, min(pixels.shape[:2]) / 8))
    share = 1 / (1 + np.exp(-np.clip(4 * field / max(field.std(), 1e-9), -50, 50)))[..., None]
    inside, outside = (kind.apply(pixels, kind.draw_strength(rng), rng) for kind in kinds)
    return round_to_bytes(share * inside + (1 - share) * outside), f"{kinds[0].name}|{kinds[1].name}"
