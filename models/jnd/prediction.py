"""Where distortion is invisible: the visibility threshold of every pixel, by FPSNet over the whole photo.

FPSNet: Xiao, "Focus-Perceptual-Semantic Full Flow Visual Redundancy Predicting for Camera Image". The focus, perceptual
and semantic maps that the paper extracts beforehand are made inside the graph, so a photo is all it takes.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.graphs.artefacts import load_model
from models.graphs.onnx_model import OnnxModel
from models.jnd.feature_maps import feature_maps
from models.plain_ground import Box, content_boxes
from models.preprocess import as_rgb, to_nchw
from models.types import Float32Array, JndMap, Progress, Rgb8, RgbImage

Places = NDArray[np.int64]

SIDES = 32
"""The graph takes sides that are multiples of it."""
MARGIN = 48
"""Reflected pixels around the photo, as while training: the photo's own edge is then inside."""
AT_ONCE = 1_500_000
"""Pixels, margin included, that are seen at once; a larger photo is seen in parts, for memory."""
PART, OVERLAP = 1216, 192
"""Most rows and columns of a part, and how many of them its neighbour sees too."""
BLIND = 64
"""Pixels at a part's edge that are not taken from it: what the network misses there lies nearer than that."""
SAMPLE, SAMPLES = 320, 16
"""Side and number of squares from which the means over a large photo are taken."""
LEAST = np.float32(1e-3)
"""Luma levels; every threshold is above zero."""


def predict_jnd_map(
    image: RgbImage | ArrayLike,
    model: OnnxModel | None = None,
    *,
    part: OnnxModel | None = None,
    progress: Progress | None = None,
) -> JndMap:
    """Visibility threshold of each pixel, in 8-bit luma levels: float32 (H, W), > 0, for any size from 1x1.

    A change of this many levels, of either sign in each pixel and the same in R, G and B, is what the teacher just
    calls invisible. ``model`` sees a photo, ``part`` a part of it with what ``model`` found the means over the photo to
    be; the shipped graphs by default. Plain ground has no say in these means, so that an object's thresholds are the
    same on any. ``progress`` is called after each part and may raise to stop.
    Raises: InvalidParameterError for anything that is no image; ModelArtefactError.
    """
    pixels = as_rgb(image)
    height, width = pixels.shape[:2]
    rows, columns = (reflected(side) for side in (height, width))
    whole = model or load_model("fpsnet")
    shown = content_boxes(pixels)
    if len(rows) * len(columns) <= AT_ONCE and shown[0].area == height * width:
        values = whole.run(graph_inputs(_taken(pixels, rows, columns)))["jnd"][0, 0]
        if progress is not None:
            progress(1.0)
    else:
        means = photo_means(pixels, shown, whole)
        values = _by_parts(pixels, rows, columns, means, part or load_model("fpsnet_part"), progress)
    return JndMap(np.maximum(values[MARGIN : MARGIN + height, MARGIN : MARGIN + width], LEAST))


def pad_by_reflection(pixels: Rgb8) -> Rgb8:
    """(H, W, 3) with ``MARGIN`` reflected pixels at every side, and more at bottom and right up to ``SIDES``."""
    return _taken(pixels, *(reflected(side) for side in pixels.shape[:2]))


def reflected(side: int) -> Places:
    """Which row, or column, of a photo lies at each one of the padded photo."""
    return np.pad(np.arange(side), (MARGIN, MARGIN + -(side + 2 * MARGIN) % SIDES), mode="symmetric")


def _taken(pixels: Rgb8, rows: Places, columns: Places) -> Rgb8:
    return pixels[rows].take(columns, axis=1)


def _by_parts(
    pixels: Rgb8, rows: Places, columns: Places, means: Float32Array, part: OnnxModel, progress: Progress | None
) -> Float32Array:
    """Thresholds of the padded photo, which is never there as a whole."""
    values = np.zeros((len(rows), len(columns)), np.float32)
    bands, stacks = spans(len(rows)), spans(len(columns))
    for band, (down, share_down) in enumerate(bands):
        for stack, (across, share_across) in enumerate(stacks, start=1):
            seen = _taken(pixels, rows[down], columns[across])
            jnd = part.run({"means": means} | graph_inputs(seen))["jnd"][0, 0]
            jnd *= share_down[:, None]
            jnd *= share_across
            values[down, across] += jnd
            if progress is not None:
                progress((band * len(stacks) + stack) / (len(bands) * len(stacks)))
    return values


def graph_inputs(pixels: Rgb8) -> dict[str, Float32Array]:
    """What both graphs take of a photo, or of a part of one."""
    return {"image": to_nchw(pixels)[None], **feature_maps(pixels).as_inputs()}


def spans(length: int) -> list[tuple[slice, Float32Array]]:
    """Parts of one direction with the weights of their pixels, which add up to one at each pixel of the photo.

    They start at multiples of ``SIDES``, so that all parts look at the same blocks of pixels.
    """
    count = max(1, math.ceil((length - OVERLAP) / (PART - OVERLAP)))
    size = math.ceil((length + (count - 1) * OVERLAP) / count / SIDES) * SIDES
    starts = [round(part * (length - size) / max(1, count - 1) / SIDES) * SIDES for part in range(count)]
    slices = [slice(start, start + size) for start in starts]
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
    window = np.clip((distance - BLIND) / (OVERLAP - 2 * BLIND), 1e-6, 1)
    total = np.zeros(length)
    for seen in slices:
        total[seen] += window
    return [(seen, np.asarray(window / total[seen], np.float32)) for seen in slices]


def photo_means(pixels: Rgb8, shown: list[Box], whole: OnnxModel) -> Float32Array:
    """Means (1, M) that the network takes over the parts of a photo that are no plain ground, by their areas."""
    found = [_means(pixels[box.top : box.bottom, box.left : box.right], whole) for box in shown]
    return np.asarray(np.average(found, axis=0, weights=[box.area for box in shown]), np.float32)


def _means(pixels: Rgb8, whole: OnnxModel) -> Float32Array:
    """Of a padded photo as a whole, or from squares spread evenly over it if these are less."""
    rows, columns = (reflected(side) for side in pixels.shape[:2])
    if len(rows) * len(columns) <= SAMPLES * SAMPLE**2:
        return whole.run(graph_inputs(_taken(pixels, rows, columns)))["means"]
    count = int(SAMPLES**0.5)
    spots = [
        np.linspace(0, max(0, len(places) - SAMPLE) // SIDES, count).round().astype(int) * SIDES
        for places in (rows, columns)
    ]
    squares = (
        _taken(pixels, rows[row : row + SAMPLE], columns[column : column + SAMPLE])
        for row in spots[0]
        for column in spots[1]
    )
    taken = [whole.run(graph_inputs(square))["means"] for square in squares]
    return np.asarray(np.mean(taken, axis=0), np.float32)
