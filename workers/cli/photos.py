"""Which files of a folder are photos: by content, or by what their suffix promises, and why the others are none."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from models.image_files.header import begins_like_an_image
from workers.cli.files import STANDARD_STREAM, shown
from workers.cli.journal import JOURNAL
from workers.cli.names import CONTAINER_SUFFIXES, IMAGE_SUFFIXES, RAW_SUFFIXES

_START_BYTES = 64
_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
"""What Windows and macOS leave in folders beside hidden files."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Files that a verb works on: its word for one, the suffixes that promise it, and whether it begins so."""

    noun: str
    suffixes: frozenset[str]
    begins: Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a file is left out; ``on_purpose``: the user said so, or it is hidden, so that nothing is amiss."""

    reason: str
    on_purpose: bool = False


@dataclass(slots=True)
class Found:
    """Files by the relative path that stands for them: what is to be worked on, and what is left out and why."""

    photos: dict[Path, Path] = field(default_factory=dict)
    skipped: dict[Path, Skip] = field(default_factory=dict)

    def add(self, relative: Path, source: Path) -> None:
        """One more photo. Raises: ValueError if another one has this relative path."""
        known = self.photos.setdefault(relative, source)
        if known != source and not known.samefile(source):
            raise ValueError(f"{known} and {source} would both be written as {relative}")


def photos_in(inputs: Sequence[Path], kind: Kind, *, apart_from: Sequence[Path], excluded: Sequence[str]) -> Found:
    """What ``inputs``, files and folders, hold; folders are searched to the bottom, links to folders not followed.

    ``apart_from``: folders of results, which may lie inside; ``excluded``: patterns of names or relative paths. A file
    that was named itself is a photo whatever it holds. Raises: ValueError if two have one relative path; OSError if an
    input does not exist.
    """
    found = Found()
    results = {path.resolve() for path in apart_from}
    for path in inputs:
        if path == STANDARD_STREAM:
            raise ValueError("- stands for one photo; it does not go with others")
        if path.is_dir():
            _search(path, kind, results, excluded, found)
        elif not os.path.lexists(path):
            raise FileNotFoundError(2, "No such file or folder", str(path))
        else:
            found.add(Path(path.name), path)
    if not found.photos and not found.skipped:
        raise ValueError(f"{', '.join(map(str, inputs))}: no file there")
    return found


def _search(root: Path, kind: Kind, results: set[Path], excluded: Sequence[str], found: Found) -> None:
    inside = {path for path in results if root.resolve() in path.parents}
    for folder, names, files in os.walk(root, onerror=lambda error: _note_unreadable(root, error, found)):
        here = Path(folder)
        searched = []
        for name in sorted(names):
            path = here / name
            skip = _left_out(path.relative_to(root), excluded) or _link(path)
            if skip is not None:
                found.skipped[path.relative_to(root)] = skip
            elif path.resolve() not in inside:
                searched.append(name)
        names[:] = searched
        for name in sorted(set(files) - {JOURNAL}):
            path = here / name
            relative = path.relative_to(root)
            skip = _left_out(relative, excluded) or _why_not(path, kind)
            if skip is None:
                found.add(relative, path)
            else:
                found.skipped[relative] = skip


def _note_unreadable(root: Path, error: OSError, found: Found) -> None:
    folder = Path(error.filename or root)
    found.skipped[folder.relative_to(root)] = Skip(f"the folder cannot be read: {error.strerror}")


def _left_out(relative: Path, excluded: Sequence[str]) -> Skip | None:
    name = relative.name
    if any(fnmatch(name, pattern) or fnmatch(str(relative), pattern) for pattern in excluded):
        return Skip("left out by --exclude", on_purpose=True)
    if name.startswith(".") or name.lower() in _LITTER:
        return Skip("hidden", on_purpose=True)
    return None


def _link(folder: Path) -> Skip | None:
    return Skip("a link to a folder; name it to have it searched") if folder.is_symlink() else None


def _why_not(path: Path, kind: Kind) -> Skip | None:
    """Why a file of a folder is not worked on; None if it is. One that cannot be read is left to say so itself."""
    suffix = path.suffix.lower()
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return Skip("a link to a file that does not exist")
    except OSError as error:
        return Skip(error.strerror or "cannot be looked at")
    if not stat.S_ISREG(mode):
        return Skip("no plain file")
    if suffix in RAW_SUFFIXES:
        return Skip("a camera's raw file, which is not read; export it as JPEG, PNG or AVIF")
    if suffix in kind.suffixes:
        return None
    try:
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
    except OSError as error:
        return Skip(f"cannot be read: {error.strerror}")
    return None if kind.begins(start) else Skip(f"not {kind.noun}")


def _is_container(start: bytes) -> bool:
    return start.startswith(b"VJPG")


PHOTO = Kind("an image", IMAGE_SUFFIXES, begins_like_an_image)
CONTAINER = Kind("a VarJPEG container", CONTAINER_SUFFIXES, _is_container)


def warnings_about(skipped: dict[Path, Skip]) -> Iterator[str]:
    """One line for each file that was left out and should not have been."""
    for path, skip in skipped.items():
        if not skip.on_purpose:
            yield f"{shown(path)}: {skip.reason}"
