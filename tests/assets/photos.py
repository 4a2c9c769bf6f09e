"""Photos drawn by formula, the same at every run, and files of them."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.types import Rgb8

SCENE_WIDTH, SCENE_HEIGHT = 96, 64
SLOW_WIDTH = 333
"""An image so wide keeps a canned ``quality-score`` busy for five seconds; see ``canned_tasks``."""


def photo(
    height: int = 96, width: int = 128, seed: int = 0, *, grain: float = 6.0, calm: int = 0, rise: float = 3.0
) -> Rgb8:
    """Colours that change smoothly, under grain: uint8 (height, width, 3).

    ``grain``: its standard deviation in levels; ``calm``: so many columns at the left have none; ``rise``: blue grows
    by one level in so many columns.
    """
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([128 + 80 * np.sin(x / 19 + y / 11), 120 + 70 * np.cos(y / 17), 90 + x / rise], axis=2)
    grains = np.random.default_rng(seed).normal(0, grain, base.shape)
    grains[:, :calm] = 0
    return (base + grains).clip(0, 255).astype(np.uint8)


def textured(height: int, width: int, seed: int = 0) -> Rgb8:
    """Grey waves under strong grain of all colours."""
    rows, columns = np.mgrid[:height, :width]
    waves: NDArray[np.float64] = 128 + 60 * np.sin(columns / 9) * np.cos(rows / 13)
    grain = np.random.default_rng(seed).normal(0, 12, (height, width, 3))
    return (waves[..., None] + grain).clip(0, 255).astype(np.uint8)


def half_textured(height: int, width: int, seed: int = 0, *, level: float = 120, deviation: float = 25) -> Rgb8:
    """Flat at the left, with grey grain at the right."""
    image = np.full((height, width, 3), level, np.float64)
    grain = np.random.default_rng(seed).normal(0, deviation, (height, width - width // 2, 1))
    image[:, width // 2 :] += grain
    return image.clip(0, 255).astype(np.uint8)


def noise(height: int, width: int, seed: int = 0, *, lowest: int = 0, highest: int = 255) -> Rgb8:
    """Nothing but noise: every level from ``lowest`` to ``highest`` is as likely."""
    return np.random.default_rng(seed).integers(lowest, highest + 1, (height, width, 3), np.uint8)


def encoded(picture: Image.Image | NDArray[Any], image_format: str, **options: Any) -> bytes:
    """A picture, or pixels, as a file of Pillow's ``image_format``."""
    buffer = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(buffer, image_format, **options)
    return buffer.getvalue()


def jpeg(picture: Image.Image | NDArray[Any], **options: Any) -> bytes:
    """A picture, or pixels, as a JPEG."""
    return encoded(picture, "JPEG", **options)


def png(picture: Image.Image | NDArray[Any], **options: Any) -> bytes:
    """A picture, or pixels, as a PNG."""
    return encoded(picture, "PNG", **options)


def through_jpeg(pixels: Rgb8, quality: int) -> Rgb8:
    """What a JPEG of that quality leaves of the pixels."""
    return np.asarray(Image.open(io.BytesIO(jpeg(pixels, quality=quality))))


def scene(width: int = SCENE_WIDTH, height: int = SCENE_HEIGHT) -> Rgb8:
    """A small colourful test picture, uint8 (height, width, 3), the same at every call."""
    rows, columns = np.mgrid[0:height, 0:width]
    ramp = np.stack(
        [columns * 255 // max(width - 1, 1), rows * 255 // max(height - 1, 1), (rows + columns) % 256], axis=-1
    )
    noise = np.random.default_rng(7).integers(-12, 13, ramp.shape)
    return np.clip(ramp + noise, 0, 255).astype(np.uint8)


def scene_jpeg(**options: Any) -> bytes:
    """A baseline JPEG of the scene."""
    return jpeg(scene(), **({"quality": 90} | options))


def scene_png(**options: Any) -> bytes:
    """A PNG of the scene."""
    return png(scene(), **options)
