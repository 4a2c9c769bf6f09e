"""TIFF files: the tags of the first page."""

from enum import IntEnum

from models.errors import ImageTooLargeError, ImageTypeUnsupportedError, ImageUndecodableError
from models.image_files.header import ImageHeader
from models.image_files.tiff_exif import exif_block, other_metadata
from models.image_files.tiff_tags import ORIENTATION, Directory, read_directory, read_next

_WIDTH, _HEIGHT, _BITS, PHOTOMETRIC, _SAMPLES, _SUBFILE = 256, 257, 258, 262, 277, 254
_SUB_IFDS, EXTRA_SAMPLES, _SAMPLE_FORMAT, _XMP, _ICC, _DNG_VERSION = 330, 338, 339, 700, 34675, 50706
COMPRESSION = 259
_UNSIGNED, _FLOAT = 1, 3
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_MAX_TILE_PIXELS = 64_000_000
_MAX_SAMPLES = 16
_THUMBNAILS = 8
"""Reduced images that may lie before the one they stand for."""


_PAGES_NOTE = "the TIFF has more than one page; only the first whole one is used"


class Photometric(IntEnum):
    """What samples mean, as far as it is read."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    CMYK = 5
    YCBCR = 6
    CIELAB = 8
    ICCLAB = 9


def read_header(data: bytes) -> ImageHeader:
    """Size, depth and metadata of the main page.

    Raises: ImageTypeUnsupportedError for floating-point or signed samples, camera raw files and unusual colour models;
    ImageUndecodableError if the tags are damaged.
    """
    _refuse_raw(data)
    number, page = main_page(data)
    width, height = page.integer(_WIDTH, 0), page.integer(_HEIGHT, 0)
    if width <= 0 or height <= 0:
        raise ImageUndecodableError("the TIFF does not say how large it is")
    _refuse_unread(page)
    _check_tiles(page)
    icc, xmp = page.raw(_ICC), page.raw(_XMP)
    orientation, exif, other = page.integer(ORIENTATION, 1), exif_block(page), other_metadata(page)
    notes = (_PAGES_NOTE,) if number or page.next_offset else ()
    return ImageHeader("TIFF", width, height, _bits(page), orientation, icc, exif, xmp, notes, other)


def _bits(page: Directory) -> int:
    return page.integer(_BITS, 1)


def main_page(data: bytes) -> tuple[int, Directory]:
    """Number and tags of the first page that is no smaller version of another, as a thumbnail says of itself; where
    all say so, of the first one. Raises: ImageUndecodableError.
    """
    first = page = read_directory(data)
    for number in range(_THUMBNAILS):
        if not page.integer(_SUBFILE, 0) & 1 and page.integer(_WIDTH, 0) > 0:
            return number, page
        following = read_next(page)
        if following is None:
            break
        page = following
    return 0, first


def _refuse_raw(data: bytes) -> None:
    first = read_directory(data)
    if (
        _DNG_VERSION in first.tags
        or data[8:10] == b"CR"
        or (first.integer(_SUBFILE, 0) & 1 and _SUB_IFDS in first.tags)
    ):
        raise ImageTypeUnsupportedError("this is a camera raw file, which is not read")


def _refuse_unread(page: Directory) -> None:
    photometric = page.integer(PHOTOMETRIC, Photometric.BLACK_IS_ZERO)
    if photometric not in set(Photometric):
        raise ImageTypeUnsupportedError(f"a TIFF of photometric interpretation {photometric} is not read")
    sample_format, bits = page.integer(_SAMPLE_FORMAT, _UNSIGNED), _bits(page)
    if sample_format == _FLOAT:
        raise ImageTypeUnsupportedError("a TIFF of floating-point samples is not read: their range has no one meaning")
    if sample_format not in (_UNSIGNED, 4) or not 1 <= bits <= 16 or len(set(page.integers(_BITS))) > 1:
        raise ImageTypeUnsupportedError("a TIFF is read with unsigned samples of one depth, 1 to 16 bits")
    if photometric in (Photometric.CIELAB, Photometric.ICCLAB) and bits != 8:
        raise ImageTypeUnsupportedError("a Lab TIFF is read with 8 bits only")


def _check_tiles(page: Directory) -> None:
    """Raises: ImageTooLargeError for tiles or samples that would take memory out of all proportion to the image."""
    tile_width, tile_height, samples = (page.integer(tag, 1) for tag in (_TILE_WIDTH, _TILE_HEIGHT, _SAMPLES))
    if tile_width * tile_height > _MAX_TILE_PIXELS or samples > _MAX_SAMPLES:
        raise ImageTooLargeError(f"a TIFF with tiles of {tile_width}x{tile_height} and {samples} samples a pixel")
