"""Photos of a folder laid out as ``photos/train``, ``photos/val`` and ``kodak``; a source stays in one split."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import imagecodecs
import numpy as np
from PIL import Image

from models.types import Rgb8

Split = Literal["train", "val", "kodak"]
_FOLDERS: dict[str, str] = {"train": "photos/train", "val": "photos/val", "kodak": "kodak"}


_FREE = ("photo", "cid22_", "clic25_")
"""Unsplash, CC0 and CC-BY-SA; CID22 (CC BY-SA 4.0); CLIC 2025 (Unsplash)."""


ANY_USE = "weights: Apache-2.0, any use; trained on photographs of free licence alone (Unsplash, CC0, CC-BY-SA)"
"""What the manifest says of weights that learned from ``learning_paths``."""


def photo_paths(data: Path, split: Split) -> list[Path]:
    """Files of a split in a fixed order. Raises: FileNotFoundError that says what is missing."""
    folder = data / _FOLDERS[split]
    paths = sorted(path for path in folder.glob("*") if path.suffix in {".png", ".webp", ".jpg"})
    if not paths:
        raise FileNotFoundError(f"no photos in {folder}: put .png, .webp or .jpg files there")
    return paths


def learning_paths(data: Path, split: Split) -> list[Path]:
    """Those of ``photo_paths`` that weights may learn from: of ``train`` the photos of free licence alone.

    Raises: FileNotFoundError that says what is missing.
    """
    paths = photo_paths(data, split)
    if split != "train":
        return paths
    free = [path for path in paths if is_free(path)]
    if not free:
        raise FileNotFoundError(f"no photos of free licence among those of {data}: their names begin with {_FREE}")
    return free


def load_photo(path: Path) -> Rgb8:
    """uint8 (H, W, 3), sRGB; PNGs of three bytes a pixel by the decoder that takes 0.6 of Pillow's time."""
    if path.suffix == ".png":
        pixels = imagecodecs.png_decode(path.read_bytes())
        if pixels.dtype == np.uint8 and pixels.shape[2:] == (3,):
            return np.asarray(pixels)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def is_lossless(path: Path) -> bool:
    """Whether the file carries no JPEG traces of its own, so that it can stand as a pristine reference."""
    return path.suffix != ".jpg"


def is_free(path: Path) -> bool:
    """Whether a photo's licence allows any use, also by a company: what shipped weights learn from."""
    return path.name.startswith(_FREE)


def random_crops(photo: Rgb8, size: int, count: int, rng: np.random.Generator, *, grid: int = 8) -> Iterator[Rgb8]:
    """``count`` crops of (size, size, 3) whose corners lie on a ``grid``; photos smaller than ``size`` give none."""
    rows, columns = (photo.shape[0] - size) // grid, (photo.shape[1] - size) // grid
    if rows < 0 or columns < 0:
        return
    for _ in range(count):
        row, column = int(rng.integers(rows + 1)) * grid, int(rng.integers(columns + 1)) * grid
        yield photo[row : row + size, column : column + size]
