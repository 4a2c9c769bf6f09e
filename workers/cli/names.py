"""Names of files on the command line: what a suffix promises, and what a photo's result is called.

A result's name depends on its photo's name alone, and no two photos share one: a photo that already has the suffix of
the result keeps its name (``a.jpg`` gives ``a.jpg``), another gets one more (``a.png`` gives ``a.png.jpg``), after
``.image`` where its own tells nothing (``a`` gives ``a.image.jpg``). What looks like a name that was made so gets one
more too (``a.png.jpg`` gives ``a.png.jpg.jpg``).
"""

import hashlib
import os
from pathlib import Path

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".jfi"})
CONTAINER_SUFFIXES = frozenset({".vjpg", ".varjpeg"})
RAW_SUFFIXES = frozenset(
    {".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef"}
    | {".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"}
)
"""Cameras' raw files: many are TIFF by content, with a small preview where a reader looks for the picture."""
IMAGE_SUFFIXES = frozenset(
    JPEG_SUFFIXES
    | RAW_SUFFIXES
    | {".png", ".apng", ".webp", ".avif", ".avifs", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".mpo"}
    | {".heic", ".heif", ".hif", ".jxl", ".jp2", ".j2k", ".jpx", ".jxr", ".svg", ".psd", ".ico", ".exr", ".hdr"}
    | {".qoi", ".tga", ".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".eps"}
)
_SAME_FORMAT = {
    ".jpg": JPEG_SUFFIXES,
    ".png": frozenset({".png"}),
    ".vjpg": CONTAINER_SUFFIXES,
    ".html": frozenset({".html", ".htm"}),
}
_FORMATS = IMAGE_SUFFIXES | CONTAINER_SUFFIXES | {".npz", ".csv", ".html", ".htm", ".pdf"}
_UNTOLD = ".image"
_MAX_NAME_BYTES = 255
_DIGEST_DIGITS = 16


def promises_a_file(path: Path) -> bool:
    """Whether the suffix of ``path`` is that of a picture or another result."""
    return path.suffix.lower() in _FORMATS


def is_of_another_format(path: Path, result: str) -> bool:
    """Whether the suffix of ``path`` promises another format than that of the file ``result``; others promise none."""
    suffix = path.suffix.lower()
    return suffix in _FORMATS and suffix not in _same_format(Path(result).suffix)


def result_name(name: str, suffix: str) -> str:
    """What the result of the photo ``name`` is called, at most 255 bytes; ``suffix``: of the result, as ``.jpg``."""
    stem, own = os.path.splitext(name)
    inner = os.path.splitext(stem)[1].lower()
    told = IMAGE_SUFFIXES | CONTAINER_SUFFIXES
    if own.lower() in _same_format(suffix) and inner not in told | {_UNTOLD}:
        return name
    return _fitting(name, suffix if own.lower() in told else _UNTOLD + suffix)


def _same_format(suffix: str) -> frozenset[str]:
    return _SAME_FORMAT.get(suffix, frozenset({suffix}))


def _fitting(name: str, end: str) -> str:
    """``name`` with ``end``; where that is too long for a file system, cut, with a digest of all of it."""
    whole = os.fsencode(name)
    if len(whole) + len(end) <= _MAX_NAME_BYTES:
        return name + end
    mark = f"-{hashlib.sha256(whole).hexdigest()[:_DIGEST_DIGITS]}{end}"
    kept = whole[: _MAX_NAME_BYTES - len(mark)]
    while kept and whole[len(kept)] & 0xC0 == 0x80:  # never in the middle of a character
        kept = kept[:-1]
    return os.fsdecode(kept) + mark


def possible_partners(relative: Path) -> list[Path]:
    """Relative paths under which the photo of a result, or another file about the same photo, may lie, best first."""
    stem = os.path.splitext(relative.name)[0]
    shorter = [stem, stem.removesuffix(_UNTOLD)]
    return [relative, *(relative.with_name(name) for name in dict.fromkeys(shorter) if name)]
