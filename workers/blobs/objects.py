"""Files in the bucket of an object store: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.

Who may do what there, and where the store is, is said by its own environment variables: ``AWS_ACCESS_KEY_ID``,
``AWS_ENDPOINT_URL`` and so on. Nothing but this module needs ``obstore``.
"""

import contextlib
import logging
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
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
_FULL = re.compile(r"status code: 507\b|<Code>(?:XMinioStorageFull|QuotaExceeded|InsufficientStorage)</Code>")
"""How stores say that they are full: WebDAV's status, MinIO's and Ceph's codes."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for the store: for the answer to one request, and for a store that fails to work again."""

    request_s: float
    outage_s: float


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as its bucket lists it; ``tag`` differs between its versions."""

    name: str
    size_bytes: int
    tag: str


WEB = Patience(request_s=10, outage_s=2)
"""A client that waits learns soon that the store is away."""
WORKER = Patience(request_s=60, outage_s=60)
"""Work that has been done is not thrown away because the store starts anew."""


class ObjectStorage(Storage):
    """``Storage`` in the bucket that ``url`` names, below its path. Parts are local files without a name."""

    def __init__(self, url: str, patience: Patience, *, folder: str = "", opened: ObjectStore | None = None) -> None:
        self.url = url
        self._patience = patience
        self._folder = folder
        self.opened = opened or _opened(url, patience)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), folder=self._folder), (self.url, self._patience)

    def below(self, folder: str) -> Self:
        """See ``Storage.below``; connections are shared."""
        return type(self)(self.url, self._patience, folder=f"{self._folder}{folder}/", opened=self.opened)

    def patient(self) -> Self:
        """See ``Storage.patient``."""
        return type(self)(self.url, WORKER, folder=self._folder)

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
                obstore.put(
                    self.opened, self._path(name), content, attributes=_attributes(served), chunk_size=MULTIPART_BYTES
                )
            except FileNotFoundError as error:
                raise BlobStoreUnavailableError("the object store has no such bucket") from error

    def get(self, name: str) -> bytes:
        """See ``Storage.get``."""
        with _errors_named(), _missing_named(name):
            return obstore.get(self.opened, self._path(name)).bytes().to_bytes()

    def part_of(self, name: str, start: int, end: int) -> bytes:
        """See ``Storage.part_of``."""
        with _errors_named(), _missing_named(name):
            return obstore.get_range(self.opened, self._path(name), start=start, end=end).to_bytes()

    def size_bytes(self, name: str) -> int:
        """See ``Storage.size_bytes``."""
        with _errors_named(), _missing_named(name):
            return obstore.head(self.opened, self._path(name))["size"]

    def link(self, name: str, served: ServedAs, *, expires_s: int) -> str | None:
        """See ``Storage.link``: None also if the same bytes were last put to be served otherwise, or as nothing."""
        store = self.opened
        if not isinstance(store, S3Store | GCSStore | AzureStore):
            return None
        with _errors_named(), _missing_named(name):
            if dict(obstore.get(store, self._path(name), options={"head": True}).attributes) != _attributes(served):
                return None
            return obstore.sign(store, "GET", self._path(name), timedelta(seconds=expires_s))

    def listed(self) -> Iterator[Listed]:
        """All files, page by page, with what tells one version of them from another."""
        with _errors_named():
            for page in obstore.list(self.opened, self._folder or None):
                for item in page:
                    tag = item["e_tag"] or item["last_modified"].isoformat()
                    yield Listed(item["path"].removeprefix(self._folder), item["size"], tag)

    def sweep(self, names: Pattern[str], oldest: float) -> int:
        """See ``Storage.sweep``: does nothing if another process has done it within ``SWEEP_S``."""
        with _errors_named():
            if self._swept_lately():
                return 0
            self._write(_SWEPT, b"")
            count = 0
            for page in obstore.list(self.opened, self._folder or None):
                old = [item["path"] for item in page if item["last_modified"].timestamp() < oldest]
                expired = [path for path in old if names.fullmatch(path.removeprefix(self._folder))]
                self._delete(expired)
                count += len(expired)
            return count

    def _swept_lately(self) -> bool:
        try:
            return time.time() - obstore.head(self.opened, self._path(_SWEPT))["last_modified"].timestamp() < SWEEP_S
        except FileNotFoundError:
            return False

    def check(self) -> None:
        """See ``Storage.check``: it writes when it is first asked in a bucket, and then looks for what it wrote."""
        with _errors_named():
            try:
                obstore.head(self.opened, self._path(_READY))
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
            found = obstore.list_with_delimiter(self.opened, self._folder or None)["common_prefixes"]
            return sorted(path.removeprefix(self._folder) for path in found)

    def delete_folder(self, name: str) -> None:
        """See ``Storage.delete_folder``."""
        with _errors_named():
            self._delete([self._path(f"{name}/{_BEGUN}")])  # first, so that nobody begins to write there
            for page in obstore.list(self.opened, self._path(name)):
                self._delete([item["path"] for item in page])

    def _path(self, name: str) -> str:
        return self._folder + name

    def _delete(self, paths: list[str]) -> None:
        if paths:
            with contextlib.suppress(FileNotFoundError):  # another process was faster; some stores mind
                obstore.delete(self.opened, paths)


def _opened(url: str, patience: Patience) -> ObjectStore:
    return from_url(
        url,
        client_options={
            "allow_http": True,  # an endpoint inside a network of one's own often has no certificate
            "connect_timeout": timedelta(seconds=2),
            "timeout": timedelta(seconds=patience.request_s),
        },
        retry_config={
            "max_retries": 100,
            "retry_timeout": timedelta(seconds=patience.outage_s),
            "backoff": {
                "init_backoff": timedelta(milliseconds=50),
                "max_backoff": timedelta(seconds=2),
                "base": 2,
            },
        },
    )


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
        if _FULL.search(str(error)):
            raise BlobStoreFullError("the object store has no room left") from error
        raise BlobStoreUnavailableError(f"the object store cannot be used: {type(error).__name__}") from error


@contextlib.contextmanager
def _missing_named(name: str) -> Iterator[None]:
    """Turns "not found" into BlobMissingError."""
    try:
        yield
    except FileNotFoundError:
        raise BlobMissingError(f"no file {name}") from None
