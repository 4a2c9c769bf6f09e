"""Images of observer studies: one folder a study, reached by its id and by nothing else."""

import json
import re
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from workers.blobs import BlobStore
from workers.errors import BlobMissingError

_ID = re.compile(r"[0-9a-f]{8,32}")


class Ladder(BaseModel):
    """What is known of a photo once all its versions are there.

    ``log_distances``: ln of the predicted distance from the photo at level 1..100, never decreasing;
    ``distance_version`` names the weights that predicted it.
    """

    model_config = ConfigDict(frozen=True)

    width: int
    height: int
    log_distances: tuple[float, ...] = Field(min_length=100, max_length=100)
    distance_version: str


class StudyFiles:
    """Uploads, display copies and distorted versions, below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, study_id: str) -> None:
        """Make the folder of a new study."""
        self._study(study_id).mkdir(parents=True)

    def uploads(self, study_id: str) -> BlobStore:
        """The uploads of one study: no other study's, and no job's, even if the bytes are the same.

        Raises: BlobMissingError if the study has ended.
        """
        if not self._study(study_id).is_dir():
            raise BlobMissingError("the study has ended")
        return BlobStore(self._study(study_id) / "uploads", expiry_s=float("inf"))

    def begin_photo(self, study_id: str, photo_id: str) -> Path:
        """The folder for a photo's versions. Raises: BlobMissingError if the study has ended."""
        folder = self._photo(study_id, photo_id)
        try:
            folder.mkdir(exist_ok=True)
        except FileNotFoundError:
            raise BlobMissingError("the study has ended") from None
        return folder

    def finish_photo(self, study_id: str, photo_id: str, ladder: Ladder) -> None:
        """Say that every version of a photo is there. Raises: BlobMissingError if the study has ended."""
        folder = self._photo(study_id, photo_id)
        part = folder / "ladder.part"
        try:
            part.write_text(ladder.model_dump_json())
            part.replace(folder / "ladder.json")
        except FileNotFoundError:
            raise BlobMissingError("the study has ended") from None

    def ladder(self, study_id: str, photo_id: str) -> Ladder | None:
        """Size and distances of a photo's versions; None before all are there."""
        try:
            return Ladder.model_validate(json.loads((self._photo(study_id, photo_id) / "ladder.json").read_text()))
        except FileNotFoundError:
            return None

    def version(self, study_id: str, photo_id: str, level: int) -> Path:
        """File of a photo's version at ``level`` 1..100, or of the undistorted display copy at 0.

        Raises: BlobMissingError.
        """
        path = self._photo(study_id, photo_id) / version_name(level)
        if not path.is_file():
            raise BlobMissingError("the study has no such image")
        return path

    def study_ids(self) -> list[str]:
        """Studies that have a folder."""
        return sorted(path.name for path in self.folder.glob("*")) if self.folder.is_dir() else []

    def delete(self, study_id: str) -> None:
        """Delete everything of a study; nothing happens if that is done."""
        shutil.rmtree(self._study(study_id), ignore_errors=True)

    def _study(self, study_id: str) -> Path:
        if not _ID.fullmatch(study_id):
            raise BlobMissingError("no such study")
        return self.folder / study_id

    def _photo(self, study_id: str, photo_id: str) -> Path:
        if not _ID.fullmatch(photo_id):
            raise BlobMissingError("no such photo")
        return self._study(study_id) / photo_id


def version_name(level: int) -> str:
    """File name of one version: PNG for the undistorted copy, level 0; JPEG for the others."""
    return "reference.png" if level == 0 else f"level-{level:03d}.jpg"
