"""What is a drawing, which a JPEG suits badly, and what the main job says of it."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from models.decode import decode_image
from models.drawings import is_drawing
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions
from tests.assets.photos import png


def text(ground: tuple[int, int, int], ink: tuple[int, int, int]) -> Image.Image:
    picture = Image.new("RGB", (320, 200), ground)
    pen = ImageDraw.Draw(picture)
    for row, size in enumerate((11, 14, 18, 24)):
        pen.text((8, 8 + 44 * row), "Sale ends 31.10. Terms on page 7.", fill=ink, font=ImageFont.load_default(size))
    return picture


def grainy_ramp(height: int, width: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    smooth = np.add.outer(np.linspace(20, 150, height), np.linspace(0, 80, width))[..., None]
    return np.clip(smooth + generator.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("colours", [((255, 255, 255), (0, 0, 0)), ((0, 40, 200), (255, 30, 30))])
def test_text_is_a_drawing(colours: tuple[tuple[int, int, int], tuple[int, int, int]]) -> None:
    assert is_drawing(np.asarray(text(*colours)))


def test_a_line_of_small_text_on_much_white_is_a_drawing() -> None:
    picture = Image.new("RGB", (600, 450), "white")
    ImageDraw.Draw(picture).text((280, 220), "Ref. 88213-B", fill=(90, 90, 90), font=ImageFont.load_default(12))
    assert is_drawing(np.asarray(picture))


def test_photos_are_none_even_on_white() -> None:
    product = np.full((600, 800, 3), 255, np.uint8)
    product[150:350, 200:500] = grainy_ramp(200, 300)
    for photo in (grainy_ramp(120, 160), product, grainy_ramp(1, 1)):
        assert not is_drawing(photo)


def test_the_answer_says_so_in_a_field_and_in_words() -> None:
    data = png(text((255, 255, 255), (0, 0, 0)), optimize=True)
    found = optimise_photo(decode_image(data), VarJpegOptions(quality=90), original=data)
    assert found.original_format_better is True
    assert any("original lossless format is the better choice" in warning for warning in found.warnings)
    if len(found.data) > len(data):
        assert any("larger than the input" in warning for warning in found.warnings)
    data = png(grainy_ramp(120, 160))
    photo = optimise_photo(decode_image(data), VarJpegOptions(quality=80), original=data)
    assert photo.original_format_better is False
    assert not photo.warnings
