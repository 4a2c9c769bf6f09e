"""The input itself as an answer: a JPEG's own picture in as few bytes as it can be had, so that nothing sent is larger.

mozjpeg never sees the bytes that came in: coefficients are read by ``jpeg_input``, checked, and written by
``bitstream``. Where they cannot be, the image data are copied as they lie, and only the segments beside them change.
"""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class InputForms:
    """Files that show what came in. ``usual``: as an encoder of ours would have it, upright, in sRGB or the profile
    that is kept; ``resort``: no larger than what came in, yet with ``odd``, something that would better be gone.
    ``came_in``: size of the input.
    """

    usual: bytes | None = None
    resort: bytes | None = None
    odd: str = ""
    came_in: int = 0


def input_forms(original: bytes | None, image: RgbImage, policy: Metadata, prepared: PreparedJpeg | None) -> InputForms:
    """How ``original``, from which ``image`` was decoded, can be given back; in no way if that is no JPEG.

    ``prepared``: the coefficients, upright and with the metadata to keep, if they can be had.
    """
    if original is None or sniff(original) != "JPEG":
        return InputForms()
    header = read_header(original)
    copy = copied(original, image, header, policy)
    odd = _oddities(original, image, header, policy)
    own = [] if prepared is None else [prepared.lossless()]
    if not odd:
        return InputForms(usual=min([*own, copy], key=len))
    if own and len(own[0]) <= len(original):
        return InputForms(usual=own[0])
    resort = copy if len(copy) <= len(original) else None
    return InputForms(own[0] if own else None, resort, odd, len(original))


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
