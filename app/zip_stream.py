"""A ZIP archive that is sent while it is made, and never kept as a whole."""

import io
import time
import zipfile
from collections.abc import Iterable, Iterator

from workers.blobs.storage import StoredFile


def zip_pieces(entries: Iterable[tuple[str, bytes | str | StoredFile]]) -> Iterator[bytes]:
    """The archive, piece by piece; an entry is its name and its content, or the stored file with it.

    Nothing is compressed: images are already.
    """
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries:
            if isinstance(content, StoredFile):
                with archive.open(zipfile.ZipInfo(name, time.localtime()[:6]), "w") as entry:
                    for piece in content.pieces():
                        entry.write(piece)
                        yield outlet.taken()
            else:
                archive.writestr(name, content)
            yield outlet.taken()
    yield outlet.taken()


class _Outlet(io.RawIOBase):
    """A file that cannot be sought in, and gives away what was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self._pending = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        self._pending += memoryview(data)  # type: ignore[arg-type]  # ZipFile writes bytes
        return len(memoryview(data))  # type: ignore[arg-type]

    def taken(self) -> bytes:
        """What was written since the last call."""
        data = bytes(self._pending)
        self._pending.clear()
        return data
