"""Draw the sample photo of the web page: a made-up landscape with what compression meets in real photos.

A smooth sky, fine texture (meadow), sharp edges (hut, fence), soft mountains, reflections and a little sensor noise;
the same pixels at every run. ``python tests/assets/draw_sample.py OUT.png`` writes the file.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 640, 448
HORIZON = 232
FloatArray = NDArray[np.float64]


def draw_sample() -> NDArray[np.uint8]:
    """The sample photo, uint8 (448, 640, 3), sRGB."""
    generator = np.random.default_rng(2024)
    picture = _sky(generator)
    for row, height, colour, seed in (
        (150, 95, (118, 134, 168), 11),
        (182, 70, (86, 108, 132), 12),
        (206, 44, (58, 84, 84), 13),
    ):
        picture = _ridge(picture, row, height, np.array(colour, dtype=float), np.random.default_rng(seed))
    picture = _meadow(picture, generator)
    picture = _lake(picture, generator)
    picture = np.asarray(_hut(Image.fromarray(_rounded(picture))), dtype=float)
    picture += generator.normal(0, 1.6, picture.shape)
    return _rounded(picture)


def fractal_noise(generator: np.random.Generator, height: int, width: int, *, octaves: int = 6) -> FloatArray:
    """Sum of smoothed noise at halving scales, float (height, width), about zero mean, range within [-1, 1]."""
    total = np.zeros((height, width))
    for octave in range(octaves):
        cells = 3 << octave
        coarse = generator.uniform(-1, 1, (cells, cells * width // height + 2)).astype(np.float32)
        layer = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(layer, dtype=float) / 2 ** (octave + 1)
    return total


def _rounded(picture: FloatArray) -> NDArray[np.uint8]:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _sky(generator: np.random.Generator) -> FloatArray:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    depth = np.clip(rows / HORIZON, 0, 1)[..., None]
    sky = np.array([72.0, 128.0, 196.0]) * (1 - depth) + np.array([236.0, 214.0, 188.0]) * depth
    distance = np.hypot(columns - 480, rows - 118)
    glow = np.exp(-distance / 90)[..., None] * np.array([70.0, 52.0, 18.0])
    clouds = np.clip(fractal_noise(generator, HEIGHT, WIDTH) * 1.6 - 0.15, 0, 1) * np.clip(1.2 - rows / HORIZON, 0, 1)
    with_clouds: FloatArray = sky + glow + clouds[..., None] * np.array([110.0, 90.0, 60.0])
    with_clouds[distance < 17] = [255, 246, 214]
    return with_clouds


def _ridge(
    picture: FloatArray, row: int, height: int, colour: FloatArray, generator: np.random.Generator
) -> FloatArray:
    outline = row - height * (0.35 + fractal_noise(generator, 64, WIDTH)[20])
    rows = np.arange(HEIGHT)[:, None]
    cover = np.clip(rows - outline[None, :], 0, 1)[..., None]
    shade = 1 + 0.28 * fractal_noise(generator, HEIGHT, WIDTH)[..., None]
    haze = np.clip((rows - outline[None, :]) / 160, 0, 0.5)[..., None]
    face = colour * shade * (1 - haze) + np.array([214.0, 204.0, 192.0]) * haze
    blended: FloatArray = picture * (1 - cover) + face * cover
    return blended


def _meadow(picture: FloatArray, generator: np.random.Generator) -> FloatArray:
    rows = np.arange(HEIGHT)[:, None]
    edge = HORIZON + 8 + 9 * fractal_noise(generator, 64, WIDTH)[30][None, :]
    near = np.clip((rows - edge) / (HEIGHT - HORIZON), 0, 1)
    blades = generator.normal(0, 1, (HEIGHT, WIDTH))
    blades = (blades + np.roll(blades, 1, axis=0) + np.roll(blades, 2, axis=0)) / 1.7
    patches = fractal_noise(generator, HEIGHT, WIDTH)
    light = 0.72 + 0.3 * patches + blades * (0.05 + 0.17 * near)
    grass = np.array([96.0, 128.0, 52.0]) + near[..., None] * np.array([-20.0, -14.0, -12.0])
    flowers = (generator.random((HEIGHT, WIDTH)) > 0.9955) & (near > 0.12)
    ground = grass * light[..., None]
    ground[flowers] = [226, 196, 92]
    cover = np.clip(rows - edge, 0, 1)[..., None]
    blended: FloatArray = picture * (1 - cover) + ground * cover
    return blended


def _lake(picture: FloatArray, generator: np.random.Generator) -> FloatArray:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    inside = ((columns - 130) / 168.0) ** 2 + ((rows - 306) / 33.0) ** 2 < 1 + 0.18 * fractal_noise(
        generator, HEIGHT, WIDTH
    )
    ripples = 3.2 * np.sin(rows * 1.9 + 2.5 * fractal_noise(generator, HEIGHT, WIDTH))
    mirrored = np.clip(2 * 262 - rows + ripples.astype(int), 0, HORIZON)
    water = picture[mirrored, columns] * np.array([0.72, 0.80, 0.88]) + ripples[..., None]
    return np.where(inside[..., None], water, picture)


def _hut(picture: Image.Image) -> Image.Image:
    """A wooden hut, a fence and a tree: drawn four times as large and reduced, for clean edges."""
    scale = 4
    layer = Image.new("RGBA", (WIDTH * scale, HEIGHT * scale))
    pen = ImageDraw.Draw(layer)

    def polygon(colour: tuple[int, int, int], *points: tuple[float, float]) -> None:
        pen.polygon([(x * scale, y * scale) for x, y in points], fill=(*colour, 255))

    polygon((118, 74, 48), (404, 258), (520, 258), (520, 336), (404, 336))
    for plank in range(404, 520, 8):
        polygon((88, 54, 36), (plank, 258), (plank + 1.2, 258), (plank + 1.2, 336), (plank, 336))
    polygon((150, 50, 42), (388, 262), (428, 214), (508, 214), (538, 262))
    for tile in range(219, 262, 6):
        left, right = 388 + (262 - tile) * 40 / 48, 538 - (262 - tile) * 30 / 48
        polygon((108, 34, 32), (left, tile), (right, tile), (right, tile + 1), (left, tile + 1))
    polygon((58, 40, 30), (424, 288), (450, 288), (450, 336), (424, 336))
    polygon((236, 222, 160), (474, 280), (502, 280), (502, 306), (474, 306))
    polygon((70, 46, 34), (487, 280), (489, 280), (489, 306), (487, 306))
    polygon((70, 46, 34), (474, 292), (502, 292), (502, 294), (474, 294))
    for post in range(548, 640, 15):
        polygon((206, 196, 180), (post, 318), (post + 4, 316), (post + 4, 352), (post, 354))
    polygon((206, 196, 180), (540, 326), (640, 323), (640, 327), (540, 330))
    polygon((206, 196, 180), (540, 340), (640, 337), (640, 341), (540, 344))
    polygon((62, 46, 36), (332, 236), (341, 236), (344, 340), (328, 340))
    leaves = np.random.default_rng(99)
    for x, y, shade in zip(
        leaves.normal(336, 22, 900), leaves.normal(212, 24, 900), leaves.integers(0, 60, 900), strict=True
    ):
        radius = 3.2
        box = [(x - radius) * scale, (y - radius) * scale, (x + radius) * scale, (y + radius) * scale]
        pen.ellipse(box, fill=(30 + int(shade) // 2, 66 + int(shade), 30, 255))
    shadow = layer.getchannel("A").filter(ImageFilter.GaussianBlur(3 * scale)).point(lambda value: value * 0.35)
    layer = layer.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    dark = Image.new("RGB", (WIDTH, HEIGHT), (30, 34, 22))
    picture.paste(dark, (6, 5), shadow.resize((WIDTH, HEIGHT)))
    picture.paste(layer, (0, 0), layer)
    return picture


def main() -> None:
    """Write the sample to the file named on the command line."""
    parser = argparse.ArgumentParser(description="Draw the sample photo of the web page.")
    parser.add_argument("out", type=Path)
    Image.fromarray(draw_sample()).save(parser.parse_args().out, optimize=True)


if __name__ == "__main__":
    main()
