"""Full-reference score: the mean of the network over patches that show something, the classical metrics beside it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from models.errors import ImageSizesDifferError
from models.graphs.artefacts import load_model
from models.graphs.onnx_model import OnnxModel
from models.metrics.classical import psnr_db, ssim_and_ms_ssim
from models.plain_ground import content_mask
from models.preprocess import as_rgb, cut_tile, pad_to_at_least, tile_grid, to_nchw
from models.threads import in_order
from models.types import Float32Array, Progress, RgbImage

PATCH = 128
# Patches per call of the graph: bounds its memory to about 40 MB.
BATCH = 8


@dataclass(frozen=True, slots=True)
class FullReferenceScore:
    """``score``: 0..100, 100 only for identical images, higher is better. ``patch_scores``: float32 (rows, columns).

    ``psnr_db`` is infinite for identical images.
    """

    score: float
    patch_scores: Float32Array
    psnr_db: float
    ssim: float
    ms_ssim: float


def predict_full_reference_score(
    reference: RgbImage | ArrayLike,
    distorted: RgbImage | ArrayLike,
    model: OnnxModel | None = None,
    *,
    progress: Progress | None = None,
) -> FullReferenceScore:
    """Score ``distorted`` against ``reference`` (multiscale-fr-iqa.md, section II.B: the mean over 128x128 patches).

    A patch counts by the share of it that is no plain ground in the reference, so that a product's score does not hang
    on how much white is around it. Patches cover the image, the last row and column moved inwards; images below 128
    pixels are extended by reflection.
    Raises: ImageSizesDifferError if the sizes differ.
    """
    first, second = as_rgb(reference), as_rgb(distorted)
    if first.shape != second.shape:
        raise ImageSizesDifferError(f"reference is {first.shape[:2]}, distorted is {second.shape[:2]} (rows, columns)")
    graph = model or load_model("full_reference")
    wide1, wide2 = (pad_to_at_least(image, PATCH, PATCH) for image in (first, second))
    grid = tile_grid(wide1.shape[0], wide1.shape[1], PATCH)
    corners = list(grid)
    batches = [corners[start : start + BATCH] for start in range(0, len(corners), BATCH)]

    def scores_of(batch: list[tuple[int, int]]) -> Float32Array:
        inputs = {
            name: to_nchw(np.stack([cut_tile(image, corner, PATCH) for corner in batch]).astype(np.uint8, copy=False))
            for name, image in (("reference", wide1), ("distorted", wide2))
        }
        return graph.run(inputs)["score"]

    scores: list[Float32Array] = []
    for found in in_order(scores_of, batches):
        scores.append(found)
        if progress is not None:
            progress(len(scores) / len(batches))
    values = np.concatenate(scores).reshape(len(grid.rows), len(grid.columns)).astype(np.float32)
    content = content_mask(wide1)
    shares = [cut_tile(content, corner, PATCH).mean() for corner in corners]
    mean = float(np.average(values.ravel().astype(np.float64), weights=shares))
    return FullReferenceScore(mean, values, psnr_db(first, second), *ssim_and_ms_ssim(first, second))
