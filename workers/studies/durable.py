"""Observer studies that outlive the process: the embedded mode. Their images lie beside the records."""

import json
import time
from collections.abc import Callable, Mapping

from workers.record_file import RecordFile, RecordFileError
from workers.settings import BrokerSettings
from workers.studies.files import StudyFiles
from workers.studies.memory import Entry, MemoryStudyStore
from workers.studies.record import Study
from workers.studies.session import Session


class DurableStudyStore(MemoryStudyStore):
    """``StudyStore`` in memory, every change of which is in a file before anybody sees it."""

    def __init__(
        self,
        settings: BrokerSettings,
        files: StudyFiles,
        records: RecordFile,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(settings, files, clock=clock)
        self._records = records
        try:
            self._load()
        except (ValueError, KeyError) as error:
            raise RecordFileError(f"a study among the records cannot be read: {type(error).__name__}") from error

    def _load(self) -> None:
        for study_id, text in self._records.all("study").items():
            self._entries[study_id] = Entry(Study.model_validate_json(text))
        for key, text in self._records.all("session").items():
            study_id, session_id = key.split("/")
            self._entries[study_id].sessions[session_id] = Session.model_validate_json(text)
        for link, text in self._records.all("link").items():
            study_id, until = json.loads(text)
            self._links[link] = study_id, until

    def _keep(self, study: Study, links: Mapping[str, tuple[str, float]]) -> None:
        of_links = [("link", link, json.dumps(found)) for link, found in links.items()]
        self._records.put(("study", study.id, study.model_dump_json()), *of_links)

    def _keep_session(self, study_id: str, session: Session) -> None:
        self._records.put(("session", f"{study_id}/{session.id}", session.model_dump_json()))

    def _drop(self, study_id: str) -> None:
        sessions = self._entries[study_id].sessions
        self._records.delete(("study", study_id), *(("session", f"{study_id}/{session_id}") for session_id in sessions))

    def _drop_links(self, links: list[str]) -> None:
        self._records.delete(*(("link", link) for link in links))
