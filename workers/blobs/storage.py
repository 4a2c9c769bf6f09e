"""What keeps files: a ``folder``, or the bucket of an object store in ``objects``."""

import contextlib
import errno
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from re import Pattern
from typing import IO, Self

from workers.errors import BlobStoreFullError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
PIECE_BYTES = 4 << 20
"""How much is read at once of a file that is sent on: a photo in one piece, mostly."""


@dataclass(frozen=True, slots=True)
class ServedAs:
    """Media type and file name that a file has for who fetches it from the store itself."""

    media_type: str
    file_name: str

    @property
    def disposition(self) -> str:
        """The header Content-Disposition."""
        return f'inline; filename="{self.file_name}"'


class Storage(ABC):
    """Files by name; each can be read once it is there as a whole. Names are relative, with ``/`` between their parts.

    Any method may raise BlobStoreUnavailableError; those that write, BlobStoreFullError.
    """

    @abstractmethod
    def below(self, folder: str) -> Self:
        """The files whose names begin with ``folder/``, under what follows."""

    @abstractmethod
    def patient(self) -> Self:
        """The same, for who has done work that is not to be thrown away because the store is away for a moment."""

    @abstractmethod
    def new_part(self) -> IO[bytes]:
        """An empty local file to write to, which ``keep`` or ``drop`` takes away."""

    @abstractmethod
    def keep(self, part: IO[bytes], name: str) -> None:
        """Make what was written to ``part`` the file ``name``, in place of any other."""

    @abstractmethod
    def drop(self, part: IO[bytes]) -> None:
        """Forget a part; nothing happens if it was kept."""

    @abstractmethod
    def put(self, name: str, content: bytes, served: ServedAs | None = None) -> None:
        """Make ``content`` the file ``name``, in place of any other."""

    @abstractmethod
    def get(self, name: str) -> bytes:
        """All of a file. Raises: BlobMissingError."""

    @abstractmethod
    def part_of(self, name: str, start: int, end: int) -> bytes:
        """Bytes ``start`` to ``end``, the latter not among them, of a file that has so many.

        Raises: BlobMissingError.
        """

    @abstractmethod
    def size_bytes(self, name: str) -> int:
        """Length of a file. Raises: BlobMissingError."""

    @abstractmethod
    def link(self, name: str, served: ServedAs, *, expires_s: int) -> str | None:
        """An address that gives the file as ``served`` to anybody for so long; None where there can be none."""

    @abstractmethod
    def sweep(self, names: Pattern[str], oldest: float) -> int:
        """Delete files with such names that were put before ``oldest``, in seconds since 1970; returns how many."""

    @abstractmethod
    def check(self) -> None:
        """Write something, and leave nothing that counts."""

    @abstractmethod
    def make_folder(self, name: str) -> None:
        """Begin with a folder, which may be empty."""

    @abstractmethod
    def has_folder(self, name: str) -> bool:
        """Whether a folder was begun with and not deleted."""

    @abstractmethod
    def folders(self) -> list[str]:
        """Names of all folders that hold anything, or were begun with."""

    @abstractmethod
    def delete_folder(self, name: str) -> None:
        """Delete a folder and all files in it; nothing happens if that is done."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file that was there when it was looked for."""

    storage: Storage
    name: str
    size_bytes: int

    @classmethod
    def found(cls, storage: Storage, name: str) -> Self:
        """The file of that name. Raises: BlobMissingError."""
        return cls(storage, name, storage.size_bytes(name))

    def pieces(self, start: int = 0, end: int | None = None, *, size_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
        """Its bytes from ``start`` to before ``end``, piece by piece. Raises: BlobMissingError."""
        stop = self.size_bytes if end is None else end
        for first in range(start, stop, size_bytes):
            yield self.storage.part_of(self.name, first, min(first + size_bytes, stop))


@contextlib.contextmanager
def room_or_error() -> Iterator[None]:
    """Turns "no space left" on a disc of this host into BlobStoreFullError."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise BlobStoreFullError("the blob store has no room left") from error
        raise
