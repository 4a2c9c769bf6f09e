"""What the network sees of a tile: lightness and two opponent colours, as cube roots of what eyes' cones take in.

The same formulas are ``training.networks.sur_featnet``'s in torch; compiled they take a fifth of the time.
"""

import numpy as np

from models.colour import cube_root
from models.compiled import compiled
from models.metrics.ssimulacra2 import OPSIN, OPSIN_BIAS
from models.types import Float32Array, Rgb8

LINEAR = (0.012522878, 0.682171111, 0.305306011)
"""Linear light of an sRGB value from 0 to 1 by its powers 1, 2 and 3: within 0.003, as while training."""

OPPONENT = ((0.5, 0.5, 0.0), (7.0, -7.0, 0.0), (-0.5, -0.5, 1.0))
"""Of the cube roots of opsin mixtures: Y, X and B - Y as SSIMULACRA2 sees them. In gamma-coded colours an error that
keeps the lightness of a strong red would look like one of lightness."""


def opponents(pixels: Rgb8) -> Float32Array:
    """float32 (3, H, W), Y, X and B - Y, of uint8 (H, W, 3), sRGB."""
    values = np.arange(256) / 255
    light = np.asarray(values * (LINEAR[0] + values * (LINEAR[1] + values * LINEAR[2])), np.float32)
    planes = np.empty((3, *pixels.shape[:2]), np.float32)
    _oppose(np.ascontiguousarray(pixels), light, np.array(OPSIN, np.float32), np.float32(OPSIN_BIAS), planes)
    return planes


@compiled
def _oppose(pixels: Rgb8, light: Float32Array, opsin: Float32Array, bias: np.float32, planes: Float32Array) -> None:
    width = pixels.shape[1]
    colours, cones = np.empty((3, width), np.float32), np.empty((3, width), np.float32)
    for i in range(pixels.shape[0]):
        for c in range(3):
            for j in range(width):
                colours[c, j] = light[pixels[i, j, c]]
        for c in range(3):
            red, green, blue = opsin[c, 0], opsin[c, 1], opsin[c, 2]
            for j in range(width):
                cones[c, j] = cube_root(red * colours[0, j] + green * colours[1, j] + blue * colours[2, j] + bias)
        for j in range(width):
            lightness = np.float32(0.5) * (cones[0, j] + cones[1, j])
            planes[0, i, j] = lightness
            planes[1, i, j] = np.float32(7) * (cones[0, j] - cones[1, j])
            planes[2, i, j] = cones[2, j] - lightness
