"""Photos for tests of the page, drawn: a landscape, a portrait that its EXIF turns, a grey picture, and a large one."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.assets.draw_sample import draw_sample, fractal_noise

ORIENTATION_TAG = 0x0112
TURNED_RIGHT = 6
"""EXIF orientation: the stored picture has to be turned by 90 degrees clockwise."""


def landscape(folder: Path) -> Path:
    """PNG, 480 x 320: mountains, meadow and hut."""
    return _saved(Image.fromarray(draw_sample()[100:420, 130:610]), folder / "landscape.png")


def portrait(folder: Path) -> Path:
    """JPEG that is shown 300 x 420 and stored 420 x 300: a head before leaves."""
    generator = np.random.default_rng(5)
    leaves = fractal_noise(generator, 420, 300, octaves=7)[..., None] * [60.0, 90.0, 50.0] + [52.0, 92.0, 50.0]
    picture = Image.fromarray(np.clip(leaves, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.5))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((40, 330, 260, 560), fill=(60, 74, 118))
    pen.rectangle((125, 260, 175, 350), fill=(206, 160, 130))
    pen.ellipse((85, 90, 215, 290), fill=(222, 178, 148))
    pen.pieslice((78, 70, 222, 260), 180, 360, fill=(62, 42, 30))
    for x in (122, 178):
        pen.ellipse((x - 12, 182, x + 12, 196), fill=(250, 248, 244))
        pen.ellipse((x - 5, 183, x + 5, 195), fill=(50, 70, 60))
    pen.arc((125, 215, 175, 255), 20, 160, fill=(150, 70, 66), width=4)
    noisy = np.asarray(picture, dtype=float) + generator.normal(0, 2, (420, 300, 3))
    stored = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = TURNED_RIGHT
    return _saved(stored, folder / "portrait.jpg", quality=96, exif=exif)


def grey(folder: Path) -> Path:
    """Grey PNG without colour channels, 360 x 300: paper with lines, and a ramp."""
    generator = np.random.default_rng(6)
    paper = 205 + 20 * fractal_noise(generator, 300, 360) + generator.normal(0, 3, (300, 360))
    paper[:, 250:] = np.linspace(20, 235, 300)[:, None]
    picture = Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for row in range(30, 280, 18):
        for start in range(24, 220, 28):
            pen.line((start, row, start + 8 + row * start % 17, row), fill=40, width=3)
    return _saved(picture, folder / "grey.png")


def large(folder: Path) -> Path:
    """JPEG of 24 megapixels, 6000 x 4000."""
    picture = Image.fromarray(draw_sample()).resize((6000, 4000), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(7).integers(-6, 7, (500, 500, 3)).astype(np.int16)
    pixels = np.asarray(picture) + np.tile(grain, (8, 12, 1))
    return _saved(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), folder / "large.jpg", quality=88)


def _saved(picture: Image.Image, path: Path, **options: object) -> Path:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG" if path.suffix == ".jpg" else "PNG", **options)
    path.write_bytes(buffer.getvalue())
    return path
