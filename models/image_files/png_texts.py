"""The text chunks of PNG files: keywords and texts, and the EXIF, IPTC and XMP that programs hide among them."""

import zlib
from dataclasses import dataclass, field
from itertools import islice

_XMP_KEYWORD = "XML:com.adobe.xmp"
_RAW_PROFILE = "Raw profile type "
"""ImageMagick's: the kind, then a name, a size and hexadecimal digits on lines."""

_EXIF_KINDS, _RESOURCE_KINDS = ("exif", "APP1"), ("8bim", "iptc")
_XMP_MARKS = (b"<x:xmpmeta", b"<rdf:RDF")
_PHOTOSHOP = b"8BIM"
_MAX_TEXTS = 100
_MAX_TEXT = 1 << 18
"""More than fits into a JPEG, also as hexadecimal digits."""

MAX_XMP = 8 << 20


@dataclass(slots=True)
class Texts:
    """What the text chunks hold; ``unkept``: those that cannot be read, in words."""

    xmp: bytes | None = None
    exif: bytes | None = None
    resources: bytes | None = None
    plain: list[tuple[str, bytes]] = field(default_factory=list)
    unkept: list[str] = field(default_factory=list)


def read_texts(chunks: list[tuple[bytes, bytes]]) -> Texts:
    """``chunks``: kind and body of each tEXt, zTXt and iTXt, in the file's order."""
    texts = Texts()
    waiting = iter(chunks)
    for kind, body in islice(waiting, _MAX_TEXTS):
        keyword = body.partition(b"\0")[0].decode("latin-1")
        text = _text(kind, body, MAX_XMP if keyword == _XMP_KEYWORD else _MAX_TEXT)
        if text is None:
            texts.unkept.append(f"a text ({_shown(keyword)}): it is damaged or too long")
        else:
            _sort(texts, keyword, text)
    if more := sum(1 for _ in waiting):
        texts.unkept.append(f"{more} more texts: there are too many")
    return texts


def _shown(keyword: str) -> str:
    """A keyword for people: what a terminal or a page would obey stays out."""
    return "".join(letter for letter in keyword[:79] if letter.isprintable())


def _text(kind: bytes, body: bytes, limit: int) -> bytes | None:
    """In UTF-8; None if it is damaged or longer than ``limit`` (PNG 3, 11.3.3)."""
    _, _, rest = body.partition(b"\0")
    if kind == b"tEXt":
        return rest.decode("latin-1").encode() if len(rest) <= limit else None
    if kind == b"zTXt":
        inflated = inflate(rest[1:], limit)
        return None if inflated is None else inflated.decode("latin-1").encode()
    text = rest[2:].split(b"\0", 2)[-1]
    if rest[:1] == b"\1":
        return inflate(text, limit)
    return text if len(text) <= limit else None


def inflate(data: bytes, limit: int) -> bytes | None:
    """The decompressed bytes, None if they are damaged or grow past the limit."""
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(data, limit)
    except zlib.error:
        return None
    return inflated if inflater.eof else None


def _sort(texts: Texts, keyword: str, text: bytes) -> None:
    """Put one text where it belongs; of EXIF, IPTC and XMP the first counts."""
    kind = keyword.removeprefix(_RAW_PROFILE) if keyword.startswith(_RAW_PROFILE) else ""
    profile = _raw_profile(text) if kind else b""
    if profile is None:
        texts.unkept.append(f"a text ({_shown(keyword)}): it is damaged")
    elif kind in _EXIF_KINDS and profile.startswith((b"Exif\0\0", b"II*\0", b"MM\0*")):
        texts.exif = texts.exif or profile
    elif kind in _RESOURCE_KINDS:
        texts.resources = texts.resources or profile[max(0, profile.find(_PHOTOSHOP)) :]
    elif kind and not any(mark in profile for mark in _XMP_MARKS):
        texts.unkept.append(f"a text ({_shown(keyword)}): such profiles are not read")
    elif kind or keyword == _XMP_KEYWORD or any(mark in text for mark in _XMP_MARKS):
        _sort_xmp(texts, keyword, profile if kind else text)
    else:
        texts.plain.append((_shown(keyword), text))


def _sort_xmp(texts: Texts, keyword: str, packet: bytes) -> None:
    if texts.xmp is None:
        texts.xmp = packet[packet.find(b"<") :] if b"<" in packet else packet
    elif packet != texts.xmp:
        texts.unkept.append(f"a second XMP packet ({_shown(keyword)})")


def _raw_profile(text: bytes) -> bytes | None:
    try:
        _, _, digits = text.strip().split(None, 2)
        return bytes.fromhex("".join(digits.decode("ascii").split()))
    except ValueError:
        return None
