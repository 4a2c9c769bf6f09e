"""Files in a folder: the embedded mode, and hosts that share a disc."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from re import Pattern
from typing import IO, Self

from workers.blobs.storage import ServedAs, Storage, room_or_error
from workers.errors import BlobMissingError

_PART_PREFIX = ".part-"


class FolderStorage(Storage):
    """``Storage`` below ``folder``. A part lies there too, so that it becomes a file by its name alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def opened(cls, folder: Path) -> Self:
        """In a folder that is made if it is missing. Raises: OSError if it cannot be."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder)

    def below(self, folder: str) -> Self:
        """See ``Storage.below``."""
        return type(self)(self.folder / folder)

    def patient(self) -> Self:
        """See ``Storage.patient``."""
        return self

    def new_part(self) -> IO[bytes]:
        """See ``Storage.new_part``."""
        with room_or_error():
            self.folder.mkdir(parents=True, exist_ok=True)
            return tempfile.NamedTemporaryFile(prefix=_PART_PREFIX, dir=self.folder, delete=False)

    def keep(self, part: IO[bytes], name: str) -> None:
        """See ``Storage.keep``."""
        path, target = Path(part.name), self.folder / name
        with room_or_error():
            part.close()
            path.chmod(0o640)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)

    def drop(self, part: IO[bytes]) -> None:
        """See ``Storage.drop``."""
        with contextlib.suppress(OSError):  # the buffered rest does not fit on a full disk; it is dropped anyway
            part.close()
        Path(part.name).unlink(missing_ok=True)

    def put(self, name: str, content: bytes, served: ServedAs | None = None) -> None:
        """See ``Storage.put``."""
        part = self.new_part()
        try:
            with room_or_error():
                part.write(content)
            self.keep(part, name)
        finally:
            self.drop(part)

    def get(self, name: str) -> bytes:
        """See ``Storage.get``."""
        with _missing_or_error(name):
            return (self.folder / name).read_bytes()

    def part_of(self, name: str, start: int, end: int) -> bytes:
        """See ``Storage.part_of``."""
        with _missing_or_error(name), (self.folder / name).open("rb") as file:
            file.seek(start)
            return file.read(end - start)

    def size_bytes(self, name: str) -> int:
        """See ``Storage.size_bytes``."""
        with _missing_or_error(name):
            return (self.folder / name).stat().st_size

    def link(self, name: str, served: ServedAs, *, expires_s: int) -> None:
        """See ``Storage.link``: who has no access to the folder gets files from the web process."""

    def sweep(self, names: Pattern[str], oldest: float) -> int:
        """See ``Storage.sweep``; parts left by killed processes go too."""
        files = (path for path in self.folder.glob("*/*") if names.fullmatch(path.relative_to(self.folder).as_posix()))
        parts = self.folder.glob(f"{_PART_PREFIX}*")
        return sum(_delete_older(path, oldest) for found in (files, parts) for path in found)

    def check(self) -> None:
        """See ``Storage.check``."""
        part = self.new_part()
        try:
            with room_or_error():
                part.write(b"ready?")
                part.flush()
        finally:
            self.drop(part)

    def make_folder(self, name: str) -> None:
        """See ``Storage.make_folder``."""
        with room_or_error():
            (self.folder / name).mkdir(parents=True)

    def has_folder(self, name: str) -> bool:
        """See ``Storage.has_folder``."""
        return (self.folder / name).is_dir()

    def folders(self) -> list[str]:
        """See ``Storage.folders``."""
        return sorted(path.name for path in self.folder.glob("*") if path.is_dir())

    def delete_folder(self, name: str) -> None:
        """See ``Storage.delete_folder``."""
        shutil.rmtree(self.folder / name, ignore_errors=True)


@contextlib.contextmanager
def _missing_or_error(name: str) -> Iterator[None]:
    """Turns "no such file" into BlobMissingError."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError):
        raise BlobMissingError(f"no file {name}") from None


def _delete_older(path: Path, oldest: float) -> bool:
    try:
        if path.stat().st_mtime >= oldest:
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True
