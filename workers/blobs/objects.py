"""Files in the bucket of an object store: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.

Who may do what there, and where the store is, is said by its own environment variables: ``AWS_ACCESS_KEY_ID``,
``AWS_ENDPOINT_URL`` and so on. Nothing but this module needs ``obstore``.
"""

import contextlib
import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from re import Pattern
from typing import IO, Any, Self

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store, from_url

from workers.blobs.storage import ServedAs, Storage, room_or_error
from workers.errors import BlobMissingError, BlobStoreFullError, BlobStoreUnavailableError

logger = logging.getLogger(__name__)

MULTIPART_BYTES = 8 << 20
"""Files above this are sent in pieces of this size, several at once."""
SWEEP_S = 600.0
"""However many processes sweep, the bucket is listed once in this time."""
_BEGUN = ".folder"
"""File that stands for a folder: an object store has none."""
_SWEPT = ".swept"
_READY = ".ready"
_FULL = ("507", "StorageFull", "QuotaExceeded", "InsufficientStorage")
"""How stores say that they are full: WebDAV's status, MinIO's and Ceph's codes."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for the store: for the answer to one request, and for a store that fails to work again."""

    request_s: float
    outage_s: float


WEB = Patience(request_s=10, outage_s=2)
"""A client that waits learns soon that the store is away."""
WORKER = Patience(request_s=60, outage_s=60)
"""Work that has been done is not thrown away because the store starts anew."""


@dataclass(frozen=True)
class ObjectStorage(Storage):
    """``Storage`` in the bucket that ``url`` names, below its path. Parts are local files without a name."""

    url: str
    patience: Patience

    @cached_property
    def _store(self) -> ObjectStore:
        return from_url(
            self.url,
            client_options={
                "allow_http": True,  # an endpoint inside a network of one's own often has no certificate
                "connect_timeout": timedelta(seconds=2),
                "timeout": timedelta(seconds=self.patience.request_s),
            },
            retry_config={
                "max_retries": 100,
                "retry_timeout": timedelta(seconds=self.patience.outage_s),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=50),
                    "max_backoff": timedelta(seconds=2),
                    "base": 2,
                },
            },
        )

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "patience": self.patience}

    def below(self, folder: str) -> Self:
        """See ``Storage.below``."""
        return replace(self, url=f"{self.url.rstrip('/')}/{folder}")

    def new_part(self) -> IO[bytes]:
        """See ``Storage.new_part``; it ends with the process, however that ends."""
        with room_or_error():
            return tempfile.TemporaryFile()

    def keep(self, part: IO[bytes], name: str) -> None:
        """See ``Storage.keep``."""
        with room_or_error():
            part.seek(0)
        self._write(name, part)
        part.close()

    def drop(self, part: IO[bytes]) -> None:
        """See ``Storage.drop``."""
        with contextlib.suppress(OSError):  # the buffered rest does not fit on a full disk; it is dropped anyway
            part.close()

    def put(self, name: str, content: bytes, served: ServedAs | None = None) -> None:
        """See ``Storage.put``."""
        self._write(name, content, served)

    def _write(self, name: str, content: bytes | IO[bytes], served: ServedAs | None = None) -> None:
        with _errors_named():
            try:
                obstore.put(self._store, name, content, attributes=_attributes(served), chunk_size=MULTIPART_BYTES)
            except FileNotFoundError as error:
                raise BlobStoreUnavailableError("the object store has no such bucket") from error

    def get(self, name: str) -> bytes:
        """See ``Storage.get``."""
        with _errors_named(), _missing_named(name):
            return obstore.get(self._store, name).bytes().to_bytes()

    def part_of(self, name: str, start: int, end: int) -> bytes:
        """See ``Storage.part_of``."""
        with _errors_named(), _missing_named(name):
            return obstore.get_range(self._store, name, start=start, end=end).to_bytes()

    def size_bytes(self, name: str) -> int:
        """See ``Storage.size_bytes``."""
        with _errors_named(), _missing_named(name):
            return obstore.head(self._store, name)["size"]

    def link(self, name: str, served: ServedAs, *, expires_s: int) -> str | None:
        """See ``Storage.link``: None also if the same bytes were last put to be served otherwise, or as nothing."""
        store = self._store
        if not isinstance(store, S3Store | GCSStore | AzureStore):
            return None
        with _errors_named(), _missing_named(name):
            if dict(obstore.get(store, name).attributes) != _attributes(served):
                return None
            return obstore.sign(store, "GET", name, timedelta(seconds=expires_s))

    def sweep(self, names: Pattern[str], oldest: float) -> int:
        """See ``Storage.sweep``: does nothing if another process has done it within ``SWEEP_S``."""
        with _errors_named():
            if self._swept_lately():
                return 0
            obstore.put(self._store, _SWEPT, b"")
            count = 0
            for page in obstore.list(self._store):
                old = [
                    item["path"]
                    for item in page
                    if names.fullmatch(item["path"]) and item["last_modified"].timestamp() < oldest
                ]
                self._delete(old)
                count += len(old)
            return count

    def _swept_lately(self) -> bool:
        try:
            return time.time() - obstore.head(self._store, _SWEPT)["last_modified"].timestamp() < SWEEP_S
        except FileNotFoundError:
            return False

    def check(self) -> None:
        """See ``Storage.check``: it writes when it is first asked in a bucket, and then looks for what it wrote."""
        with _errors_named():
            try:
                obstore.head(self._store, _READY)
            except FileNotFoundError:
                self._write(_READY, b"")

    def make_folder(self, name: str) -> None:
        """See ``Storage.make_folder``."""
        self._write(f"{name}/{_BEGUN}", b"")

    def has_folder(self, name: str) -> bool:
        """See ``Storage.has_folder``."""
        try:
            self.size_bytes(f"{name}/{_BEGUN}")
        except BlobMissingError:
            return False
        return True

    def folders(self) -> list[str]:
        """See ``Storage.folders``."""
        with _errors_named():
            return sorted(obstore.list_with_delimiter(self._store)["common_prefixes"])

    def delete_folder(self, name: str) -> None:
        """See ``Storage.delete_folder``."""
        with _errors_named():
            self._delete([f"{name}/{_BEGUN}"])  # first, so that nobody begins to write there
            for page in obstore.list(self._store, name):
                self._delete([item["path"] for item in page])

    def _delete(self, names: list[str]) -> None:
        if names:
            with contextlib.suppress(FileNotFoundError):  # another process was faster; some stores mind
                obstore.delete(self._store, names)


def _attributes(served: ServedAs | None) -> Any:
    """What a store is told of a file."""
    return None if served is None else {"Content-Type": served.media_type, "Content-Disposition": served.disposition}


@contextlib.contextmanager
def _errors_named() -> Iterator[None]:
    """Turns the library's errors into ours; their cause is for the log alone, as it names the store's address."""
    try:
        yield
    except BaseError as error:
        cause = str(error).partition("\n")[0]
        logger.warning("object store: %s", cause)
        if any(word in str(error) for word in _FULL):
            raise BlobStoreFullError("the object store has no room left") from error
        raise BlobStoreUnavailableError(f"the object store cannot be used: {type(error).__name__}") from error


@contextlib.contextmanager
def _missing_named(name: str) -> Iterator[None]:
    """Turns "not found" into BlobMissingError."""
    try:
        yield
    except FileNotFoundError:
        raise BlobMissingError(f"no file {name}") from None
