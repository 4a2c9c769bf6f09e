"""Images of observer studies: one folder a study, reached by its id and by nothing else."""

import re
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field

from workers.blobs.storage import Storage, StoredFile
from workers.blobs.store import BlobStore
from workers.errors import BlobMissingError

_ID = re.compile(r"[0-9a-f]{8,32}")
_LADDERS_KNOWN = 1000


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
    """Uploads, display copies and distorted versions, in ``storage``. Any method may raise BlobStoreUnavailableError;
    those that write, BlobStoreFullError.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._known = lru_cache(_LADDERS_KNOWN)(self._read_ladder)  # once there, it stays as it is

    def create(self, study_id: str) -> None:
        """Make the folder of a new study."""
        self.storage.make_folder(_study(study_id))

    def uploads(self, study_id: str) -> BlobStore:
        """The uploads of one study: no other study's, and no job's, even if the bytes are the same.

        Raises: BlobMissingError if the study has ended.
        """
        self._check_goes_on(study_id)
        return BlobStore(self.storage.below(f"{_study(study_id)}/uploads"), expiry_s=float("inf"))

    def put_version(self, study_id: str, photo_id: str, level: int, content: bytes) -> None:
        """Keep a photo's version at ``level`` 1..100, a JPEG, or at 0 the undistorted display copy, a PNG."""
        self.storage.put(_version(study_id, photo_id, level), content)

    def finish_photo(self, study_id: str, photo_id: str, ladder: Ladder) -> None:
        """Say that every version of a photo is there. Raises: BlobMissingError if the study has ended."""
        self._check_goes_on(study_id)
        self.storage.put(f"{_photo(study_id, photo_id)}/ladder.json", ladder.model_dump_json().encode())

    def ladder(self, study_id: str, photo_id: str) -> Ladder | None:
        """Size and distances of a photo's versions; None before all are there."""
        try:
            return self._known(study_id, photo_id)
        except BlobMissingError:
            return None

    def version(self, study_id: str, photo_id: str, level: int) -> StoredFile:
        """File of a photo's version at ``level`` 1..100, or of the undistorted display copy at 0.

        Raises: BlobMissingError.
        """
        return StoredFile.found(self.storage, _version(study_id, photo_id, level))

    def study_ids(self) -> list[str]:
        """Studies that have a folder."""
        return self.storage.folders()

    def delete(self, study_id: str) -> None:
        """Delete everything of a study; nothing happens if that is done."""
        self.storage.delete_folder(_study(study_id))

    def _read_ladder(self, study_id: str, photo_id: str) -> Ladder:
        return Ladder.model_validate_json(self.storage.get(f"{_photo(study_id, photo_id)}/ladder.json"))

    def _check_goes_on(self, study_id: str) -> None:
        if not self.storage.has_folder(_study(study_id)):
            raise BlobMissingError("the study has ended")


def _study(study_id: str) -> str:
    if not _ID.fullmatch(study_id):
        raise BlobMissingError("no such study")
    return study_id


def _photo(study_id: str, photo_id: str) -> str:
    if not _ID.fullmatch(photo_id):
        raise BlobMissingError("no such photo")
    return f"{_study(study_id)}/{photo_id}"


def _version(study_id: str, photo_id: str, level: int) -> str:
    return f"{_photo(study_id, photo_id)}/{'reference.png' if level == 0 else f'level-{level:03d}.jpg'}"
