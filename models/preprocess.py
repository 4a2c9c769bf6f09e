"""The only crop, patch, scale and padding code; training imports it too."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameterError
from models.types import Float32Array, Rgb8, RgbImage

Scalar = TypeVar("Scalar", bound=np.generic)


def as_rgb(image: RgbImage | ArrayLike) -> Rgb8:
    """Any accepted image as uint8 (H, W, 3), sRGB.

    Accepts ``RgbImage``, integer arrays 0..255 or float arrays in [0, 1], of shape (H, W), (H, W, 1) or (H, W, 3).
    Raises: InvalidParameterError for any other shape, type or range.
    """
    if isinstance(image, RgbImage):
        return image.pixels
    array = np.asarray(image)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3) or 0 in array.shape:
        raise InvalidParameterError(f"an image has shape (H, W, 3) or (H, W), not {np.shape(image)}")
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise InvalidParameterError("a float image holds finite values in [0, 1]")
        array = np.rint(array * 255)
    elif array.dtype != np.uint8 and (array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 255):
        raise InvalidParameterError(f"an integer image holds values in 0..255, dtype {array.dtype} does not fit")
    rgb = array.astype(np.uint8, copy=False)
    return np.ascontiguousarray(np.broadcast_to(rgb, (*rgb.shape[:2], 3)))


def to_nchw(pixels: Rgb8) -> Float32Array:
    """uint8 (..., H, W, 3) 0..255 to float32 (..., 3, H, W) in [0, 1]: what every graph takes."""
    return np.ascontiguousarray(np.moveaxis(pixels, -1, -3).astype(np.float32) / np.float32(255))


def pad_to_at_least(pixels: NDArray[Scalar], height: int, width: int) -> NDArray[Scalar]:
    """Extend (H, W, ...) at bottom and right by symmetric reflection until it is at least (height, width)."""
    rows, columns = max(0, height - pixels.shape[0]), max(0, width - pixels.shape[1])
    if rows == 0 and columns == 0:
        return pixels
    return np.pad(pixels, ((0, rows), (0, columns), *((0, 0) for _ in pixels.shape[2:])), mode="symmetric")


@dataclass(frozen=True, slots=True)
class TileGrid:
    """Top-left corners of square tiles that cover an image, the last row and column shifted inwards."""

    size: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((row, column) for row in self.rows for column in self.columns)


def tile_grid(height: int, width: int, size: int, *, overlap: int = 0) -> TileGrid:
    """Tiles of ``size`` pixels, neighbours sharing at least ``overlap`` pixels; both sides must be >= ``size``."""
    return TileGrid(size, _starts(height, size, overlap), _starts(width, size, overlap))


def _starts(length: int, size: int, overlap: int) -> tuple[int, ...]:
    if length < size:
        raise InvalidParameterError(f"{length} pixels hold no tile of {size}; pad first")
    count = max(1, -(-(length - overlap) // (size - overlap)))
    return tuple(round(i * (length - size) / max(1, count - 1)) for i in range(count))


def cut_tile(pixels: NDArray[Scalar], corner: tuple[int, int], size: int) -> NDArray[Scalar]:
    """The (size, size, ...) square of ``pixels`` at ``corner`` (row, column)."""
    row, column = corner
    return pixels[row : row + size, column : column + size]
