"""Local quality: Patchnet without a reference, DIPQA with one, both as a window that slides over the photo."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import ImageSizesDifferError, InvalidParameterError
from models.graphs.artefacts import load_model
from models.graphs.onnx_model import OnnxModel
from models.preprocess import as_rgb, pad_to_at_least, to_nchw
from models.threads import in_order
from models.types import Float32Array, PatchQualityMap, Progress, Rgb8, RgbImage

PATCH = 64
DMOS_PATCHES = (64, 128)
# Patches per call of a graph: bounds its memory to about 60 MB.
BATCH = 64
# The tiled form of Patchnet: side of a tile and distance between the patches it holds.
TILE = 256
TILE_STRIDE = 8
TILE_PATCHES = (TILE - PATCH) // TILE_STRIDE + 1


def predict_patch_quality_map(
    image: RgbImage | ArrayLike, model: OnnxModel | None = None, *, stride: int = 16, progress: Progress | None = None
) -> PatchQualityMap:
    """No-reference quality in [0, 1] of the 64x64 patch at every ``stride`` pixels; higher is better.

    Wiedemann 2018, section 5.2: the map is ((H - 64) // stride + 1, (W - 64) // stride + 1). Images below 64 pixels are
    extended by reflection. With ``model`` None the tiled graph ``patchnet_map`` runs wherever the stride allows it (8,
    or a divisor or multiple of 8); a model given is ``patchnet`` itself, run patch by patch. The two agree within 1e-4.
    Raises: InvalidParameterError if ``stride`` is below 1.
    """
    if stride < 1:
        raise InvalidParameterError(f"stride {stride} is below 1")
    pixels = _at_least(as_rgb(image), PATCH)
    if model is None and (stride % TILE_STRIDE == 0 or TILE_STRIDE % stride == 0):
        values = tiled_patch_quality(pixels, load_model("patchnet_map"), stride=stride, progress=progress)
    else:
        graph = model or load_model("patchnet")
        values = _slide((pixels,), ("patch",), "quality", graph, PATCH, stride, progress)
    return PatchQualityMap(values, PATCH, stride)


def predict_patch_dmos_map(
    reference: RgbImage | ArrayLike,
    distorted: RgbImage | ArrayLike,
    model: OnnxModel | None = None,
    *,
    patch_size: int = 64,
    stride: int | None = None,
    progress: Progress | None = None,
) -> PatchQualityMap:
    """Full-reference DMOS of every patch (dipqa.md, section 3.1.3): 5 excellent, exactly so where nothing changed, 1
    bad.

    ``patch_size``: 64 or 128; ``stride``: None steps by half a patch. Raises: ImageSizesDifferError;
    InvalidParameterError.
    """
    step = patch_size // 2 if stride is None else stride
    if patch_size not in DMOS_PATCHES or step < 1:
        raise InvalidParameterError(f"patch size {patch_size} must be 64 or 128, stride {step} at least 1")
    first, second = as_rgb(reference), as_rgb(distorted)
    if first.shape != second.shape:
        raise ImageSizesDifferError(f"reference is {first.shape[:2]}, distorted is {second.shape[:2]} (rows, columns)")
    graph = model or load_model(f"dipqa_{patch_size}")
    images = (_at_least(first, patch_size), _at_least(second, patch_size))
    values = _slide(images, ("reference", "distorted"), "dmos", graph, patch_size, step, progress)
    return PatchQualityMap(values, patch_size, step)


def tiled_patch_quality(
    pixels: Rgb8, model: OnnxModel, *, stride: int, progress: Progress | None = None
) -> Float32Array:
    """Patchnet's map by whole tiles of 256 pixels, which hold 25x25 patches 8 pixels apart.

    Strides that divide 8 (1, 2, 4) take one pass for each shift of that grid; multiples of 8 keep every n-th value.
    """
    step = math.gcd(stride, TILE_STRIDE)
    rows, columns = ((side - PATCH) // step + 1 for side in pixels.shape[:2])
    fine = np.empty((rows, columns), np.float32)
    shifts = [(row, column) for row in range(0, TILE_STRIDE, step) for column in range(0, TILE_STRIDE, step)]
    every = TILE_STRIDE // step
    for done, (row, column) in enumerate(shifts):
        if pixels.shape[0] - row < PATCH or pixels.shape[1] - column < PATCH:
            continue

        def part(fraction: float, done: int = done) -> None:
            if progress is not None:
                progress((done + fraction) / len(shifts))

        fine[row // step :: every, column // step :: every] = _one_shift(pixels[row:, column:], model, part)
    return np.ascontiguousarray(fine[:: stride // step, :: stride // step])


def tiled_patch_features(
    pixels: Rgb8, model: OnnxModel, *, progress: Progress | None = None
) -> tuple[Float32Array, Float32Array]:
    """Patchnet's quality (R, C) and the features (F, R, C) behind it of the patch at every eighth pixel.

    ``pixels``: both sides at least 64; R = (H - 64) // 8 + 1, C likewise.
    """
    rows, columns = ((side - PATCH) // TILE_STRIDE + 1 for side in pixels.shape[:2])
    quality = np.empty((rows, columns), np.float32)
    features = np.empty((0, rows, columns), np.float32)
    corners = _tile_corners(rows, columns)
    tiles = in_order(lambda corner: model.run({"tile": _tile_at(pixels, *corner)}), corners)
    for done, ((row, column), found) in enumerate(zip(corners, tiles, strict=True), start=1):
        if not features.size:
            features = np.empty((found["features"].shape[1], rows, columns), np.float32)
        height, width = min(TILE_PATCHES, rows - row), min(TILE_PATCHES, columns - column)
        quality[row : row + height, column : column + width] = found["quality"][0, :height, :width]
        features[:, row : row + height, column : column + width] = found["features"][0, :, :height, :width]
        if progress is not None:
            progress(done / len(corners))
    return quality, features


def _one_shift(pixels: Rgb8, model: OnnxModel, progress: Progress) -> Float32Array:
    """Values at every eighth pixel of an image of at least 64 pixels; tiles step by 25 patches, the last ones
    padded.
    """
    rows, columns = ((side - PATCH) // TILE_STRIDE + 1 for side in pixels.shape[:2])
    values = np.empty((rows, columns), np.float32)
    corners = _tile_corners(rows, columns)
    tiles = in_order(lambda corner: model.run({"tile": _tile_at(pixels, *corner)})["quality"][0], corners)
    for done, ((row, column), found) in enumerate(zip(corners, tiles, strict=True), start=1):
        target = values[row : row + TILE_PATCHES, column : column + TILE_PATCHES]
        target[:] = found[: target.shape[0], : target.shape[1]]
        progress(done / len(corners))
    return values


def _tile_corners(rows: int, columns: int) -> list[tuple[int, int]]:
    return [(row, column) for row in range(0, rows, TILE_PATCHES) for column in range(0, columns, TILE_PATCHES)]


def _tile_at(pixels: Rgb8, row: int, column: int) -> Float32Array:
    """The tile whose first patch is number (``row``, ``column``), extended at the photo's ends: (1, 3, 256, 256)."""
    tile = pixels[row * TILE_STRIDE :, column * TILE_STRIDE :][:TILE, :TILE]
    return to_nchw(_at_least(tile, TILE)[None])


def _slide(
    images: tuple[Rgb8, ...],
    names: tuple[str, ...],
    output: str,
    model: OnnxModel,
    patch: int,
    stride: int,
    progress: Progress | None,
) -> Float32Array:
    """Run a graph on every window of images of one size, in batches of ``BATCH``."""
    rows, columns = ((side - patch) // stride + 1 for side in images[0].shape[:2])
    corners = [(row * stride, column * stride) for row in range(rows) for column in range(columns)]
    values: list[Float32Array] = []

    def judged(batch: list[tuple[int, int]]) -> Float32Array:
        windows = zip(names, images, strict=True)
        return model.run({name: to_nchw(_windows(image, batch, patch)) for name, image in windows})[output]

    for found in in_order(judged, _chunks(corners)):
        values.append(found)
        if progress is not None:
            progress(min(1.0, len(values) * BATCH / len(corners)))
    return np.concatenate(values).reshape(rows, columns).astype(np.float32, copy=False)


def _chunks(corners: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    return (corners[start : start + BATCH] for start in range(0, len(corners), BATCH))


def _windows(image: Rgb8, corners: list[tuple[int, int]], patch: int) -> NDArray[np.uint8]:
    return np.stack([image[row : row + patch, column : column + patch] for row, column in corners])


def _at_least(pixels: Rgb8, side: int) -> Rgb8:
    return pad_to_at_least(pixels, side, side).astype(np.uint8, copy=False)
