"""Global quality without a reference: Patchnet, FISH and grey maps, aggregated by a small network (Wiedemann 2018,
5.4).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.graphs.artefacts import load_model
from models.graphs.onnx_model import OnnxModel
from models.metrics.classical import luma
from models.metrics.fish import fish_map, fish_sharpness
from models.patch_quality import PATCH, TILE_STRIDE, tiled_patch_features
from models.plain_ground import content_box
from models.preprocess import as_rgb, pad_to_at_least
from models.threads import in_order
from models.types import Float32Array, Progress, Rgb8, RgbImage

# Side of the maps that the aggregation graph takes; maps of any size are brought to it by area means.
MAP_SIDE = 32
# The thesis steps by 4 pixels; a grid that is reduced to 32x32 in any case gains nothing from three more passes.
STRIDE = TILE_STRIDE
# Of the grey map that are made at a time.
_ROWS = 64


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
    """Mean opinion score to be expected for a photo that is seen alone, of what it shows off its plain ground.

    Maps at stride 8, area means to 32x32, one run of the aggregation graph. What only the original could
    tell, a shift of mean, contrast or saturation, is not judged.
    """
    whole = as_rgb(image)
    box = content_box(whole)
    pixels = np.ascontiguousarray(whole[box.top : box.bottom, box.left : box.right])
    maps = quality_maps(pixels, patchnet_map or load_model("patchnet_map"), progress=progress)
    graph = model or load_model("quality_score")
    mos = graph.run({"maps": area_resize(maps, MAP_SIDE, MAP_SIDE)[None]})["mos"]
    return QualityScore(float(mos[0]), float(maps[0].mean()), float(maps[1].mean()), fish_sharpness(pixels))


def quality_maps(pixels: Rgb8, patchnet_map: OnnxModel, *, progress: Progress | None = None) -> Float32Array:
    """Maps (3 + F, R, C) with a value per 64x64 window: Patchnet, FISH, grey, then Patchnet's features.

    float32; R = (H - 64) // 8 + 1, C likewise; photos below 64 pixels are extended by reflection. Section 5.4 has the
    first three; the features, the averages behind Patchnet's value, are an addition.
    """
    padded = pad_to_at_least(pixels, PATCH, PATCH).astype(np.uint8, copy=False)
    patchnet, features = tiled_patch_features(padded, patchnet_map, progress=progress)
    fish = fish_map(padded, window=PATCH, stride=STRIDE)
    return np.concatenate([np.stack([patchnet, fish, _grey_map(padded, STRIDE, patchnet.shape)]), features])


def _grey_map(pixels: Rgb8, stride: int, shape: tuple[int, ...]) -> Float32Array:
    """Luma in [0, 1], the mean over the ``stride`` square in the middle of each window."""
    start = (PATCH - stride) // 2
    rows, columns = shape
    middle = pixels[start : start + rows * stride, start : start + columns * stride]

    def means(row: int) -> Float32Array:
        seen = luma(middle[row * stride : (row + _ROWS) * stride]) / 255
        return np.asarray(seen.reshape(-1, stride, columns, stride).mean((1, 3)), dtype=np.float32)

    return np.concatenate(list(in_order(means, range(0, rows, _ROWS))))


def area_resize(values: NDArray[np.floating], height: int, width: int) -> Float32Array:
    """Means of maps (..., H, W) over a grid of (height, width) equal areas, cells counted by the share that lies
    inside.

    Enlarging repeats values; the mean of a map is kept either way.
    """
    rows, columns = _shares(values.shape[-2], height), _shares(values.shape[-1], width)
    resized = np.empty((*values.shape[:-2], height, width), np.float32)
    for place in np.ndindex(values.shape[:-2]):  # a photo's 99 maps at once would be as large as the photo ten times
        resized[place] = rows @ values[place].astype(np.float64) @ columns.T
    return resized


def _shares(source: int, target: int) -> NDArray[np.float64]:
    """(target, source): which share of each source cell makes up a target cell; rows sum to one."""
    edges = np.arange(target + 1) * (source / target)
    cells = np.arange(source)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    return np.asarray(np.maximum(overlap, 0) * (target / source))
