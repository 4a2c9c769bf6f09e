"""Records in memory are dropped in time, and never more than some are kept."""

import pytest

import workers.jobs.memory
from workers.contracts import JndMapRequest
from workers.errors import JobExpiredError, JobUnknownError
from workers.jobs.memory import MemoryJobStore
from workers.jobs.store import TOMBSTONE_S
from workers.settings import BrokerSettings

REQUEST = JndMapRequest(image_key="a" * 64)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_record_expires_is_remembered_for_a_week_and_then_forgotten() -> None:
    clock = Clock()
    store = MemoryJobStore(BrokerSettings(), clock=clock)
    job, _ = store.create(REQUEST, dedup_key="d", idempotency_key="i")
    store.cancel(job.id)
    clock.now += 24 * 3600
    with pytest.raises(JobExpiredError):
        store.get(job.id)
    store.create(REQUEST, dedup_key="d", idempotency_key="i")
    with pytest.raises(JobExpiredError):
        store.get(job.id)
    clock.now += TOMBSTONE_S + 1
    store.create(REQUEST)
    with pytest.raises(JobUnknownError):
        store.get(job.id)


def test_no_more_than_some_finished_records_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.jobs.memory, "KEPT", 3)
    clock = Clock()
    store = MemoryJobStore(BrokerSettings(), clock=clock)
    jobs = [store.create(REQUEST)[0] for _ in range(6)]
    for job in jobs[:5]:
        store.cancel(job.id)
    clock.now += 100
    store.create(REQUEST)
    for job in jobs[:2]:
        with pytest.raises(JobExpiredError):
            store.get(job.id)
    assert [store.get(job.id).finished for job in jobs[2:]] == [True, True, True, False]
