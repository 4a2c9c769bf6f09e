"""Where distortion is invisible: the visibility threshold of every pixel, by FPSNet over overlapping tiles.

FPSNet: Xiao, "Focus-Perceptual-Semantic Full Flow Visual Redundancy Predicting for Camera Image". The focus, perceptual
and semantic maps that the paper extracts beforehand are made inside the graph, so a tile of RGB is all it takes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from models.graphs.artefacts import load_manifest, load_model
from models.graphs.onnx_model import OnnxModel
from models.preprocess import as_rgb, cut_tile, tile_grid, to_nchw
from models.threads import in_order
from models.types import Float32Array, JndMap, Progress, Rgb8, RgbImage

TILE = 256
OVERLAP = 32
"""Pixels that neighbouring tiles share and over which they are blended."""
MARGIN = 16
"""Reflected pixels around the photo: the photo's own edge is then inside a tile, as it was while training."""
LEAST = np.float32(1e-3)
"""Luma levels; every threshold is above zero."""
TYPICAL_LOG_THRESHOLD = 1.0
"""About the mean logarithm of a photo's thresholds, over ``photos/train``."""
CONTRAST_LIMITS = (0.5, 1.5)
"""Least and most stretch of a photo's map."""


@dataclass(frozen=True, slots=True)
class WholePhotoNumbers:
    """What the whole photo adds to what tiles say; with all of them 0, nothing.

    ``contrast``: stretch of the logarithms about their mean, less 1, where that mean is typical; ``level``: their shift
    there. The slopes: how both grow for each unit by which the photo's mean is above a typical one.
    """

    contrast: float = 0.0
    contrast_slope: float = 0.0
    level: float = 0.0
    level_slope: float = 0.0


def predict_jnd_map(
    image: RgbImage | ArrayLike,
    model: OnnxModel | None = None,
    *,
    whole: WholePhotoNumbers | None = None,
    progress: Progress | None = None,
) -> JndMap:
    """Visibility threshold of each pixel, in 8-bit luma levels: float32 (H, W), > 0, for any size from 1x1.

    A change of this many levels, of either sign in each pixel and the same in R, G and B, is what the teacher just
    calls invisible. ``whole``: the shipped graph has its own numbers; those of another ``model`` are 0 unless given.
    ``progress`` is called after each tile and may raise to stop.
    Raises: InvalidParameterError for anything that is no image; ModelArtefactError.
    """
    pixels = as_rgb(image)
    height, width = pixels.shape[:2]
    padded = pad_by_reflection(pixels)
    numbers = whole or (shipped_numbers() if model is None else WholePhotoNumbers())
    values = _blend_tiles(padded, model or load_model("fpsnet"), progress)
    return JndMap(adapt_to_photo(values[MARGIN : MARGIN + height, MARGIN : MARGIN + width], numbers))


def shipped_numbers() -> WholePhotoNumbers:
    """The numbers that were learned with the shipped graph. Raises: ModelArtefactError."""
    return WholePhotoNumbers(**load_manifest()["fpsnet"].contract["whole_photo"])


def adapt_to_photo(jnd: Float32Array, numbers: WholePhotoNumbers) -> Float32Array:
    """Thresholds (H, W) of a photo's tiles to its thresholds.

    At equal energy, noise in a calm photo is far above every threshold, where masking saturates, and in a busy photo
    near them: so contrast between places counts more in a busy photo (``training/networks/whole_photo.py``).
    """
    logarithm = np.log(jnd)
    mean = float(logarithm.mean(dtype=np.float64))
    above = mean - TYPICAL_LOG_THRESHOLD
    contrast = float(np.clip(1 + numbers.contrast + numbers.contrast_slope * above, *CONTRAST_LIMITS))
    level = mean + numbers.level + numbers.level_slope * above
    adapted: Float32Array = np.exp(np.float32(level) + np.float32(contrast) * (logarithm - np.float32(mean)))
    return adapted


def pad_by_reflection(pixels: Rgb8) -> Rgb8:
    """(H, W, 3) with ``MARGIN`` reflected pixels at every side, and more at bottom and right up to one tile."""
    height, width = pixels.shape[:2]
    rows, columns = (max(MARGIN, TILE - length - MARGIN) for length in (height, width))
    return np.pad(pixels, ((MARGIN, rows), (MARGIN, columns), (0, 0)), mode="symmetric")


def _blend_tiles(pixels: Rgb8, model: OnnxModel, progress: Progress | None) -> Float32Array:
    """Mean of all tiles over each pixel, weighted by a window that falls smoothly towards a tile's edge."""
    height, width = pixels.shape[:2]
    total = np.zeros((height, width), np.float32)
    weight = np.zeros((height, width), np.float32)
    window = blending_window()
    grid = tile_grid(height, width, TILE, overlap=OVERLAP)

    def thresholds(corner: tuple[int, int]) -> Float32Array:
        jnd: Float32Array = model.run({"image": to_nchw(cut_tile(pixels, corner, TILE))[None]})["jnd"][0, 0]
        return jnd

    for done, ((row, column), jnd) in enumerate(zip(grid, in_order(thresholds, grid), strict=True), start=1):
        total[row : row + TILE, column : column + TILE] += jnd * window
        weight[row : row + TILE, column : column + TILE] += window
        if progress is not None:
            progress(done / len(grid))
    values: Float32Array = np.maximum(total / weight, LEAST)
    return values


def blending_window() -> Float32Array:
    """(TILE, TILE) in (0, 1]: a raised cosine over ``OVERLAP`` pixels at each side, flat in the middle."""
    distance = np.minimum(np.arange(TILE), np.arange(TILE)[::-1]) + 0.5
    ramp = np.sin(np.minimum(distance / OVERLAP, 1) * np.pi / 2) ** 2
    return np.outer(ramp, ramp).astype(np.float32)
