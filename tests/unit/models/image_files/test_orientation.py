"""Photos are shown upright, and say so afterwards."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from models.decode import apply_orientation, decode_image
from tests.assets.photos import encoded, scene

ORIENTATION = 0x0112


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once_and_reset(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x010F] = "Maker"
    data = encoded(scene(), "PNG", exif=exif)
    image = decode_image(data)
    with Image.open(io.BytesIO(data)) as opened:
        np.testing.assert_array_equal(image.pixels, np.asarray(ImageOps.exif_transpose(opened)))
    assert image.exif is not None
    kept = Image.Exif()
    kept.load(image.exif)
    assert (kept[ORIENTATION], kept[0x010F]) == (1, "Maker")


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_orientation_is_read_in_every_format(image_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    smooth = np.repeat(np.repeat(scene(12, 8), 8, axis=0), 8, axis=1)
    image = decode_image(encoded(smooth, image_format, exif=exif, quality=95))
    expected = apply_orientation(smooth, orientation)
    assert image.pixels.shape == expected.shape
    assert np.abs(image.pixels.astype(int) - expected).mean() < 4


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_reported(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = decode_image(encoded(scene(), "JPEG", exif=exif))
    assert image.pixels.shape == scene().shape
    assert any("orientation" in warning for warning in image.warnings)


def test_xmp_orientation_is_reset_too() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    image = decode_image(encoded(scene(), "JPEG", xmp=xmp))
    assert image.xmp == xmp.replace(b'"6"', b'"1"')
