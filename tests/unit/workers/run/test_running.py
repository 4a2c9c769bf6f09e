"""One run of a job: whatever happens inside, the job gets the right end, once."""

import time
from typing import Any

import pytest
from celery.exceptions import Ignore, SoftTimeLimitExceeded

from models.errors import ImageUndecodableError
from workers.contracts import FailureCode, JndMapRequest, JobResult, StudyLadderResult
from workers.errors import BlobMissingError, BlobStoreUnavailableError, BrokerUnavailableError
from workers.jobs.opened import open_job_store
from workers.jobs.record import Job, JobState
from workers.jobs.store import JobStore
from workers.run.running import running
from workers.settings import BrokerSettings

RESULT = JobResult(body=StudyLadderResult(width=1, height=1))


@pytest.fixture
def store() -> JobStore:
    return open_job_store(BrokerSettings(soft_limit_s=1, hard_limit_s=2))


def created(store: JobStore) -> Job:
    return store.create(JndMapRequest(image_key="a" * 64))[0]


def test_a_run_that_succeeds(store: JobStore) -> None:
    job = created(store)
    with running(store, job.id) as run:
        assert store.get(job.id).state is JobState.RUNNING
        run.part(0.5, 1.0)(0.5)
        assert store.get(job.id).progress == 0.75
        run.succeed(RESULT)
    assert store.get(job.id).state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ImageUndecodableError("broken"), FailureCode.IMAGE_UNDECODABLE),
        (BlobMissingError("gone"), FailureCode.BLOB_MISSING),
        (SoftTimeLimitExceeded(), FailureCode.DEADLINE_EXCEEDED),
        (MemoryError(), FailureCode.INTERNAL),
        (KeyError("private"), FailureCode.INTERNAL),
    ],
)
def test_each_error_becomes_a_failure_code(store: JobStore, error: Exception, code: FailureCode) -> None:
    job = created(store)
    with running(store, job.id):
        raise error
    failure = store.get(job.id).failure
    assert failure is not None
    assert failure.code is code
    assert "private" not in failure.detail


def test_a_job_whose_store_is_away_waits_and_loses_no_run(store: JobStore) -> None:
    job = created(store)
    with running(store, job.id):
        raise BlobStoreUnavailableError("away")
    waiting = store.get(job.id)
    assert (waiting.state, waiting.attempts, waiting.failure) == (JobState.QUEUED, 0, None)
    with running(store, job.id) as run:
        run.succeed(RESULT)
    assert store.get(job.id).state is JobState.SUCCEEDED


def test_a_run_that_takes_too_long_stops_at_its_next_tile(store: JobStore) -> None:
    job = created(store)
    with running(store, job.id) as run:
        for _ in range(1000):
            time.sleep(0.01)
            run.progress(0.1)
    failure = store.get(job.id).failure
    assert failure is not None
    assert failure.code is FailureCode.DEADLINE_EXCEEDED


def test_a_cancelled_run_stops_soon_and_leaves_no_result(store: JobStore) -> None:
    job = created(store)
    steps = 0
    with running(store, job.id) as run:
        store.cancel(job.id)
        for _ in range(1000):
            steps += 1
            time.sleep(0.001)
            run.progress(0.1)
        run.succeed(RESULT)
    assert steps < 500
    assert store.get(job.id).state is JobState.CANCELLED
    late = created(store)
    with running(store, late.id) as run:
        store.cancel(late.id)
        run.succeed(RESULT)
    assert store.get(late.id).result is None


def test_a_second_delivery_has_nothing_to_run(store: JobStore) -> None:
    job = created(store)
    with running(store, job.id) as run:
        with pytest.raises(Ignore), running(store, job.id):
            pytest.fail("ran twice")
        run.succeed(RESULT)
    for job_id in (job.id, "f" * 32):
        with pytest.raises(Ignore), running(store, job_id):
            pytest.fail("ran again")
    assert store.get(job.id).attempts == 1


def test_progress_is_cheap_and_written_now_and_then(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    job = created(store)
    writes = 0
    update = store.update

    def counting(*arguments: Any) -> Job:
        nonlocal writes
        writes += 1
        return update(*arguments)

    monkeypatch.setattr(store, "update", counting)
    with running(store, job.id) as run:
        for step in range(20_000):
            run.progress(step / 20_000)
        run.succeed(RESULT)
    assert writes < 20


def test_a_result_waits_for_redis_to_come_back(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    job = created(store)
    update, refusals = store.update, 3

    def away(*arguments: Any) -> Job:
        nonlocal refusals
        if refusals > 0:
            refusals -= 1
            raise BrokerUnavailableError("away")
        return update(*arguments)

    monkeypatch.setattr("workers.run.running.time.sleep", lambda _: None)
    with running(store, job.id) as run:
        monkeypatch.setattr(store, "update", away)
        run.progress(0.5)
        run.succeed(RESULT)
    assert store.get(job.id).state is JobState.SUCCEEDED
