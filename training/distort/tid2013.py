"""TID2013's distortions, recreated: which kind stands under which number, and how strong each level is.

Levels 1..5 lie at a PSNR of 33, 30, 27, 24 and 21 dB over R, G and B (Ponomarenko et al. 2015, section 2); numbers and
names are those of its table 2. All 24 kinds are recreated. By description, without the original program, and so the
least alike: 4, 9, 12, 13, 14, 15, 18, 20, 21, 23, 24.
"""

from dataclasses import dataclass

from training.distort import codecs, detail, local_errors, noise, tone
from training.distort.strength import Apply
from training.distort.transmission import jpeg2000_transmission_errors, jpeg_transmission_errors, sparsely_sampled

PSNR_OF_LEVEL_DB = (33.0, 30.0, 27.0, 24.0, 21.0)
BLOCKS_OF_LEVEL = (40, 24, 16, 11, 8)
"""Blocks per level: the MOS of distortion 15 rise with the level, so fewer and stronger blocks stand at lower PSNR."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a TID2013 distortion is recreated: the generator and the range of strengths that is searched."""

    apply: Apply
    low: float
    high: float


TID2013: dict[int, Kind] = {
    1: Kind(noise.gaussian_noise, 0.5, 60),
    2: Kind(noise.chroma_noise, 0.5, 120),
    3: Kind(noise.correlated_noise, 0.5, 60),
    4: Kind(noise.masked_noise, 0.05, 20),
    5: Kind(noise.high_frequency_noise, 0.5, 60),
    6: Kind(noise.impulse_noise, 1e-4, 0.2),
    7: Kind(tone.quantised, 2, 120),
    8: Kind(detail.gaussian_blur, 0.2, 20),
    9: Kind(detail.denoised, 1, 150),
    10: Kind(codecs.jpeg_420, 1, 100),
    11: Kind(codecs.jpeg2000, 2, 3000),
    12: Kind(jpeg_transmission_errors, 1, 3000),
    13: Kind(jpeg2000_transmission_errors, 1, 3000),
    14: Kind(local_errors.pattern_noise, 5, 20000),
    16: Kind(tone.mean_shifted, 1, 60),
    18: Kind(tone.saturation_lowered, 0.02, 4),
    19: Kind(noise.multiplicative_noise, 0.005, 0.8),
    20: Kind(noise.comfort_noise, 1, 2000),
    21: Kind(detail.noisy_then_compressed, 1, 120),
    22: Kind(tone.dithered, 1, 128),
    23: Kind(tone.chromatic_aberration, 0.1, 40),
    24: Kind(sparsely_sampled, 0.02, 300),
}
"""Distortion number to recreation; 15 and 17 depend on the level, see ``kind_of``."""

RECREATED = tuple(sorted({*TID2013, 15, 17}))
BY_CHANCE = (12, 13)
"""Kinds of which only chance decides where they strike, so that their opinions say little of other photos."""


def kind_of(distortion: int, level: int) -> Kind:
    """The recreation of ``distortion`` (see ``RECREATED``) at ``level`` 1..5.

    Contrast (17) rises at levels 2 and 4 and falls at 1, 3 and 5, as its MOS show.
    """
    if distortion == 15:
        return Kind(local_errors.block_errors(BLOCKS_OF_LEVEL[level - 1]), 2, 250)
    if distortion == 17:
        apply = tone.contrast_raised if level in (2, 4) else tone.contrast_lowered
        return Kind(apply, 0.01, 8)
    return TID2013[distortion]
