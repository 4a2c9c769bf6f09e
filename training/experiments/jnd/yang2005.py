"""The JND map of Yang et al. 2005 (nonlinear additivity model for masking), the oldest rival of FPSNet's table 1.

Yang, Lin, Lu, Ong, Yao, "Just noticeable distortion model and its applications in video coding", Signal Processing:
Image Communication 20, 2005. The weight of edges, a smoothed edge map, is computed as in the program of Wu et al. 2017
(``training.experiments.jnd.wu2017``), and so are the gradients: both use the same kernels.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate

from training.experiments.jnd.wu2017 import BACKGROUND, EDGE_KERNELS, edge_protection

TEXTURE = 0.117
"""Share of the largest gradient that texture hides, for luma."""
OVERLAP_SHARE = 0.3
"""Part of the smaller of both thresholds that is not counted again."""


def yang2005_jnd(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Thresholds (H, W) in luma levels of a luma plane (H, W), 0..255, of at least 8 pixels a side."""
    background = correlate(luma, BACKGROUND, mode="nearest")
    dark = 17 * (1 - np.sqrt(np.minimum(background, 127) / 127)) + 3
    adaptation = np.where(background <= 127, dark, 3 / 128 * (background - 127) + 3)
    gradient = np.max([np.abs(correlate(luma, kernel, mode="nearest")) for kernel in EDGE_KERNELS], axis=0)
    texture = TEXTURE * gradient * edge_protection(luma)
    return np.asarray(adaptation + texture - OVERLAP_SHARE * np.minimum(adaptation, texture))
