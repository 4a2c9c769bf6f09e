"""The store of observer studies that the settings ask for."""

from pathlib import Path

from workers.settings import BrokerSettings
from workers.studies.files import StudyFiles
from workers.studies.memory import MemoryStudyStore
from workers.studies.redis import RedisStudyStore
from workers.studies.store import StudyStore


def open_study_store(settings: BrokerSettings, blob_folder: Path) -> StudyStore:
    """The store that the settings ask for: Redis if there is a URL, else this process's memory.

    Either has a folder of its own below ``blob_folder``, as it deletes every study that it does not know.
    """
    if settings.redis_url is None:
        return MemoryStudyStore(settings, StudyFiles(blob_folder / "studies-embedded"))
    return RedisStudyStore(settings, StudyFiles(blob_folder / "studies"), settings.redis_url.get_secret_value())
