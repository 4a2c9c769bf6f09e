"""The store of observer studies that the settings ask for."""

from workers.blobs.storage import Storage
from workers.settings import BrokerSettings
from workers.studies.files import StudyFiles
from workers.studies.memory import MemoryStudyStore
from workers.studies.redis import RedisStudyStore
from workers.studies.store import StudyStore

EMBEDDED = "studies-embedded"
"""Each kind of store has a folder of its own, as it deletes every study that it does not know."""


def open_study_store(settings: BrokerSettings, storage: Storage) -> StudyStore:
    """The store that the settings ask for, with its images in ``storage``: Redis if there is a URL, else memory."""
    if settings.redis_url is None:
        return MemoryStudyStore(settings, StudyFiles(storage.below(EMBEDDED)))
    return RedisStudyStore(settings, StudyFiles(storage.below("studies")), settings.redis_url.get_secret_value())
