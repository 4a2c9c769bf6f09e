"""The input itself as an answer: a JPEG's own picture in as few bytes as it can be had, so that nothing sent is larger.

Coefficients are read, checked and written anew. Where they cannot be, the image data are copied as they lie, and only
the segments beside them change.
"""

from functools import cached_property

from models import icc
from models.image_files.header import ImageHeader, limited, sniff
from models.image_files.jpeg import Damage, can_be_recoded, marker_segments
from models.image_files.read import read_header
from models.metadata.carried import Metadata, has_jfif_header, icc_segments, metadata_segments, segment
from models.types import RgbImage
from models.varjpeg.recompress import PreparedJpeg

_START, _END = b"\xff\xd8", b"\xff\xd9"
_APP0, _APP14, _APP15, _COM, _SOS = 0xE0, 0xEE, 0xEF, 0xFE, 0xDA
_JFIF_BYTES = 14
"""A JFIF header without its thumbnail, whose two sides are its last bytes."""


_LEAST_SHARE, _MOST_BITS_OF_EMPTY_BLOCK = 0.7, 6
"""No photo's image data, beyond what its blocks take if they are empty, can be re-coded in a smaller part of them: 0.86
is the least of 13 Kodak photos, of noise and of drawings, at libjpeg's qualities 10 to 100."""


class InputForms:
    """Files that show what came in, made when they are asked for; none if that is no JPEG.

    ``original``: the file from which ``image`` was decoded; ``prepared``: its coefficients, upright and with the
    metadata to keep, if they can be had. ``came_in``: its size.
    """

    def __init__(
        self, original: bytes | None, image: RgbImage, policy: Metadata, prepared: PreparedJpeg | None
    ) -> None:
        self._original = original if original is not None and sniff(original) == "JPEG" else None
        self._image, self._policy, self._prepared = image, policy, prepared
        self.came_in = 0 if self._original is None else len(self._original)

    def usual_within(self, limit: int | None) -> bytes | None:
        """As an encoder of ours would have it, upright, in sRGB or the profile that is kept; None where it cannot be
        had in ``limit`` bytes, None for any number."""
        if limit is not None and limit < self._least:
            return None
        usual = self._usual
        return usual if usual is not None and (limit is None or len(usual) <= limit) else None

    @cached_property
    def resort(self) -> bytes | None:
        """What is no larger than what came in, where ``usual_within`` has nothing such, yet with something odd."""
        if not self.odd or self._copy is None or len(self._copy) > self.came_in:
            return None
        return None if self.usual_within(self.came_in) is not None else self._copy

    @cached_property
    def odd(self) -> str:
        """What had better be gone, in words."""
        if self._original is None:
            return ""
        return _oddities(self._original, self._image, read_header(self._original), self._policy)

    @cached_property
    def _usual(self) -> bytes | None:
        own = None if self._prepared is None else self._prepared.lossless()
        if self.odd or self._copy is None:
            return own
        return self._copy if own is None else min(own, self._copy, key=len)

    @cached_property
    def _copy(self) -> bytes | None:
        if self._original is None:
            return None
        return copied(self._original, self._image, read_header(self._original), self._policy)

    @cached_property
    def _least(self) -> int:
        """Bytes in which it surely cannot be had."""
        if self._original is None or self._prepared is None:
            return 0
        segments = limited(marker_segments(self._original, Damage()))
        image_data = sum(behind.stop - behind.start for marker, _, behind in segments if marker == _SOS)
        return int(_LEAST_SHARE * (image_data - self._prepared.block_count * _MOST_BITS_OF_EMPTY_BLOCK / 8))


def shows_as_decoded(original: bytes, image: RgbImage) -> bool:
    """Whether a JPEG's coefficients can be given on beside the metadata that were kept: a grey or YCbCr file whose
    profile, if it had one, is still there.
    """
    if sniff(original) != "JPEG" or not can_be_recoded(original):
        return False
    return image.icc_profile is not None or read_header(original).icc is None


def _oddities(original: bytes, image: RgbImage, header: ImageHeader, policy: Metadata) -> str:
    """What makes copied image data another kind of file than ours are, in words; nothing if they are of that kind."""
    odd = []
    if header.orientation in range(2, 9):
        odd.append("its orientation tag")
    if not can_be_recoded(original):
        odd.append("its own colour model or coding")
    if policy is Metadata.STRIP and _profile_that_counts(image, header) is not None:
        odd.append("its colour profile")
    return " and ".join(odd)


def copied(original: bytes, image: RgbImage, header: ImageHeader, policy: Metadata) -> bytes:
    """The image data as they lie, beside nothing but what ``policy`` keeps and what is needed to show them rightly."""
    orientation = header.orientation if header.orientation in range(2, 9) else 1
    beside = metadata_segments(image, policy, orientation=orientation, with_profile=False)
    profile = _profile_that_counts(image, header)
    return _with_only(original, beside + (icc_segments(profile) if profile else b""))


def _profile_that_counts(image: RgbImage, header: ImageHeader) -> bytes | None:
    """The file's own profile, unless it is damaged or means sRGB."""
    if header.icc is None or icc.colour_space(header.icc) is None:
        return None
    return None if image.pixels is image.native_pixels and image.icc_profile is not None else header.icc


def _with_only(original: bytes, beside: bytes) -> bytes:
    """The first image with ``beside`` in place of its application segments and comments; JFIF's and Adobe's stay."""
    damage = Damage()
    head: list[bytes] = []
    rest: list[bytes] = []
    for marker, body, behind in limited(marker_segments(original, damage)):
        if marker == _APP0 and body.startswith(b"JFIF\0") and len(body) >= _JFIF_BYTES and not head:
            head.append(segment(marker, body[: _JFIF_BYTES - 2] + b"\0\0"))
        elif marker in (_SOS, _APP14) or not (_APP0 <= marker <= _APP15 or marker == _COM):
            rest.append(segment(marker, body) + original[behind])
    if has_jfif_header(beside):
        head = []
    whole = b"".join([_START, *head, beside, *rest])
    return whole if damage.no_end_marker and len(whole) + len(_END) > len(original) else whole + _END
