"""Pictures that no camera made, drawn at random: text, line art, flat colours, gradients, objects on a plain ground.

Photos/train holds few of them, and JPEG damages them otherwise than it does photos: round letters, across strong
edges of colour, in steps over smooth ramps.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from models.types import Rgb8

_WORDS = [
    "sale",
    "ends",
    "Friday",
    "while",
    "stocks",
    "last",
    "see",
    "page",
    "seven",
    "terms",
    "apply",
    "Ref",
    "88213-B",
    "new",
    "31.10.",
    "def",
    "value",
    "return",
    "module",
]


def drawn_tile(side: int, rng: np.random.Generator, photo: Rgb8) -> Rgb8:
    """uint8 (side, side, 3): one of the kinds below; ``photo``: what an object on a plain ground is cut from."""
    kinds = (_text, _lines, _shapes, _gradient, _screenshot)
    kind = int(rng.integers(len(kinds) + 1))
    return _object_on_ground(side, rng, photo) if kind == len(kinds) else kinds[kind](side, rng)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    """White, black, a grey or a strong colour, each as often."""
    kind = rng.integers(4)
    if kind == 0:
        return (255, 255, 255)
    if kind == 1:
        return (0, 0, 0)
    values = rng.integers(0, 256, 3)
    if kind == 2:
        return (int(values[0]),) * 3
    values[rng.integers(3)] = rng.integers(0, 40)
    values[rng.integers(3)] = rng.integers(200, 256)
    return (int(values[0]), int(values[1]), int(values[2]))


def _ground(side: int, rng: np.random.Generator) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (side, side), _colour(rng))
    return picture, ImageDraw.Draw(picture)


def _text(side: int, rng: np.random.Generator) -> Rgb8:
    picture, pen = _ground(side, rng)
    ink, top = _colour(rng), int(rng.integers(0, 16))
    while top < side:
        size = int(rng.integers(9, 34))
        words = " ".join(rng.choice(_WORDS, 6))
        pen.text((int(rng.integers(-40, 30)), top), words, fill=ink, font=ImageFont.load_default(size))
        top += int(1.4 * size)
    return np.asarray(picture)


def _lines(side: int, rng: np.random.Generator) -> Rgb8:
    picture, pen = _ground(side, rng)
    inks = [_colour(rng) for _ in range(3)]
    for _ in range(int(rng.integers(10, 60))):
        ends = [int(value) for value in rng.integers(-side // 2, side + side // 2, 4)]
        pen.line(ends, fill=inks[rng.integers(3)], width=int(rng.integers(1, 4)))
    return np.asarray(picture)


def _shapes(side: int, rng: np.random.Generator) -> Rgb8:
    picture, pen = _ground(side, rng)
    for _ in range(int(rng.integers(2, 14))):
        left, top = (int(value) for value in rng.integers(-40, side, 2))
        box = (left, top, left + int(rng.integers(8, 160)), top + int(rng.integers(8, 160)))
        (pen.ellipse if rng.random() < 0.5 else pen.rectangle)(box, fill=_colour(rng))
    return np.asarray(picture)


def _gradient(side: int, rng: np.random.Generator) -> Rgb8:
    """A dithered ramp or glow, dark or light, as skies and walls have."""
    down, across = np.mgrid[:side, :side] / side
    turn = rng.uniform(0, 2 * np.pi)
    ramp = down * np.cos(turn) + across * np.sin(turn)
    glow = np.exp(-((down - rng.random()) ** 2 + (across - rng.random()) ** 2) / rng.uniform(0.05, 0.6))
    field = ramp if rng.random() < 0.5 else glow
    start, change = rng.uniform(5, 220, 3), rng.uniform(-60, 60, 3)
    noise = rng.uniform(-0.5, 0.5, (side, side, 3)) + rng.normal(0, rng.choice([0.0, 0.0, 1.0, 2.5]), (side, side, 1))
    return _rounded(start + change * field[..., None] + noise)


def _screenshot(side: int, rng: np.random.Generator) -> Rgb8:
    picture, pen = _ground(side, rng)
    bar = int(rng.integers(20, 90))
    pen.rectangle((0, 0, bar, side), fill=_colour(rng))
    pen.rectangle((0, 0, side, int(rng.integers(12, 40))), fill=_colour(rng))
    inks = [_colour(rng) for _ in range(4)]
    for row in range(24, side, int(rng.integers(16, 28))):
        words = " ".join(rng.choice(_WORDS, 4))
        pen.text(
            (bar + 8, row), words, fill=inks[rng.integers(4)], font=ImageFont.load_default(int(rng.integers(10, 15)))
        )
    return np.asarray(picture)


def _object_on_ground(side: int, rng: np.random.Generator, photo: Rgb8) -> Rgb8:
    """An oval or a rectangle of a photo on one colour."""
    height, width = (int(value) for value in rng.integers(side // 4, side, 2))
    row, column = int(rng.integers(photo.shape[0] - height + 1)), int(rng.integers(photo.shape[1] - width + 1))
    cut = Image.fromarray(np.ascontiguousarray(photo[row : row + height, column : column + width]))
    mask = Image.new("L", cut.size, 255)
    if rng.random() < 0.5:
        mask = Image.new("L", cut.size, 0)
        ImageDraw.Draw(mask).ellipse((0, 0, width, height), fill=255)
    ground = (255, 255, 255) if rng.random() < 0.5 else _colour(rng)
    picture = Image.new("RGB", (side, side), ground)
    picture.paste(cut, (int(rng.integers(side - width + 1)), int(rng.integers(side - height + 1))), mask)
    return np.asarray(picture)


def _rounded(values: NDArray[np.float64]) -> Rgb8:
    return np.asarray(values.round().clip(0, 255), np.uint8)
