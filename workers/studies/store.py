"""What a store of observer studies can do; in ``memory``, ``durable`` beyond it, or in ``redis``."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from workers.errors import ServiceError
from workers.settings import BrokerSettings
from workers.studies.files import StudyFiles
from workers.studies.record import Study, StudyOptions
from workers.studies.session import Session

MAX_SESSIONS = 1000
LINK_TOMBSTONE_S = 30 * 24 * 3600
"""How long after its end a link is still answered with "expired" instead of "unknown"."""

Change = Callable[[Study], Study]
SessionChange = Callable[[Session], Session]


class StudyStore(ABC):
    """Studies and their sessions; their images are in ``files``. Any method may raise BrokerUnavailableError."""

    def __init__(self, settings: BrokerSettings, files: StudyFiles) -> None:
        self.settings = settings
        self.files = files

    @abstractmethod
    def create(self, options: StudyOptions, organiser_key: str) -> Study:
        """A new study. Raises: StudyLimitError when as many are kept as the settings allow."""

    @abstractmethod
    def find(self, link: str) -> Study:
        """The study behind ``organiser_link`` or ``observer_link``. Raises: StudyUnknownError, StudyExpiredError."""

    @abstractmethod
    def exists(self, study_id: str) -> bool:
        """Whether the study is kept."""

    @abstractmethod
    def update(self, study_id: str, change: Change) -> Study:
        """Replace a study in one atomic step. Raises: StudyExpiredError, and what ``change`` raises."""

    @abstractmethod
    def delete(self, study_id: str) -> None:
        """End a study now, with all sessions and images."""

    @abstractmethod
    def add_session(self, study_id: str, session: Session) -> None:
        """Keep a new session until the study ends. Raises: StudyExpiredError, SessionLimitError."""

    @abstractmethod
    def session(self, study_id: str, session_id: str) -> Session:
        """One session of that very study. Raises: SessionUnknownError."""

    @abstractmethod
    def update_session(self, study_id: str, session_id: str, change: SessionChange) -> Session:
        """Replace a session in one atomic step. Raises: SessionUnknownError, and what ``change`` raises."""

    @abstractmethod
    def sessions(self, study_id: str) -> list[Session]:
        """All sessions of a study, oldest first."""

    def begin_files(self, study_id: str) -> None:
        """A folder for the images of a new study; without one there is no study. Raises: BlobStoreUnavailableError."""
        try:
            self.files.create(study_id)
        except ServiceError:
            self.delete(study_id)
            raise

    def sweep(self) -> int:
        """Delete the images of studies that are no more; returns how many studies that were."""
        gone = [study_id for study_id in self.files.study_ids() if not self.exists(study_id)]
        for study_id in gone:
            self.files.delete(study_id)
        return len(gone)
