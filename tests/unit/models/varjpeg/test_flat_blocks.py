"""Plain grounds and skies: the mean that decoders show does not wander with the quality."""

import numpy as np
import pytest

from models.jpeg.pixels import decode_jpeg
from models.metrics.butteraugli import ButteraugliReference
from models.varjpeg.photo import PreparedPhoto

QUALITIES = (80, 83, 86, 89, 90, 91, 93, 95, 98)


def on_ground(colour: tuple[int, int, int]) -> np.ndarray:
    generator = np.random.default_rng(3)
    picture = np.full((320, 320, 3), colour, np.uint8)
    picture[112:208, 112:208] = generator.integers(40, 200, (12, 12, 3)).repeat(8, 0).repeat(8, 1)
    return picture


@pytest.mark.parametrize("colour", [(230, 231, 228), (255, 255, 255), (17, 23, 41), (240, 236, 229)])
def test_a_plain_ground_gets_the_nearest_colour_that_decoders_show(colour: tuple[int, int, int]) -> None:
    photo = on_ground(colour)
    prepared = PreparedPhoto(photo)
    shown = {tuple(decode_jpeg(prepared.encode(quality).data)[8, 8].tolist()) for quality in QUALITIES}
    assert len(shown) == 1
    assert np.abs(np.array(shown.pop(), int) - colour).max() <= 1


def test_the_3_norm_rises_nowhere_with_quality() -> None:
    photo = on_ground((230, 231, 228))
    prepared, judge = PreparedPhoto(photo), ButteraugliReference(photo)
    norms = np.array([judge.norm(decode_jpeg(prepared.encode(quality).data)) for quality in QUALITIES])
    assert (norms[1:] <= 1.03 * np.minimum.accumulate(norms)[:-1]).all()
