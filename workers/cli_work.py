"""One photo's work on the command line: read its files, ask this machine or a server, write what was wanted."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.cli_files import read_bytes, write_bytes
from workers.contracts import AnyRequest

if TYPE_CHECKING:
    from models.types import Progress

UNREAD = "0" * 64
"""Stands in a request for the content key of a file that has not been read yet."""


@dataclass(frozen=True, slots=True)
class Item:
    """What to do with one photo.

    ``inputs``: files by the request's field that names them, the photo first; ``outputs``: where to write which file of
    the result; ``server``: address of a running service, or None for this machine.
    """

    request: AnyRequest
    inputs: Mapping[str, Path]
    outputs: Mapping[str, Path]
    server: str | None = None

    @property
    def photo(self) -> Path:
        """The file that the work is about."""
        return next(iter(self.inputs.values()))


@dataclass(frozen=True, slots=True)
class Done:
    """Figures of a result, the size of the photo's file and the sizes of the files that were written."""

    body: dict[str, Any]
    input_bytes: int
    output_bytes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """A result from anywhere: figures, and its files by name, each made or fetched when it is called for."""

    body: dict[str, Any]
    files: Mapping[str, Callable[[], bytes]]


def perform(item: Item, progress: "Progress | None" = None) -> Done:
    """Read, compute, write. Raises: OSError; LimenError that names the photo; RemoteError."""
    contents = {field: read_bytes(path) for field, path in item.inputs.items()}
    answer = ask(item.request, contents, item.server, progress, name=str(item.photo))
    sizes = {}
    for name, path in item.outputs.items():
        data = answer.files[name]()
        write_bytes(path, data)
        sizes[name] = len(data)
    return Done(answer.body, len(next(iter(contents.values()))), sizes)


def ask(
    request: AnyRequest,
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
        from workers.cli_server import ask_server

        return ask_server(server, keyed, contents)
    return _ask_here(keyed, {keys[field]: data for field, data in contents.items()}, progress, name)


def _ask_here(request: AnyRequest, blobs: Mapping[str, bytes], progress: "Progress | None", name: str) -> Answer:
    from models.errors import LimenError
    from workers.capabilities import COMPUTE, Inputs
    from workers.settings import WorkerSettings

    try:
        outcome = COMPUTE[request.capability](request, Inputs(blobs.__getitem__, WorkerSettings().max_pixels), progress)
    except LimenError as error:
        raise type(error)(f"{name}: {error}") from error
    return Answer(outcome.body, {file.name: file.render for file in outcome.files})
