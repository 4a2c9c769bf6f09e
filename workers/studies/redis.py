"""Observer studies in Redis, shared by any number of web processes.

Keys, all below ``limen:``: ``study:ID`` the record as JSON; ``study-sessions:ID`` session ids by start;
``session:ID:S`` one session as JSON; ``study-link:HASH`` the study's id, which outlives the study so that expired and
unknown can be told apart; ``studies`` ids by end. All but the last expire by themselves.
"""

import contextlib
from collections.abc import Callable
from typing import cast

import redis

from workers.errors import (
    SessionLimitError,
    SessionUnknownError,
    StudyExpiredError,
    StudyLimitError,
    StudyUnknownError,
)
from workers.redis_connection import connected, reachable, seconds
from workers.settings import BrokerSettings
from workers.studies.files import StudyFiles
from workers.studies.record import Study, StudyOptions, new_study, observer_link, organiser_link
from workers.studies.session import Session
from workers.studies.store import LINK_TOMBSTONE_S, MAX_SESSIONS, Change, SessionChange, StudyStore

_STUDIES = "limen:studies"


class RedisStudyStore(StudyStore):
    """``StudyStore`` in Redis."""

    def __init__(self, settings: BrokerSettings, files: StudyFiles, url: str) -> None:
        super().__init__(settings, files)
        self._redis = connected(url)

    def create(self, options: StudyOptions, organiser_key: str) -> Study:
        """See ``StudyStore.create``."""
        with reachable(), self._redis.pipeline() as pipe:
            while True:
                with contextlib.suppress(redis.WatchError):
                    pipe.watch(_STUDIES)  # type: ignore[no-untyped-call]
                    now = seconds(pipe.time())
                    if pipe.zcount(_STUDIES, now, "+inf") >= self.settings.study_limit:
                        raise StudyLimitError(f"{self.settings.study_limit} studies are kept at once")
                    study = new_study(options, now)
                    end = int(study.expires_at)
                    pipe.multi()
                    pipe.zremrangebyscore(_STUDIES, "-inf", now)
                    pipe.zadd(_STUDIES, {study.id: study.expires_at})
                    pipe.set(_record(study.id), study.model_dump_json(), exat=end)
                    for link in (organiser_link(organiser_key), observer_link(study.observer_token)):
                        pipe.set(_link(link), study.id, exat=end + LINK_TOMBSTONE_S)
                    pipe.execute()
                    break
        self.begin_files(study.id)
        return study

    def find(self, link: str) -> Study:
        """See ``StudyStore.find``."""
        with reachable():
            study_id = cast(str | None, self._redis.get(_link(link)))
            if study_id is None:
                raise StudyUnknownError("no study has this link")
            return _found(cast(str | None, self._redis.get(_record(study_id))))

    def exists(self, study_id: str) -> bool:
        """See ``StudyStore.exists``."""
        with reachable():
            return bool(self._redis.exists(_record(study_id)))

    def update(self, study_id: str, change: Change) -> Study:
        """See ``StudyStore.update``."""
        return Study.model_validate_json(
            self._replace(_record(study_id), lambda document: change(_found(document)).model_dump_json())
        )

    def delete(self, study_id: str) -> None:
        """See ``StudyStore.delete``."""
        with reachable():
            ids = cast(list[str], self._redis.zrange(_sessions(study_id), 0, -1))
            self._redis.delete(
                _record(study_id), _sessions(study_id), *(_session(study_id, session_id) for session_id in ids)
            )
            self._redis.zrem(_STUDIES, study_id)
        self.files.delete(study_id)

    def add_session(self, study_id: str, session: Session) -> None:
        """See ``StudyStore.add_session``."""
        ids = _sessions(study_id)
        with reachable(), self._redis.pipeline() as pipe:
            while True:
                with contextlib.suppress(redis.WatchError):
                    pipe.watch(_record(study_id), ids)  # type: ignore[no-untyped-call]
                    study = _found(cast(str | None, pipe.get(_record(study_id))))
                    if pipe.zcard(ids) >= MAX_SESSIONS:
                        raise SessionLimitError(f"a study takes {MAX_SESSIONS} sessions")
                    pipe.multi()
                    pipe.zadd(ids, {session.id: session.created_at})
                    pipe.expireat(ids, int(study.expires_at))
                    pipe.set(_session(study_id, session.id), session.model_dump_json(), exat=int(study.expires_at))
                    pipe.execute()
                    return

    def session(self, study_id: str, session_id: str) -> Session:
        """See ``StudyStore.session``."""
        with reachable():
            return _found_session(cast(str | None, self._redis.get(_session(study_id, session_id))))

    def update_session(self, study_id: str, session_id: str, change: SessionChange) -> Session:
        """See ``StudyStore.update_session``."""
        key = _session(study_id, session_id)
        return Session.model_validate_json(
            self._replace(key, lambda document: change(_found_session(document)).model_dump_json())
        )

    def sessions(self, study_id: str) -> list[Session]:
        """See ``StudyStore.sessions``."""
        with reachable():
            ids = cast(list[str], self._redis.zrange(_sessions(study_id), 0, -1))
            keys = [_session(study_id, session_id) for session_id in ids]
            documents = cast(list[str | None], self._redis.mget(keys)) if keys else []
        return [Session.model_validate_json(document) for document in documents if document is not None]

    def _replace(self, key: str, change: Callable[[str | None], str]) -> str:
        """Optimistic: reads, and writes only if nobody else has written meanwhile."""
        with reachable(), self._redis.pipeline() as pipe:
            while True:
                with contextlib.suppress(redis.WatchError):
                    pipe.watch(key)  # type: ignore[no-untyped-call]
                    document = change(cast(str | None, pipe.get(key)))
                    pipe.multi()
                    pipe.set(key, document, keepttl=True)
                    pipe.execute()
                    return document


def _record(study_id: str) -> str:
    return f"limen:study:{study_id}"


def _sessions(study_id: str) -> str:
    return f"limen:study-sessions:{study_id}"


def _session(study_id: str, session_id: str) -> str:
    return f"limen:session:{study_id}:{session_id}"


def _link(link: str) -> str:
    return f"limen:study-link:{link}"


def _found(document: str | None) -> Study:
    if document is None:
        raise StudyExpiredError("the study has ended")
    return Study.model_validate_json(document)


def _found_session(document: str | None) -> Session:
    if document is None:
        raise SessionUnknownError("the study has no such session")
    return Session.model_validate_json(document)
