"""TIFF files: the tags of the first page, and its samples in their own bit depth."""

import imagecodecs
import numpy as np

from models.errors import ImageTooLargeError, ImageTypeUnsupportedError, ImageUndecodableError
from models.image_files.header import ImageHeader, Raster, Samples, Space
from models.image_files.tiff_tags import ORIENTATION, Directory, read_directory

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _SUBFILE = 256, 257, 258, 262, 277, 254
_SUB_IFDS, _EXTRA_SAMPLES, _SAMPLE_FORMAT, _XMP, _EXIF_IFD, _ICC, _DNG_VERSION = 330, 338, 339, 700, 34665, 34675, 50706
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _CIELAB, _ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
_SPACES = {
    _WHITE_IS_ZERO: Space.GREY, _BLACK_IS_ZERO: Space.GREY, _RGB: Space.RGB, _PALETTE: Space.RGB, _CMYK: Space.CMYK,
    _YCBCR: Space.RGB, _CIELAB: Space.LAB, _ICCLAB: Space.LAB,
}  # fmt: skip
_CHANNELS = {Space.GREY: 1, Space.RGB: 3, Space.CMYK: 4, Space.LAB: 3}
_UNSIGNED, _FLOAT = 1, 3
_COMPRESSION, _JPEG_INSIDE = 259, (6, 7)
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_MAX_TILE_PIXELS = 64_000_000
_MAX_SAMPLES = 16
_ASSOCIATED, _UNASSOCIATED = 1, 2


def read_header(data: bytes) -> ImageHeader:
    """Size, depth and metadata of the first page.

    Raises: ImageTypeUnsupportedError for floating-point or signed samples, camera raw files and unusual colour models;
    ImageUndecodableError if the tags are damaged.
    """
    page = read_directory(data)
    width, height = page.integer(_WIDTH, 0), page.integer(_HEIGHT, 0)
    if width <= 0 or height <= 0:
        raise ImageUndecodableError("the TIFF does not say how large it is")
    _refuse_unread(data, page)
    _check_tiles(page)
    icc, xmp = page.raw(_ICC), page.raw(_XMP)
    return ImageHeader("TIFF", width, height, _bits(page), page.integer(ORIENTATION, 1), icc, None, xmp, _notes(page))


def decode(data: bytes, header: ImageHeader) -> Raster:
    """The first page; palettes and YCbCr come as RGB, a white-is-zero page is inverted."""
    page = read_directory(data)
    photometric = page.integer(_PHOTOMETRIC, _BLACK_IS_ZERO)
    if photometric in (_PALETTE, _YCBCR):
        samples = imagecodecs.tiff_decode(page.patched({ORIENTATION: 1}), asrgb=True)[:, :, :3]
        return Raster(samples, Space.RGB)
    # Called grey, CMYK samples come as stored; called CMYK they come as an RGB that ignores the profile.
    # Of JPEG inside, grey would be YCbCr; called RGB it comes as stored.
    plain = _RGB if page.integer(_COMPRESSION, 1) in _JPEG_INSIDE else _BLACK_IS_ZERO
    disguise = {_PHOTOMETRIC: plain} if photometric == _CMYK else {}
    samples = _channels_last(imagecodecs.tiff_decode(page.patched({ORIENTATION: 1} | disguise)), header)
    if photometric == _WHITE_IS_ZERO:
        samples = (2**header.bit_depth - 1) - samples
    if photometric == _CIELAB and header.bit_depth == 8:
        samples = samples ^ np.array([0, 128, 128], np.uint8)  # a*, b* signed; ICC's encoding is offset by 128
    return _with_alpha(samples, page, _SPACES[photometric], header.bit_depth)


def _bits(page: Directory) -> int:
    return page.integer(_BITS, 1)


def _refuse_unread(data: bytes, page: Directory) -> None:
    photometric = page.integer(_PHOTOMETRIC, _BLACK_IS_ZERO)
    if _DNG_VERSION in page.tags or data[8:10] == b"CR" or (page.integer(_SUBFILE, 0) & 1 and _SUB_IFDS in page.tags):
        raise ImageTypeUnsupportedError("this is a camera raw file, which is not read")
    if photometric not in _SPACES:
        raise ImageTypeUnsupportedError(f"a TIFF of photometric interpretation {photometric} is not read")
    sample_format, bits = page.integer(_SAMPLE_FORMAT, _UNSIGNED), _bits(page)
    if sample_format == _FLOAT:
        raise ImageTypeUnsupportedError("a TIFF of floating-point samples is not read: their range has no one meaning")
    if sample_format not in (_UNSIGNED, 4) or not 1 <= bits <= 16 or len(set(page.integers(_BITS))) > 1:
        raise ImageTypeUnsupportedError("a TIFF is read with unsigned samples of one depth, 1 to 16 bits")
    if _SPACES[photometric] is Space.LAB and bits != 8:
        raise ImageTypeUnsupportedError("a Lab TIFF is read with 8 bits only")


def _check_tiles(page: Directory) -> None:
    """Raises: ImageTooLargeError for tiles or samples that would take memory out of all proportion to the image."""
    tile_width, tile_height, samples = (page.integer(tag, 1) for tag in (_TILE_WIDTH, _TILE_HEIGHT, _SAMPLES))
    if tile_width * tile_height > _MAX_TILE_PIXELS or samples > _MAX_SAMPLES:
        raise ImageTooLargeError(f"a TIFF with tiles of {tile_width}x{tile_height} and {samples} samples a pixel")


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
    kind = page.integer(_EXTRA_SAMPLES, _UNASSOCIATED) if channels > colours else 0
    has_alpha = kind in (_ASSOCIATED, _UNASSOCIATED)
    if samples.ndim == 3:
        samples = samples[:, :, : colours + has_alpha]
    return Raster(samples, space, bits, has_alpha=has_alpha, premultiplied=kind == _ASSOCIATED)


def _notes(page: Directory) -> tuple[str, ...]:
    notes = ("the TIFF has more than one page; only the first is used",) if page.next_offset else ()
    return (*notes, *(("the EXIF data of a TIFF are not kept",) if _EXIF_IFD in page.tags else ()))
