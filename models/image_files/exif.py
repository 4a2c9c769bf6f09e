"""EXIF blocks: the orientation, and the same block once the orientation has been applied."""

import re
import struct

from models.errors import ImageUndecodableError
from models.image_files.tiff_tags import ORIENTATION, read_directory

PREFIX = b"Exif\0\0"
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8]")


def with_prefix(block: bytes) -> bytes:
    """An EXIF block as JPEG's APP1 segment carries it."""
    return block if block.startswith(PREFIX) else PREFIX + block


def read_orientation(exif: bytes) -> int:
    """The orientation as written, 1 if absent; valid are 1..8.

    Raises: ImageUndecodableError if the block has no readable tag directory.
    """
    return read_directory(exif.removeprefix(PREFIX)).integer(ORIENTATION, 1)


def orientation_block(orientation: int) -> bytes:
    """An EXIF block that says the orientation, 1..8, and nothing else."""
    entry = struct.pack(">HHIHH", ORIENTATION, 3, 1, orientation, 0)
    return PREFIX + b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)


def reset_orientation(exif: bytes) -> bytes:
    """The block with orientation 1 and not one other byte changed."""
    return PREFIX + read_directory(exif.removeprefix(PREFIX)).patched({ORIENTATION: 1})


def usable_exif(exif: bytes | None) -> tuple[bytes | None, int, tuple[str, ...]]:
    """The block, its orientation and what to warn of; a damaged block is dropped."""
    if exif is None:
        return None, 1, ()
    try:
        return exif, read_orientation(exif), ()
    except ImageUndecodableError:
        return None, 1, ("the EXIF data are damaged and were dropped",)


def reset_xmp_orientation(xmp: bytes) -> bytes:
    """The packet with ``tiff:Orientation``, where it has one, set to 1."""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
