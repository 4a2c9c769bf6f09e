"""Format and size of an upload from its header, as the workers read it; no pixel is decoded."""

import threading
from dataclasses import dataclass
from typing import BinaryIO

from models.errors import LimenError
from models.image_files.read import SizeLimits, read_header
from workers.contracts import FailureCode

__all__ = ["ImageHeader", "ImageHeaderError", "SizeLimits", "read_image_header"]

_AT_ONCE = threading.BoundedSemaphore(4)
"""Each reader holds a whole file in memory."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image file says about itself; ``width`` and ``height`` in pixels, both positive."""

    media_type: str
    width: int
    height: int


class ImageHeaderError(Exception):
    """The bytes are no image that is read, or a broken one; ``code`` says which."""

    def __init__(self, code: FailureCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def read_image_header(file: BinaryIO, limits: SizeLimits | None = None) -> ImageHeader:
    """Format and size of the image in ``file``, which must be seekable, within ``limits``. Raises: ImageHeaderError."""
    with _AT_ONCE:
        file.seek(0)
        try:
            header = read_header(file.read())
            (limits or _UNLIMITED).check(header.width, header.height)
        except LimenError as error:
            detail = f"{str(error)[:1].upper()}{str(error)[1:]}."
            raise ImageHeaderError(FailureCode(error.code), detail) from error
    return ImageHeader(f"image/{header.format.lower()}", header.width, header.height)


_UNLIMITED = SizeLimits(max_pixels=2**62, max_side=2**31, max_aspect=2**31)
