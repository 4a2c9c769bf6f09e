"""Image and result bytes, each under the SHA-256 of its content."""

import hashlib
import os
import re
import time
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Self

from workers.blobs.storage import PIECE_BYTES, ServedAs, Storage, StoredFile, room_or_error
from workers.errors import BlobMissingError

_KEY = re.compile(r"[0-9a-f]{64}")
_NAMES = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{62}")


class BlobStore:
    """Content-addressed files in ``storage``. A key is readable only once all its bytes are there.

    Any method may raise BlobStoreUnavailableError.
    """

    def __init__(self, storage: Storage, *, expiry_s: float) -> None:
        self.storage = storage
        self.expiry_s = expiry_s

    def put(self, content: bytes, served: ServedAs | None = None) -> str:
        """Store bytes and return their key. Raises: BlobStoreFullError."""
        key = hashlib.sha256(content).hexdigest()
        self.storage.put(_name(key), content, served)
        return key

    def writer(self) -> "BlobWriter":
        """A writer that hashes while it receives; leaving its ``with`` block without ``commit`` leaves nothing."""
        return BlobWriter(self.storage)

    def get(self, key: str) -> bytes:
        """All bytes of a blob. Raises: BlobMissingError."""
        return self.storage.get(_name(key))

    def file(self, key: str) -> StoredFile:
        """A blob, to be sent on as a whole or in part. Raises: BlobMissingError."""
        return StoredFile.found(self.storage, _name(key))

    def exists(self, key: str) -> bool:
        """Whether the bytes of ``key`` are here."""
        try:
            self.size_bytes(key)
        except BlobMissingError:
            return False
        return True

    def size_bytes(self, key: str) -> int:
        """Length of a blob. Raises: BlobMissingError."""
        return self.storage.size_bytes(_name(key))

    def chunks(self, key: str, *, size_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
        """The bytes of a blob in pieces. Raises: BlobMissingError."""
        return self.file(key).pieces(size_bytes=size_bytes)

    def link(self, key: str, served: ServedAs, *, expires_s: int) -> str | None:
        """An address that gives a blob as ``served`` to anybody for so long; None where there can be none."""
        return self.storage.link(_name(key), served, expires_s=expires_s)

    def sweep(self) -> int:
        """Delete what nobody has put for ``expiry_s``, and parts left by killed processes; returns how many."""
        return self.storage.sweep(_NAMES, time.time() - self.expiry_s)


class BlobWriter:
    """Receives a blob piece by piece; see ``BlobStore.writer``."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        self._part = storage.new_part()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Append bytes. Raises: BlobStoreFullError."""
        with room_or_error():
            self._part.write(chunk)
        self._hash.update(chunk)
        self.size_bytes += len(chunk)

    def open(self) -> BinaryIO:
        """What has been written, to look at before ``commit``; no more is written then. Raises: BlobStoreFullError."""
        with room_or_error():
            self._part.flush()
        file = os.fdopen(os.dup(self._part.fileno()), "rb")
        file.seek(0)
        return file

    def commit(self) -> str:
        """Make the bytes readable under their key, and return it. Raises: BlobStoreFullError."""
        key = self._hash.hexdigest()
        self._storage.keep(self._part, _name(key))
        return key

    def abort(self) -> None:
        """Drop what was received; nothing happens after ``commit``."""
        self._storage.drop(self._part)


def _name(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise BlobMissingError("a blob key is 64 hexadecimal digits")
    return f"{key[:2]}/{key}"
