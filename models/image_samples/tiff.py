"""Samples of the main page of a TIFF, in their own bit depth."""

import imagecodecs
import numpy as np

from models.errors import ImageUndecodableError
from models.image_files.header import ImageHeader
from models.image_files.tiff import COMPRESSION, EXTRA_SAMPLES, PHOTOMETRIC, Photometric, main_page
from models.image_files.tiff_tags import ORIENTATION, Directory
from models.image_samples.raster import Raster, Samples, Space

_SPACES = {
    Photometric.WHITE_IS_ZERO: Space.GREY,
    Photometric.BLACK_IS_ZERO: Space.GREY,
    Photometric.RGB: Space.RGB,
    Photometric.CMYK: Space.CMYK,
    Photometric.CIELAB: Space.LAB,
    Photometric.ICCLAB: Space.LAB,
}
_CHANNELS = {Space.GREY: 1, Space.RGB: 3, Space.CMYK: 4, Space.LAB: 3}
_JPEG_INSIDE = (6, 7)
_ASSOCIATED, _UNASSOCIATED = 1, 2


def decode(data: bytes, header: ImageHeader) -> Raster:
    """The main page; palettes and YCbCr come as RGB, a white-is-zero page is inverted."""
    number, page = main_page(data)
    photometric = page.integer(PHOTOMETRIC, Photometric.BLACK_IS_ZERO)
    if photometric in (Photometric.PALETTE, Photometric.YCBCR):
        samples = imagecodecs.tiff_decode(page.patched({ORIENTATION: 1}), number, asrgb=True)[:, :, :3]
        return Raster(samples, Space.RGB)
    # Called grey, CMYK samples come as stored; called CMYK they come as an RGB that ignores the profile.
    # Of JPEG inside, grey would be YCbCr; called RGB it comes as stored.
    plain = Photometric.RGB if page.integer(COMPRESSION, 1) in _JPEG_INSIDE else Photometric.BLACK_IS_ZERO
    disguise = {PHOTOMETRIC: plain} if photometric == Photometric.CMYK else {}
    samples = _channels_last(imagecodecs.tiff_decode(page.patched({ORIENTATION: 1} | disguise), number), header)
    if photometric == Photometric.WHITE_IS_ZERO:
        samples = (2**header.bit_depth - 1) - samples
    if photometric == Photometric.CIELAB and header.bit_depth == 8:
        samples = samples ^ np.array([0, 128, 128], np.uint8)  # a*, b* signed; ICC's encoding is offset by 128
    return _with_alpha(samples, page, _SPACES[Photometric(photometric)], header.bit_depth)


def _channels_last(samples: Samples, header: ImageHeader) -> Samples:
    """(H, W, C) also from separate planes, and 0 and 1 in place of false and true."""
    if samples.dtype == np.bool_:
        samples = samples.astype(np.uint8)
    if samples.ndim == 3 and samples.shape[:2] != (header.height, header.width):
        return np.moveaxis(samples, 0, -1)
    return samples


def _with_alpha(samples: Samples, page: Directory, space: Space, bits: int) -> Raster:
    """Drop channels that are neither colour nor alpha; four RGB samples without a word about the fourth mean alpha."""
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    colours = _CHANNELS[space]
    if channels < colours:
        raise ImageUndecodableError(f"the TIFF has {channels} samples a pixel, too few for {space.value}")
    kind = page.integer(EXTRA_SAMPLES, _UNASSOCIATED) if channels > colours else 0
    has_alpha = kind in (_ASSOCIATED, _UNASSOCIATED)
    if samples.ndim == 3:
        samples = samples[:, :, : colours + has_alpha]
    return Raster(samples, space, bits, has_alpha=has_alpha, premultiplied=kind == _ASSOCIATED)
