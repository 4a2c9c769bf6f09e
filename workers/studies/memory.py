"""Observer studies in this process's memory; ``durable`` keeps them beyond it."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from workers.errors import (
    SessionLimitError,
    SessionUnknownError,
    StudyExpiredError,
    StudyLimitError,
    StudyUnknownError,
)
from workers.settings import BrokerSettings
from workers.studies.files import StudyFiles
from workers.studies.record import Study, StudyOptions, new_study, observer_link, organiser_link
from workers.studies.session import Session
from workers.studies.store import LINK_TOMBSTONE_S, MAX_SESSIONS, Change, SessionChange, StudyStore


@dataclass(slots=True)
class Entry:
    """A study and its sessions, oldest first."""

    study: Study
    sessions: dict[str, Session] = field(default_factory=dict)


class MemoryStudyStore(StudyStore):
    """``StudyStore`` in memory, for threads of one process."""

    def __init__(self, settings: BrokerSettings, files: StudyFiles, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(settings, files)
        self._clock = clock
        self._lock = threading.RLock()
        self._entries: dict[str, Entry] = {}
        self._links: dict[str, tuple[str, float]] = {}

    def create(self, options: StudyOptions, organiser_key: str) -> Study:
        """See ``StudyStore.create``."""
        with self._lock:
            self._forget_expired()
            if len(self._entries) >= self.settings.study_limit:
                raise StudyLimitError(f"{self.settings.study_limit} studies are kept at once")
            study = new_study(options, self._clock())
            until = study.expires_at + LINK_TOMBSTONE_S
            of_study = (organiser_link(organiser_key), observer_link(study.observer_token))
            links = dict.fromkeys(of_study, (study.id, until))
            self._keep(study, links)
            self._entries[study.id] = Entry(study)
            self._links |= links
        self.begin_files(study.id)
        return study

    def find(self, link: str) -> Study:
        """See ``StudyStore.find``."""
        with self._lock:
            if link not in self._links:
                raise StudyUnknownError("no study has this link")
            return self._entry(self._links[link][0]).study

    def exists(self, study_id: str) -> bool:
        """See ``StudyStore.exists``."""
        with self._lock:
            entry = self._entries.get(study_id)
            return entry is not None and entry.study.expires_at > self._clock()

    def update(self, study_id: str, change: Change) -> Study:
        """See ``StudyStore.update``."""
        with self._lock:
            entry = self._entry(study_id)
            changed = change(entry.study)
            self._keep(changed, {})
            entry.study = changed
            return changed

    def delete(self, study_id: str) -> None:
        """See ``StudyStore.delete``."""
        with self._lock:
            if study_id in self._entries:
                self._drop(study_id)
                del self._entries[study_id]
        self.files.delete(study_id)

    def add_session(self, study_id: str, session: Session) -> None:
        """See ``StudyStore.add_session``."""
        with self._lock:
            sessions = self._entry(study_id).sessions
            if len(sessions) >= MAX_SESSIONS:
                raise SessionLimitError(f"a study takes {MAX_SESSIONS} sessions")
            self._keep_session(study_id, session)
            sessions[session.id] = session

    def session(self, study_id: str, session_id: str) -> Session:
        """See ``StudyStore.session``."""
        with self._lock:
            session = self._entry(study_id).sessions.get(session_id)
        if session is None:
            raise SessionUnknownError("the study has no such session")
        return session

    def update_session(self, study_id: str, session_id: str, change: SessionChange) -> Session:
        """See ``StudyStore.update_session``."""
        with self._lock:
            session = change(self.session(study_id, session_id))
            self._keep_session(study_id, session)
            self._entry(study_id).sessions[session_id] = session
            return session

    def sessions(self, study_id: str) -> list[Session]:
        """See ``StudyStore.sessions``."""
        with self._lock:
            return list(self._entry(study_id).sessions.values())

    def sweep(self) -> int:
        """See ``StudyStore.sweep``; what people answered goes with the images."""
        with self._lock:
            self._forget_expired()
        return super().sweep()

    def _keep(self, study: Study, links: Mapping[str, tuple[str, float]]) -> None:
        """Called before anybody sees a study that is new or changed; ``links`` are new, each with study and end."""

    def _keep_session(self, study_id: str, session: Session) -> None:
        """Called before anybody sees a session that is new or changed."""

    def _drop(self, study_id: str) -> None:
        """Called before a study is forgotten, with its sessions."""

    def _drop_links(self, links: list[str]) -> None:
        """Called before links are forgotten."""

    def _entry(self, study_id: str) -> Entry:
        entry = self._entries.get(study_id)
        if entry is None or entry.study.expires_at <= self._clock():
            raise StudyExpiredError("the study has ended")
        return entry

    def _forget_expired(self) -> None:
        now = self._clock()
        for study_id in [key for key, entry in self._entries.items() if entry.study.expires_at <= now]:
            self._drop(study_id)
            del self._entries[study_id]
        past = [link for link, (_, until) in self._links.items() if until <= now]
        self._drop_links(past)
        for link in past:
            del self._links[link]
