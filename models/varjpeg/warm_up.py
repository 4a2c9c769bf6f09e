"""Compiling the codec's loops before the first request needs them."""

import numpy as np

from models.jpeg.coefficients import read_coefficients
from models.varjpeg.container import decode_varjpeg, encode_varjpeg
from models.varjpeg.photo import PreparedPhoto, Subsampling


def warm_up() -> None:
    """Run every compiled loop once on a tiny photo: some seconds in a fresh installation, milliseconds with a cache."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    photo = PreparedPhoto(pixels, np.ones((24, 24), np.float32))
    for subsampling in (Subsampling.HALF, Subsampling.FULL):
        read_coefficients(photo.encode(75.0, subsampling).data)
    decode_varjpeg(encode_varjpeg(pixels, pixels[:, :, 0].astype(np.float32), quality=50))
