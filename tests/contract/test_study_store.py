"""One suite over the study stores: what the routes rely on."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import pytest

from tests.assets.fleet.s3_server import S3Server
from workers.blobs.folder import FolderStorage
from workers.blobs.objects import WEB, ObjectStorage
from workers.errors import (
    AnswerConflictError,
    BlobMissingError,
    BrokerUnavailableError,
    SessionLimitError,
    SessionUnknownError,
    StudyExpiredError,
    StudyLimitError,
    StudyUnknownError,
)
from workers.record_file import RecordFile
from workers.settings import BrokerSettings
from workers.studies.durable import DurableStudyStore
from workers.studies.files import Ladder, StudyFiles
from workers.studies.opened import open_study_store
from workers.studies.record import (
    Study,
    StudyMethod,
    StudyOptions,
    StudyPhoto,
    new_secret,
    observer_link,
    organiser_link,
    with_photo,
)
from workers.studies.session import Answer, Screen, Session, Trial, TrialKind, new_session
from workers.studies.store import MAX_SESSIONS, StudyStore

OPTIONS = StudyOptions(title="Chairs", consent_text="Nothing is stored of you.")
SCREEN = Screen(css_pixels_per_mm=3.78, viewing_distance_mm=600)
PHOTO = StudyPhoto(id="0123456789abcdef", name="chair", key="a" * 64, job_id="j")
ANSWER, OTHER_ANSWER = (Answer(level=level, pixels_per_degree=60) for level in (40, 41))
LADDER = Ladder(width=1, height=1, log_distances=(0.0,) * 100, distance_version="v")

Open = Callable[..., StudyStore]


@pytest.fixture(
    params=[
        "memory",
        "durable",
        pytest.param("redis", marks=pytest.mark.redis),
        pytest.param("redis-bucket", marks=pytest.mark.redis),
    ]
)
def open_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    def opened(**settings: Any) -> StudyStore:
        if request.param == "memory":
            return open_study_store(BrokerSettings(**settings), FolderStorage(tmp_path))
        if request.param == "durable":
            records = RecordFile(tmp_path / "records.sqlite")
            return DurableStudyStore(BrokerSettings(**settings), StudyFiles(FolderStorage(tmp_path / "files")), records)
        server = request.getfixturevalue("redis_server")
        with server.client() as client:
            client.flushall()
        broker = BrokerSettings(redis_url=server.url, blob_dir=tmp_path, **settings)
        if request.param == "redis":
            return open_study_store(broker, FolderStorage(tmp_path))
        bucket: S3Server = request.getfixturevalue("s3_server")
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        return open_study_store(broker, ObjectStorage(f"{bucket.url}/{uuid.uuid4().hex}", WEB))

    return opened


def session(identity: str = "s", answers: int = 1, created_at: float = 1.0) -> Session:
    trials = tuple(Trial(photo_id=PHOTO.id, kind=TrialKind.SAMPLE, start_level=50) for _ in range(answers))
    empty = (None,) * answers
    method = StudyMethod.BISECTION
    return Session(
        id=identity, observer="o", method=method, screen=SCREEN, created_at=created_at, trials=trials, answers=empty
    )


def ending(study: Study, seconds: float) -> Study:
    """A study whose record says that it ends ``seconds`` after its beginning."""
    return study.model_copy(update={"expires_at": study.created_at + seconds})


def test_a_study_is_found_by_its_two_links_and_by_no_other(open_store: Open) -> None:
    store = open_store()
    key = new_secret()
    study = store.create(OPTIONS, key)
    assert store.find(organiser_link(key)) == study
    assert store.find(observer_link(study.observer_token)) == study
    assert store.exists(study.id)
    for link in (
        organiser_link(study.observer_token),
        observer_link(key),
        organiser_link(study.id),
        observer_link(study.id),
        key,
        study.observer_token,
        "",
    ):
        with pytest.raises(StudyUnknownError):
            store.find(link)


def test_secrets_cannot_be_guessed(open_store: Open) -> None:
    store = open_store()
    tokens = {store.create(OPTIONS, new_secret()).observer_token for _ in range(5)}
    assert len(tokens | {new_secret() for _ in range(100)}) == 105
    assert all(len(token) == 43 for token in tokens)


def test_only_so_many_studies_are_kept_and_a_deleted_one_makes_room(open_store: Open) -> None:
    store = open_store(study_limit=2)
    first, _ = store.create(OPTIONS, new_secret()), store.create(OPTIONS, new_secret())
    with pytest.raises(StudyLimitError):
        store.create(OPTIONS, new_secret())
    store.delete(first.id)
    store.create(OPTIONS, new_secret())


def test_photos_and_answers_are_kept(open_store: Open) -> None:
    store = open_store()
    study = store.create(OPTIONS, new_secret())
    assert store.update(study.id, lambda found: with_photo(found, PHOTO)).photos == (PHOTO,)
    store.add_session(study.id, session())
    changed = store.update_session(study.id, "s", lambda one: one.answered(0, ANSWER))
    assert changed.answers == (ANSWER,)
    assert store.session(study.id, "s") == changed
    assert store.sessions(study.id) == [changed]
    assert store.find(observer_link(study.observer_token)).photos == (PHOTO,)


def test_a_refused_change_changes_nothing(open_store: Open) -> None:
    store = open_store()
    study = store.create(OPTIONS, new_secret())
    store.add_session(study.id, session())
    with pytest.raises(AnswerConflictError):
        store.update_session(study.id, "s", lambda one: one.answered(0, ANSWER).answered(0, OTHER_ANSWER))
    assert store.session(study.id, "s").answers == (None,)


def test_the_session_of_one_study_is_unknown_in_another(open_store: Open) -> None:
    store = open_store()
    ours, theirs = store.create(OPTIONS, new_secret()), store.create(OPTIONS, new_secret())
    store.add_session(ours.id, session())
    with pytest.raises(SessionUnknownError):
        store.session(theirs.id, "s")
    with pytest.raises(SessionUnknownError):
        store.update_session(theirs.id, "s", lambda one: one)
    assert store.sessions(theirs.id) == []


def test_answers_of_many_observers_at_once_are_all_kept(open_store: Open) -> None:
    store = open_store()
    study = store.create(OPTIONS, new_secret())

    def take_part(number: int) -> None:
        name = f"s{number}"
        store.add_session(study.id, session(name, 3, float(number)))
        for trial in range(3):
            store.update_session(study.id, name, partial(Session.answered, number=trial, answer=ANSWER))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take_part, range(24)))
    sessions = store.sessions(study.id)
    assert [one.id for one in sorted(sessions, key=lambda one: one.created_at)] == [f"s{n}" for n in range(24)]
    assert all(one.answers == (ANSWER,) * 3 for one in sessions)


def test_photos_added_at_once_are_all_kept(open_store: Open) -> None:
    store = open_store()
    study = store.create(OPTIONS, new_secret())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.update(study.id, lambda found: with_photo(found, PHOTO)), range(20)))
    assert len(store.find(observer_link(study.observer_token)).photos) == 20


def test_only_so_many_observers_take_part(open_store: Open) -> None:
    store = open_store()
    study = store.create(OPTIONS, new_secret())
    for number in range(MAX_SESSIONS):
        store.add_session(study.id, session(str(number)))
    with pytest.raises(SessionLimitError):
        store.add_session(study.id, session("one more"))


def test_a_deleted_study_is_gone_with_its_images_and_its_links_say_that_it_ended(open_store: Open) -> None:
    store = open_store()
    key = new_secret()
    study, other = store.create(OPTIONS, key), store.create(OPTIONS, new_secret())
    store.add_session(study.id, session())
    upload = store.files.uploads(study.id).put(b"photo")
    store.files.put_version(study.id, PHOTO.id, 0, b"pixels")
    assert store.files.version(study.id, PHOTO.id, 0).size_bytes == 6
    kept = store.files.uploads(other.id).put(b"photo")
    store.delete(study.id)
    for link in (organiser_link(key), observer_link(study.observer_token)):
        with pytest.raises(StudyExpiredError):
            store.find(link)
    with pytest.raises(StudyExpiredError):
        store.update(study.id, lambda found: found)
    with pytest.raises(StudyExpiredError):
        store.add_session(study.id, session("late"))
    with pytest.raises(BlobMissingError):
        store.files.version(study.id, PHOTO.id, 0)
    assert not store.exists(study.id)
    with pytest.raises(BlobMissingError):
        store.files.uploads(study.id).get(upload)
    with pytest.raises(BlobMissingError):
        store.files.finish_photo(study.id, PHOTO.id, LADDER)
    assert store.files.uploads(other.id).get(kept) == b"photo"


def test_an_expired_study_is_gone_and_the_sweep_takes_its_images(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    for module in ("workers.studies.memory", "workers.studies.redis"):
        original = __import__(module, fromlist=["new_study"]).new_study
        monkeypatch.setattr(f"{module}.new_study", lambda options, now, make=original: ending(make(options, now), 1))
    key = new_secret()
    study = store.create(OPTIONS, key)
    monkeypatch.undo()
    kept = store.create(OPTIONS, new_secret())
    store.add_session(study.id, session())
    store.files.uploads(study.id).put(b"photo")
    Event().wait(1.1)
    with pytest.raises(StudyExpiredError):
        store.find(organiser_link(key))
    with pytest.raises((StudyExpiredError, SessionUnknownError)):
        store.update_session(study.id, "s", lambda one: one.answered(0, ANSWER))
    assert store.sweep() == 1
    assert store.files.study_ids() == [kept.id]
    assert store.sweep() == 0


def test_the_records_hold_no_organiser_key(open_store: Open) -> None:
    store = open_store()
    key = new_secret()
    study = store.create(OPTIONS, key)
    assert key not in study.model_dump_json()


@pytest.mark.redis
def test_a_redis_that_is_away_is_said_so(own_redis: Any, tmp_path: Path) -> None:
    settings = BrokerSettings(redis_url=own_redis.url, blob_dir=tmp_path)
    store = open_study_store(settings, FolderStorage(tmp_path))
    study = store.create(OPTIONS, new_secret())
    own_redis.kill()
    with pytest.raises(BrokerUnavailableError):
        store.find(observer_link(study.observer_token))
    with pytest.raises(BrokerUnavailableError):
        store.sweep()
    assert store.files.study_ids() == [study.id]


def test_a_new_session_fits_the_study() -> None:
    options = OPTIONS.model_copy(update={"jnds": 2})
    study = Study(id="f", options=options, observer_token="t", created_at=0, expires_at=1, training=PHOTO)
    photos = [f"{number:016x}" for number in range(12)]
    made = new_session(study, photos, SCREEN, 0.0, Random(1))
    kinds = [trial.kind for trial in made.trials]
    assert kinds[0] is TrialKind.TRAINING
    assert (kinds.count(TrialKind.SAMPLE), kinds.count(TrialKind.IDENTICAL), kinds.count(TrialKind.OBVIOUS)) == (
        24,
        2,
        2,
    )
    asked = [(trial.photo_id, trial.jnd) for trial in made.trials if trial.kind is TrialKind.SAMPLE]
    assert sorted(asked) == [(photo, jnd) for photo in photos for jnd in (1, 2)]
    assert all(asked[n + 1] == (asked[n][0], 2) for n in range(0, 24, 2)), "the second JND follows the first"
    assert [photo for photo, _ in asked[::2]] != photos, "in random order"


@pytest.mark.redis
def test_a_store_that_knows_nothing_of_a_study_of_the_other_mode_leaves_it_alone(
    redis_server: Any, tmp_path: Path
) -> None:
    shared = open_study_store(BrokerSettings(redis_url=redis_server.url, blob_dir=tmp_path), FolderStorage(tmp_path))
    own = open_study_store(BrokerSettings(blob_dir=tmp_path), FolderStorage(tmp_path))
    study = shared.create(OPTIONS, new_secret())
    assert own.sweep() == 0
    assert shared.files.study_ids() == [study.id]
