"""The pixels of a JPEG of our own making."""

import io

import numpy as np
from PIL import Image

from models.types import Rgb8


def decode_jpeg(data: bytes) -> Rgb8:
    """uint8 (H, W, 3) as libjpeg-turbo decodes a JPEG, in the file's own colour space."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))
