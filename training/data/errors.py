"""What a reader of a data set raises, and the checks that raise it."""

from dataclasses import dataclass
from pathlib import Path


class DatasetMissingError(Exception):
    """A data set, or a part of it, is not where it was looked for; says what, and where to get it."""


class DatasetFormatError(Exception):
    """A file of a data set is there and does not hold what its documentation says; names the file and the place."""


@dataclass(frozen=True, slots=True)
class Home:
    """Name of a data set and where it is given out; none of them may be passed on with this project."""

    name: str
    place: str

    def existing(self, path: Path) -> Path:
        """``path`` if it is there. Raises: DatasetMissingError."""
        if not path.exists():
            raise DatasetMissingError(f"{self.name}: {path} is missing; get the data set from {self.place}")
        return path

    def some(self, paths: list[Path], sought: str) -> list[Path]:
        """``paths`` sorted, if there are any. Raises: DatasetMissingError that names what was ``sought``."""
        if not paths:
            raise DatasetMissingError(f"{self.name}: no {sought}; get the data set from {self.place}")
        return sorted(paths)
