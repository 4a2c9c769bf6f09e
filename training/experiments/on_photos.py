"""A network beside its graph on photos of several sizes.

Both go through the very function that cuts, pads and joins for the product.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from models.types import Rgb8
from training.data.photos import is_lossless, load_photo, photo_paths
from training.distort.codecs import jpeg_420
from training.run.export import disagreement, tolerated

Models = TypeVar("Models")
"""An ``OnnxModel``, or what holds several of them."""

COMPARED_SIZES = ((40, 56), (100, 333), (256, 256), (345, 500))
"""Rows and columns of the photos: smaller than any tile, as narrow, one tile, and several with a remainder."""
COMPARED_STRENGTH = 70.0  # quality 31


def compare_on_photos(
    name: str,
    data: Path,
    models: tuple[Models, Models],
    predict: Callable[[Rgb8, Rgb8, Models], ArrayLike],
) -> float:
    """Largest relative disagreement of two models behind ``predict``, on photos of ``COMPARED_SIZES``.

    ``models``: the network and its graph; ``predict``: what the product answers for a photo (and a JPEG of it) with a
    model given. Raises: ExportMismatchError above ``TOLERANCE`` (relative to 1 + |value|).
    """
    worst = 0.0
    for photo in photos_of_sizes(data):
        distorted = jpeg_420(photo, COMPARED_STRENGTH, np.random.default_rng(0))
        expected, found = (np.asarray(predict(photo, distorted, model), dtype=np.float64) for model in models)
        worst = max(worst, disagreement(found, expected))
    return tolerated(name, worst)


def photos_of_sizes(data: Path) -> list[Rgb8]:
    """The middles of lossless photos of ``val``, or of any where none is: uint8 (H, W, 3) of ``COMPARED_SIZES``."""
    paths = photo_paths(data, "val")
    paths = [path for path in paths if is_lossless(path)] or paths
    photos = []
    for index, (height, width) in enumerate(COMPARED_SIZES):
        photo = load_photo(paths[index % len(paths)])
        top, left = max(0, (photo.shape[0] - height) // 2), max(0, (photo.shape[1] - width) // 2)
        photos.append(np.ascontiguousarray(photo[top : top + height, left : left + width]))
    return photos
