"""The one reader of headers: format, size and metadata of any image that is read, by content and never by name.

The web process, the workers and the command line all ask here, so that they take and refuse the same files. Standard
library only.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from models.errors import ImageTooLargeError, ImageUndecodableError
from models.image_files import bmp, gif, heif, jpeg, png, tiff, webp
from models.image_files.header import ImageHeader, sniff

_READERS: dict[str, Callable[[bytes], ImageHeader]] = {
    "JPEG": jpeg.read_header,
    "PNG": png.read_header,
    "WebP": webp.read_header,
    "AVIF": heif.read_header,
    "HEIC": heif.read_header,
    "TIFF": tiff.read_header,
    "GIF": gif.read_header,
    "BMP": bmp.read_header,
}


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """How large an image may be, as its header announces it, before a pixel is decoded."""

    max_pixels: int = 64_000_000
    """Phones' 50-megapixel cameras give 50.1 million pixels."""

    max_side: int = 16384
    max_aspect: int = 200

    def check(self, width: int, height: int) -> None:
        """Raises: ImageTooLargeError for too many pixels, too long a side or too thin a strip; ImageUndecodableError
        for an image without pixels.
        """
        if width < 1 or height < 1:
            raise ImageUndecodableError(f"an image of {width} x {height} pixels")
        announced = f"the header announces {width} x {height} pixels"
        if max(width, height) > self.max_side:
            raise ImageTooLargeError(f"{announced}; a side may be {self.max_side} at most")
        if width * height > self.max_pixels:
            raise ImageTooLargeError(f"{announced}; {self.max_pixels} in all are allowed")
        if max(width, height) > self.max_aspect * min(width, height):
            raise ImageTooLargeError(f"{announced}; a side may be {self.max_aspect} times the other at most")


DEFAULT_LIMITS = SizeLimits()


def read_header(data: bytes) -> ImageHeader:
    """Format, size and metadata without decoding a pixel.

    Raises: ImageTypeUnsupportedError, ImageUndecodableError, ImageTooLargeError.
    """
    name = sniff(data)
    try:
        return _READERS[name](data)
    except (struct.error, IndexError) as error:
        raise ImageUndecodableError(f"the {name} header is cut short or damaged") from error
