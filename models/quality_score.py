"""Global quality without a reference: Patchnet, FISH and grey maps, aggregated by a small network (Wiedemann 2018,
5.4).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.artefacts import load_model
from models.classical_metrics import luma
from models.fish import fish_map, fish_sharpness
from models.onnx_model import OnnxModel
from models.patch_quality import PATCH, tiled_patch_quality
from models.preprocess import as_rgb, pad_to_at_least
from models.types import Float32Array, Progress, Rgb8, RgbImage

# Side of the maps that the aggregation graph takes; maps of any size are brought to it by area means.
MAP_SIDE = 64
STRIDE = 4
# Photos above this many pixels are mapped at twice the stride: the maps are reduced to 64x64 in any case.
FINE_PIXELS = 1_000_000


@dataclass(frozen=True, slots=True)
class QualityScore:
    """``mos``: 0..100, higher is better. Plain means beside it: Patchnet in [0, 1]; FISH >= 0, larger is sharper."""

    mos: float
    patchnet_mean: float
    fish_mean: float
    fish: float


def predict_quality_score(
    image: RgbImage | ArrayLike,
    model: OnnxModel | None = None,
    patchnet_map: OnnxModel | None = None,
    *,
    progress: Progress | None = None,
) -> QualityScore:
    """Mean opinion score to be expected for a photo that is seen alone.

    Maps at stride 4 (8 above one megapixel), area means to 64x64, one run of the aggregation graph.
    """
    pixels = as_rgb(image)
    patchnet, fish, grey = quality_maps(pixels, patchnet_map or load_model("patchnet_map"), progress=progress)
    graph = model or load_model("quality_score")
    maps = np.stack([area_resize(values, MAP_SIDE, MAP_SIDE) for values in (patchnet, fish, grey)])
    mos = graph.run({"maps": maps[None].astype(np.float32)})["mos"]
    return QualityScore(float(mos[0]), float(patchnet.mean()), float(fish.mean()), fish_sharpness(pixels))


def quality_maps(
    pixels: Rgb8, patchnet_map: OnnxModel, *, progress: Progress | None = None
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Patchnet, FISH and grey maps of one size: a value per 64x64 window, float32; photos below 64 pixels are
    extended.
    """
    padded = pad_to_at_least(pixels, PATCH, PATCH).astype(np.uint8, copy=False)
    stride = STRIDE if padded.shape[0] * padded.shape[1] <= FINE_PIXELS else 2 * STRIDE
    patchnet = tiled_patch_quality(padded, patchnet_map, stride=stride, progress=progress)
    fish = fish_map(padded, window=PATCH, stride=stride)
    return patchnet, fish, _grey_map(padded, stride, patchnet.shape)


def _grey_map(pixels: Rgb8, stride: int, shape: tuple[int, ...]) -> Float32Array:
    """Luma in [0, 1], the mean over the ``stride`` square in the middle of each window."""
    start = (PATCH - stride) // 2
    rows, columns = shape
    middle = luma(pixels)[start : start + rows * stride, start : start + columns * stride] / 255
    return np.asarray(middle.reshape(rows, stride, columns, stride).mean((1, 3)), dtype=np.float32)


def area_resize(values: NDArray[np.floating], height: int, width: int) -> Float32Array:
    """Means of a map over a grid of (height, width) equal areas, cells counted by the share that lies inside.

    Enlarging repeats values; the mean of the map is kept either way.
    """
    rows, columns = _shares(values.shape[0], height), _shares(values.shape[1], width)
    return np.asarray(rows @ values.astype(np.float64) @ columns.T, dtype=np.float32)


def _shares(source: int, target: int) -> NDArray[np.float64]:
    """(target, source): which share of each source cell makes up a target cell; rows sum to one."""
    edges = np.arange(target + 1) * (source / target)
    cells = np.arange(source)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    return np.asarray(np.maximum(overlap, 0) * (target / source))
