"""Image and result bytes in a shared folder, each under the SHA-256 of its content."""

import contextlib
import errno
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from workers.errors import BlobMissingError, BlobStoreFullError

_KEY = re.compile(r"[0-9a-f]{64}")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_PART_PREFIX = ".part-"


class BlobStore:
    """Content-addressed files below ``folder``. A key is readable only once all its bytes are there."""

    def __init__(self, folder: Path, *, expiry_s: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.expiry_s = expiry_s

    def put(self, content: bytes) -> str:
        """Store bytes and return their key. Raises: BlobStoreFullError."""
        with self.writer() as writer:
            writer.write(content)
            return writer.commit()

    def writer(self) -> "BlobWriter":
        """A writer that hashes while it receives; leaving its ``with`` block without ``commit`` leaves nothing."""
        return BlobWriter(self)

    def get(self, key: str) -> bytes:
        """All bytes of a blob. Raises: BlobMissingError."""
        try:
            return self.location(key).read_bytes()
        except FileNotFoundError:
            raise BlobMissingError(f"no blob {key}") from None

    def path(self, key: str) -> Path:
        """The file of a blob, to read or to stream. Raises: BlobMissingError."""
        path = self.location(key)
        if not path.is_file():
            raise BlobMissingError(f"no blob {key}")
        return path

    def exists(self, key: str) -> bool:
        """Whether the bytes of ``key`` are here."""
        return self.location(key).is_file()

    def size_bytes(self, key: str) -> int:
        """Length of a blob. Raises: BlobMissingError."""
        return self.path(key).stat().st_size

    def chunks(self, key: str, *, size_bytes: int = 1 << 18) -> Iterator[bytes]:
        """The bytes of a blob in pieces. Raises: BlobMissingError."""
        with self.path(key).open("rb") as file:
            while chunk := file.read(size_bytes):
                yield chunk

    def location(self, key: str) -> Path:
        """Where the bytes of ``key`` are or would be. Raises: BlobMissingError if it is no key at all."""
        if not _KEY.fullmatch(key):
            raise BlobMissingError("a blob key is 64 hexadecimal digits")
        return self.folder / key[:2] / key

    def sweep(self) -> int:
        """Delete what nobody has put for ``expiry_s``, and parts left by killed processes; returns how many."""
        oldest = time.time() - self.expiry_s
        return sum(_delete_older(path, oldest) for path in self.folder.glob("[0-9a-f][0-9a-f]/*")) + sum(
            _delete_older(path, oldest) for path in self.folder.glob(f"{_PART_PREFIX}*")
        )


class BlobWriter:
    """Receives a blob piece by piece; see ``BlobStore.writer``."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        with _room_or_error():
            descriptor, name = tempfile.mkstemp(prefix=_PART_PREFIX, dir=store.folder)
        self._file = os.fdopen(descriptor, "wb")
        self._part = Path(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Append bytes. Raises: BlobStoreFullError."""
        with _room_or_error():
            self._file.write(chunk)
        self._hash.update(chunk)
        self.size_bytes += len(chunk)

    def open(self) -> BinaryIO:
        """What has been written so far, to look at before ``commit``. Raises: BlobStoreFullError."""
        with _room_or_error():
            self._file.flush()
        return self._part.open("rb")

    def commit(self) -> str:
        """Make the bytes readable under their key, and return it. Raises: BlobStoreFullError."""
        key = self._hash.hexdigest()
        target = self._store.location(key)
        with _room_or_error():
            self._file.close()
            self._part.chmod(0o640)
            target.parent.mkdir(exist_ok=True)
            self._part.replace(target)
        return key

    def abort(self) -> None:
        """Drop what was received; nothing happens after ``commit``."""
        with contextlib.suppress(OSError):  # the buffered rest does not fit on a full disk; it is dropped anyway
            self._file.close()
        self._part.unlink(missing_ok=True)


@contextlib.contextmanager
def _room_or_error() -> Iterator[None]:
    """Turns "no space left" into BlobStoreFullError."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise BlobStoreFullError("the blob store has no room left") from error
        raise


def _delete_older(path: Path, oldest: float) -> bool:
    try:
        if path.stat().st_mtime >= oldest:
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True
