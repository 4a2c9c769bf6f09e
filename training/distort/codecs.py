"""Codecs: strength is 101 - quality, or the compression ratio for JPEG 2000."""

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from models.types import Rgb8
from models.varjpeg.container import decode_varjpeg, encode_varjpeg
from training.distort.pixels import to_ycbcr


def jpeg_420(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """libjpeg-turbo, 4:2:0, quality ``101 - strength``."""
    return _through_codec(pixels, "JPEG", quality=_quality(strength), subsampling=2)


def jpeg_444(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """libjpeg-turbo, 4:4:4, quality ``101 - strength``."""
    return _through_codec(pixels, "JPEG", quality=_quality(strength), subsampling=0)


def webp(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """libwebp, quality ``101 - strength``."""
    return _through_codec(pixels, "WEBP", quality=_quality(strength), method=2)


def avif(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """libavif, 4:2:0, quality ``101 - strength``, fastest speed, one thread."""
    return _through_codec(pixels, "AVIF", quality=_quality(strength), speed=10, max_threads=1)


def jpeg2000(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """OpenJPEG, irreversible 9/7 wavelet, compression ratio ``strength``."""
    return _through_codec(pixels, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[strength])


def varjpeg(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """VarJPEG's container at quality ``101 - strength``, its blocks steered by local contrast."""
    luma = to_ycbcr(pixels)[..., 0]
    contrast = ndimage.gaussian_filter(np.abs(luma - ndimage.gaussian_filter(luma, 4.0)), 8.0)
    steering = contrast / max(float(contrast.max()), 1e-9)
    quality = int(np.clip(round(101 - strength), 1, 99))
    return decode_varjpeg(encode_varjpeg(pixels, steering, quality=quality)).pixels


def _quality(strength: float) -> int:
    return int(np.clip(round(101 - strength), 1, 100))


def _through_codec(pixels: Rgb8, codec: str, **options: object) -> Rgb8:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, codec, **options)
    return np.asarray(Image.open(buffer).convert("RGB"))
