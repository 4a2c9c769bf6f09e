"""TIFF files: the tags of the first page."""

from enum import IntEnum

from models.errors import ImageTooLargeError, ImageTypeUnsupportedError, ImageUndecodableError
from models.image_files.header import ImageHeader
from models.image_files.tiff_exif import exif_block, other_metadata
from models.image_files.tiff_tags import ORIENTATION, Directory, read_directory

_WIDTH, _HEIGHT, _BITS, PHOTOMETRIC, _SAMPLES, _SUBFILE = 256, 257, 258, 262, 277, 254
_SUB_IFDS, EXTRA_SAMPLES, _SAMPLE_FORMAT, _XMP, _ICC, _DNG_VERSION = 330, 338, 339, 700, 34675, 50706
COMPRESSION = 259
_UNSIGNED, _FLOAT = 1, 3
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_MAX_TILE_PIXELS = 64_000_000
_MAX_SAMPLES = 16


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
    orientation, exif, other = page.integer(ORIENTATION, 1), exif_block(page), other_metadata(page)
    return ImageHeader("TIFF", width, height, _bits(page), orientation, icc, exif, xmp, _notes(page), other)


def _bits(page: Directory) -> int:
    return page.integer(_BITS, 1)


def _refuse_unread(data: bytes, page: Directory) -> None:
    photometric = page.integer(PHOTOMETRIC, Photometric.BLACK_IS_ZERO)
    if _DNG_VERSION in page.tags or data[8:10] == b"CR" or (page.integer(_SUBFILE, 0) & 1 and _SUB_IFDS in page.tags):
        raise ImageTypeUnsupportedError("this is a camera raw file, which is not read")
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


def _notes(page: Directory) -> tuple[str, ...]:
    return ("the TIFF has more than one page; only the first is used",) if page.next_offset else ()
