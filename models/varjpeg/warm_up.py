"""Compiling the codec's loops before the first request needs them."""

import numpy as np

from models.colour import luma
from models.jpeg.coefficients import read_coefficients
from models.jpeg.nonzeros import nonzeros_of
from models.jpeg.progressive import AcScan, coded_scan
from models.varjpeg.container import decode_varjpeg, encode_varjpeg
from models.varjpeg.photo import PreparedPhoto, Subsampling
from models.varjpeg.visibility import activity_of


def warm_up() -> None:
    """Run every compiled loop once on a tiny photo: some seconds in a fresh installation, milliseconds with a cache."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    photo = PreparedPhoto(pixels, np.ones((24, 24), np.float32))
    for subsampling in (Subsampling.HALF, Subsampling.FULL):
        coefficients = read_coefficients(photo.encode(75.0, subsampling).data)
    values = nonzeros_of(coefficients.components[0].blocks.reshape(-1, 64))
    for scan in (AcScan(1, 63, high=0, low=1), AcScan(1, 63, high=1, low=0)):  # not every file has both kinds
        coded_scan(values, scan)
    activity_of(luma(pixels))
    decode_varjpeg(encode_varjpeg(pixels, pixels[:, :, 0].astype(np.float32), quality=50))
