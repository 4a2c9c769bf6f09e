"""One photo's work on the command line: read its files, ask this machine or a server, write what was wanted."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import LimenError
from workers.cli.answer import Answer
from workers.cli.files import put_in_place, read_bytes
from workers.cli.journal import Done, append, content_digest, done_before, fingerprint, read_journal
from workers.cli.server import ask_server

if TYPE_CHECKING:
    from models.types import Progress
    from workers.contracts import AnyRequest

UNREAD = "0" * 64
"""Stands in a request for the content key of a file that has not been read yet."""
JPEG_START = b"\xff\xd8"
_CLOCK_S = 2.0
"""By how much the clock of a file system may differ from this machine's, or be coarser."""


class LeftOutError(ValueError):
    """A photo is not worked on, though nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class Item:
    """What to do with one photo.

    ``inputs``: files by the request's field that names them, the photo first; ``outputs``: where to write which file of
    the result, in folders that are made; ``server``: address of a running service, or None for this machine.
    ``in_place``: the result takes the place of its photo, where it is smaller.
    """

    request: "AnyRequest"
    inputs: Mapping[str, Path]
    outputs: Mapping[str, Path]
    server: str | None = None
    in_place: bool = False

    @property
    def photo(self) -> Path:
        """The file that the work is about."""
        return next(iter(self.inputs.values()))


@dataclass(frozen=True, slots=True)
class Note:
    """Where and under which name a photo's end is written down; ``computer``: who does the work, with which weights;
    ``begun``: when the journal was last looked at, in seconds of the clock of files.
    """

    journal: Path
    photo: str
    computer: str
    begun: float = field(default_factory=time.time)

    def others_end(self, item: Item, contents: Mapping[str, bytes]) -> Done | None:
        """What another run has written down of a photo in place since then, if these bytes are its result."""
        if not item.in_place or item.photo.stat().st_mtime < self.begun - _CLOCK_S:
            return None
        entry = read_journal(self.journal).get(self.photo)
        return (
            None
            if entry is None
            else done_before(entry, item.request, fingerprint(item.request, contents, self.computer), item.outputs)
        )


def perform(item: Item, progress: "Progress | None" = None, note: Note | None = None) -> Done:
    """Read, compute, write, and write that down.

    Raises: OSError; LimenError that names the photo; RemoteError; LeftOutError.
    """
    contents = {field: read_bytes(path) for field, path in item.inputs.items()}
    original = next(iter(contents.values()))
    known = None if note is None else note.others_end(item, contents)
    if known is not None:
        return known
    if item.in_place and not original.startswith(JPEG_START):
        raise LeftOutError(f"{item.photo}: no JPEG; --in-place leaves a file the format that its name promises")
    answer = ask(item.request, contents, item.server, progress, name=str(item.photo))
    files = {name: answer.files[name]() for name in item.outputs}
    if item.in_place:
        files = {name: data if len(data) < len(original) else original for name, data in files.items()}
    done = Done(answer.result, len(original), {name: len(data) for name, data in files.items()})
    for path in item.outputs.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    with put_in_place({path: files[name] for name, path in item.outputs.items() if files[name] is not original}):
        if note is not None:
            _write_down(note, item, contents, files, done)
    return done


def _write_down(note: Note, item: Item, contents: Mapping[str, bytes], files: Mapping[str, bytes], done: Done) -> None:
    """One line of the journal. In place the next run finds the result where the photo was, and that is done too."""
    prints = [fingerprint(item.request, contents, note.computer)]
    if item.in_place:
        field = next(iter(item.inputs))
        after = {**contents, field: next(iter(files.values()))}
        prints.append(fingerprint(item.request, after, note.computer))
    append(note.journal, note.photo, prints, done, {name: content_digest(data) for name, data in files.items()})


def ask(
    request: "AnyRequest",
    contents: Mapping[str, bytes],
    server: str | None,
    progress: "Progress | None" = None,
    *,
    name: str,
) -> Answer:
    """The answer to ``request`` about files by field. Raises: LimenError that begins with ``name``; RemoteError."""
    keys = {field: hashlib.sha256(data).hexdigest() for field, data in contents.items()}
    keyed = request.model_copy(update=keys)
    if server is not None:
        return ask_server(server, keyed, contents)
    return _ask_here(keyed, {keys[field]: data for field, data in contents.items()}, progress, name)


def _ask_here(request: "AnyRequest", blobs: Mapping[str, bytes], progress: "Progress | None", name: str) -> Answer:
    from models.compiled import leave_blas_out
    from workers.capabilities import Inputs, compute
    from workers.settings import WorkerSettings

    leave_blas_out()
    try:
        outcome = compute(request, Inputs.under(WorkerSettings(), blobs.__getitem__), progress)
    except LimenError as error:
        raise type(error)(f"{name}: {error}") from error
    return Answer(outcome.result, {file.name: file.render for file in outcome.files})
