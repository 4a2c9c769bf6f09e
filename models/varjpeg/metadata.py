"""What of a photo's metadata goes into a JPEG: colour profile, EXIF without place or thumbnail, XMP.

EXIF is edited in place, so that maker notes with their absolute offsets stay readable.
"""

from dataclasses import dataclass
from enum import StrEnum

from models.types import RgbImage

_EXIF_HEADER = b"Exif\x00\x00"
_XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\x00"
_ICC_HEADER = b"ICC_PROFILE\x00"
_MAX_SEGMENT = 65533  # T.81 B.1.1.4: a two-byte length that counts itself
_ORIENTATION, _GPS = 0x0112, 0x8825
_THUMBNAIL_OFFSET = 0x0201


class Metadata(StrEnum):
    """``KEEP_ICC``: the colour profile alone. ``KEEP_ALL``: also EXIF and XMP, never the place. ``STRIP``: nothing."""

    KEEP_ICC = "keep-icc"
    KEEP_ALL = "keep-all"
    STRIP = "strip"


def metadata_segments(image: RgbImage, policy: Metadata) -> bytes:
    """APP1 and APP2 segments to write after the JFIF header.

    A part that is malformed or too long for JPEG is left out; so is XMP that mentions a GPS position.
    """
    segments = b""
    if policy is Metadata.KEEP_ALL:
        exif = exif_without_place(image.exif) if image.exif else None
        if exif is not None and len(exif) + len(_EXIF_HEADER) <= _MAX_SEGMENT:
            segments += segment(0xE1, _EXIF_HEADER + exif)
        if image.xmp and b"GPS" not in image.xmp and len(image.xmp) + len(_XMP_HEADER) <= _MAX_SEGMENT:
            segments += segment(0xE1, _XMP_HEADER + image.xmp)
    if policy is not Metadata.STRIP and image.icc_profile:
        segments += _icc_segments(image.icc_profile)
    return segments


def segment(marker: int, payload: bytes) -> bytes:
    """A JPEG marker segment: 0xFF, marker, length, payload. T.81 B.1.1.4."""
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


def insert_segments(jpeg: bytes, segments: bytes) -> bytes:
    """``jpeg`` with whole ``segments`` after its start marker and JFIF header."""
    head = after_start(jpeg)
    return jpeg[:head] + segments + jpeg[head:]


def after_start(jpeg: bytes) -> int:
    """Offset of what follows the start marker and the JFIF header, if there is one."""
    return 4 + int.from_bytes(jpeg[4:6], "big") if jpeg[2:4] == b"\xff\xe0" else 2


def _icc_segments(profile: bytes) -> bytes:
    """The profile in numbered APP2 segments; nothing if it needs more than 255. ICC.1 annex B.4."""
    room = _MAX_SEGMENT - len(_ICC_HEADER) - 2
    chunks = [profile[start : start + room] for start in range(0, len(profile), room)]
    if len(chunks) > 255:
        return b""
    return b"".join(
        segment(0xE2, _ICC_HEADER + bytes([number, len(chunks)]) + chunk)
        for number, chunk in enumerate(chunks, start=1)
    )


def exif_without_place(exif: bytes) -> bytes | None:
    """EXIF (TIFF structure, no ``Exif`` header) with orientation 1, no GPS directory, no thumbnail; None if malformed.

    The pixels are already turned to displayed orientation. Maker notes are kept as they are.
    """
    tiff = bytearray(exif.removeprefix(_EXIF_HEADER))
    try:
        return bytes(_Tiff(tiff).cleaned())
    except (IndexError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class _Entry:
    position: int
    tag: int
    size: int
    value: int


class _Tiff:
    """The main image directory (IFD0) of an EXIF block, edited in ``data``. TIFF 6.0 section 2."""

    def __init__(self, data: bytearray) -> None:
        self.data = data
        if bytes(data[:4]) not in (b"II*\x00", b"MM\x00*"):
            raise ValueError("not a TIFF structure")
        self.little = data[:2] == b"II"

    def cleaned(self) -> bytearray:
        directory = self._number(4, 4)
        entries = self._entries(directory)
        for entry in entries:
            if entry.tag == _ORIENTATION:
                self._put(entry.position + 8, 2, 1)
            if entry.tag == _GPS:
                self._wipe_directory(entry.value)
        kept = [bytes(self.data[e.position : e.position + 12]) for e in entries if e.tag != _GPS]
        self._drop_thumbnail(directory + 2 + 12 * len(entries))
        self._rewrite(directory, len(entries), kept)
        return self.data

    def _number(self, position: int, length: int) -> int:
        if position < 0 or position + length > len(self.data):
            raise ValueError("offset outside the EXIF block")
        return int.from_bytes(self.data[position : position + length], "little" if self.little else "big")

    def _put(self, position: int, length: int, value: int) -> None:
        self.data[position : position + length] = value.to_bytes(length, "little" if self.little else "big")

    def _entries(self, directory: int) -> list[_Entry]:
        widths = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
        entries = []
        for i in range(self._number(directory, 2)):
            position = directory + 2 + 12 * i
            size = widths.get(self._number(position + 2, 2), 1) * self._number(position + 4, 4)
            entries.append(_Entry(position, self._number(position, 2), size, self._number(position + 8, 4)))
        return entries

    def _wipe(self, start: int, size: int) -> None:
        end = min(len(self.data), start + size)
        self.data[start:end] = bytes(max(0, end - start))

    def _wipe_directory(self, directory: int) -> None:
        entries = self._entries(directory)
        for entry in entries:
            if entry.size > 4:
                self._wipe(entry.value, entry.size)
        self._wipe(directory, 2 + 12 * len(entries) + 4)

    def _drop_thumbnail(self, pointer: int) -> None:
        """Cut the thumbnail off where it ends the block, as cameras write it, else blank it; unlink its directory."""
        directory = self._number(pointer, 4)
        self._put(pointer, 4, 0)
        if directory == 0:
            return
        entries = {entry.tag: entry.value for entry in self._entries(directory)}
        start, size = entries.get(_THUMBNAIL_OFFSET, 0), entries.get(_THUMBNAIL_OFFSET + 1, 0)
        if start == 0:
            return
        if start > max(pointer, directory) and start + size >= len(self.data) - 1:
            del self.data[start:]
        else:
            self._wipe(start, size)

    def _rewrite(self, directory: int, before: int, kept: list[bytes]) -> None:
        body = b"".join(kept) + bytes(4)
        self._put(directory, 2, len(kept))
        self.data[directory + 2 : directory + 2 + 12 * before + 4] = body.ljust(12 * before + 4, b"\x00")
