"""What passes for an untouched photo: originals differ by scale, sharpening, grain and the first save as a JPEG.

The photos of free licence are few and alike: reduced from large files, clean and lossless. What is uploaded is not, and
a score that sees one photo alone takes an unknown kind of original for a distorted one.
"""

import numpy as np
from PIL import Image

from models.types import Rgb8
from training.distort.codecs import jpeg_420, jpeg_444
from training.distort.detail import sharpened
from training.distort.noise import correlated_noise, gaussian_noise

REDUCED, SHARPENED, GRAINY, SAVED = 0.5, 0.25, 0.4, 0.4
"""How many of the originals are changed so, each by itself."""
SCALE = (0.5, 1.0)
SHARPENING = (0.1, 0.7)
GRAIN = (0.5, 3.0)
SAVED_QUALITY = (91, 98)


def as_another_camera(pixels: Rgb8, rng: np.random.Generator) -> Rgb8:
    """The photo (H, W, 3) as another camera, scanner or site would have left it; smaller where it was reduced."""
    if rng.random() < REDUCED:
        scale = rng.uniform(*SCALE)
        rows, columns = (round(side * scale) for side in pixels.shape[:2])
        pixels = np.asarray(Image.fromarray(pixels).resize((columns, rows), Image.Resampling.LANCZOS))
    if rng.random() < SHARPENED:
        pixels = sharpened(pixels, rng.uniform(*SHARPENING), rng)
    if rng.random() < GRAINY:
        grain = gaussian_noise if rng.random() < 0.5 else correlated_noise
        pixels = grain(pixels, rng.uniform(*GRAIN), rng)
    if rng.random() < SAVED:
        codec = jpeg_420 if rng.random() < 0.5 else jpeg_444
        pixels = codec(pixels, 101.0 - int(rng.integers(*SAVED_QUALITY, endpoint=True)), rng)
    return pixels
