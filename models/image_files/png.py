"""PNG files: the chunks."""

import struct
from collections.abc import Iterator

from models.errors import ImageUndecodableError
from models.image_files.colour_signals import SRGB_PRIMARIES, ColourSignal, from_code_points, from_primaries
from models.image_files.exif import usable_exif, with_prefix
from models.image_files.header import ImageHeader, OtherMetadata, limited
from models.image_files.png_texts import inflate, read_texts

_MAX_INFLATED = 8 << 20
"""Bytes that a compressed profile may grow to."""
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_SRGB_GAMMA = 45455
_LEAST_GAMMA, _MOST_GAMMA = 10_000, 500_000
"""In 1/100000: exponents of 10 to 0.2; beyond lie mistakes."""
_COLOUR_TYPES = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def read_header(data: bytes) -> ImageHeader:
    """Size, depth and metadata from the chunks. Raises: ImageUndecodableError if they are damaged or cut short."""
    if data[12:16] != b"IHDR":
        raise ImageUndecodableError("the PNG does not begin with its header chunk")
    width, height, bits, colour_type, _, _, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if bits not in _COLOUR_TYPES.get(colour_type, ()) or interlace > 1:
        raise ImageUndecodableError(f"a PNG of colour type {colour_type} with {bits} bits does not exist")
    every = list(_chunks(data))
    chunks = dict(reversed(every))  # of a repeated chunk the first counts
    texts = read_texts([chunk for chunk in every if chunk[0] in _TEXTS])
    icc, icc_notes = _profile(chunks)
    block = chunks.get(b"eXIf", texts.exif)
    exif, orientation, exif_notes = usable_exif(None if block is None else with_prefix(block))
    orientation = orientation if b"eXIf" in chunks else 1
    signal = _signal(chunks, damaged=bool(icc_notes))
    notes = (*icc_notes, *exif_notes, *((signal.note,) if signal.note else ()), *_frame_notes(chunks))
    other = OtherMetadata(
        texts.resources, density=_density(chunks), texts=tuple(texts.plain), unkept=tuple(texts.unkept)
    )
    icc = signal.profile if b"cICP" in chunks and not signal.note else icc or signal.profile
    gamma = None if icc else signal.gamma
    return ImageHeader("PNG", width, height, bits, orientation, icc, exif, texts.xmp, notes, other, gamma)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and body of each chunk; image data without their body. Raises: ImageUndecodableError if there are none."""
    seen_data = False
    for kind, start, end in limited(chunk_spans(data)):
        seen_data = seen_data or kind == b"IDAT"
        yield kind, b"" if kind in (b"IDAT", b"fdAT") else data[start + 8 : end - 4]
    if not seen_data:
        raise ImageUndecodableError("the PNG holds no image data: it is damaged or truncated")


def chunk_spans(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of each chunk, the last one even where the file ends inside it."""
    position = 8
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, position, position + 12 + length
        if kind == b"IEND":
            return
        position += 12 + length


def _profile(chunks: dict[bytes, bytes]) -> tuple[bytes | None, tuple[str, ...]]:
    if b"iCCP" not in chunks:
        return None, ()
    _, _, rest = chunks[b"iCCP"].partition(b"\0")
    profile = inflate(rest[1:], _MAX_INFLATED)
    if profile is None:
        return None, ("the colour profile is damaged; colours are read as sRGB",)
    return profile, ()


def _signal(chunks: dict[bytes, bytes], *, damaged: bool) -> ColourSignal:
    """Code points before a profile, that before sRGB's mark, and that before gamma and chromaticities (PNG 3, 4.3)."""
    if len(chunks.get(b"cICP", b"")) >= 2:
        return from_code_points(chunks[b"cICP"][0], chunks[b"cICP"][1])
    if (b"iCCP" in chunks and not damaged) or b"sRGB" in chunks:
        return ColourSignal()
    stored, gamma = int.from_bytes(chunks.get(b"gAMA", b"")[:4], "big"), None
    if stored and not _LEAST_GAMMA <= stored <= _MOST_GAMMA:
        return ColourSignal(note=f"the PNG's gamma of {stored / 100000:g} is not applied; colours are read as sRGB")
    primaries = SRGB_PRIMARIES
    if len(chunks.get(b"cHRM", b"")) >= 32:
        xs = struct.unpack(">8I", chunks[b"cHRM"][:32])
        primaries = tuple(x / 100000 for x in xs)  # eight of them
    wide = any(abs(one - other) > 0.002 for one, other in zip(primaries, SRGB_PRIMARIES, strict=True))
    if stored and (wide or abs(stored - _SRGB_GAMMA) > _SRGB_GAMMA // 20):
        gamma = 100000 / stored
    return from_primaries(primaries, gamma)


def _density(chunks: dict[bytes, bytes]) -> tuple[int, int, int] | None:
    """Pixels per metre as JPEG's per centimetre; of an unknown unit the shape of a pixel."""
    body = chunks.get(b"pHYs", b"")
    if len(body) < 9:
        return None
    across, down, unit = struct.unpack(">IIB", body[:9])
    return (2, round(across / 100), round(down / 100)) if unit == 1 else (0, across, down)


def _frame_notes(chunks: dict[bytes, bytes]) -> tuple[str, ...]:
    frames = int.from_bytes(chunks.get(b"acTL", b"")[:4], "big")
    return ("the PNG is animated; only its first image is used",) if frames > 1 else ()
