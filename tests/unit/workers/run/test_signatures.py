"""From a request to a job and its message: each new job is sent once, whatever equal requests do meanwhile."""

from typing import Any

import pytest

from workers.contracts import QualityScoreRequest
from workers.errors import BrokerUnavailableError, JobUnknownError
from workers.jobs.memory import MemoryJobStore
from workers.jobs.record import JobState
from workers.jobs.worker_info import WorkerInfo
from workers.run import signatures
from workers.run.signatures import submit
from workers.settings import BrokerSettings

REQUEST = QualityScoreRequest(image_key="a" * 64)


@pytest.fixture
def jobs() -> MemoryJobStore:
    store = MemoryJobStore(BrokerSettings())
    store.publish_worker(WorkerInfo(name="one", model_version="v1", models=[]))
    return store


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    ids: list[str] = []
    monkeypatch.setattr(signatures, "send", lambda _, job: ids.append(job.id))
    return ids


CELERY: Any = None


def test_a_new_job_is_sent_and_an_equal_request_shares_it(jobs: MemoryJobStore, sent: list[str]) -> None:
    job, created = submit(CELERY, jobs, REQUEST, client="shop", request_id="req-1")
    assert created
    assert (job.client, job.request_id, job.wanted) == ("shop", "req-1", 1)
    shared, created = submit(CELERY, jobs, REQUEST, client="shop")
    assert (shared.id, created, shared.wanted) == (job.id, False, 2)
    assert sent == [job.id]


def test_the_same_idempotency_key_does_not_want_a_job_twice(jobs: MemoryJobStore, sent: list[str]) -> None:
    submit(CELERY, jobs, REQUEST, idempotency_key="1")
    again, created = submit(CELERY, jobs, REQUEST, idempotency_key="1")
    assert (again.wanted, created) == (1, False)
    assert jobs.cancel(again.id).state is JobState.CANCELLED


def test_another_key_shares_nothing(jobs: MemoryJobStore, sent: list[str]) -> None:
    ids = {submit(CELERY, jobs, REQUEST, client=client, idempotency_key="1")[0].id for client in ("a", "b", None)}
    assert len(ids) == 3
    assert sorted(sent) == sorted(ids)


def test_who_shares_a_job_that_is_cancelled_at_that_moment_gets_a_new_one(
    jobs: MemoryJobStore, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = submit(CELERY, jobs, REQUEST)
    create = jobs.create

    def cancelled_meanwhile(*given: Any, **named: Any) -> Any:
        found = create(*given, **named)
        if not jobs.get(first.id).finished:
            jobs.cancel(first.id)
        return found

    monkeypatch.setattr(jobs, "create", cancelled_meanwhile)
    second, created = submit(CELERY, jobs, REQUEST)
    assert created
    assert second.id != first.id
    assert sent == [first.id, second.id]


def test_a_job_that_cannot_be_sent_was_never_there(jobs: MemoryJobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []

    def refuse(_: object, job: Any) -> None:
        kept.append(job.id)
        raise BrokerUnavailableError("away")

    monkeypatch.setattr(signatures, "send", refuse)
    with pytest.raises(BrokerUnavailableError):
        submit(CELERY, jobs, REQUEST)
    with pytest.raises(JobUnknownError):
        jobs.get(kept[0])
