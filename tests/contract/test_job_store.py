"""One suite over the job stores: what the routes and the tasks rely on."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.contract.quality_figures import FIGURES
from workers.contracts import (
    Failure,
    FailureCode,
    JndMapRequest,
    JobResult,
    QualityScoreRequest,
)
from workers.errors import (
    AlreadyFinishedError,
    IdempotencyConflictError,
    JobExpiredError,
    JobUnknownError,
    QueueFullError,
)
from workers.jobs.durable import DurableJobStore
from workers.jobs.opened import open_job_store
from workers.jobs.record import MAX_ATTEMPTS, Job, JobEvent, JobState, JobTakenError
from workers.jobs.store import Arrival, JobStore
from workers.jobs.worker_info import WorkerInfo
from workers.record_file import RecordFile
from workers.settings import BrokerSettings

REQUEST = QualityScoreRequest(image_key="a" * 64)
OTHER = JndMapRequest(image_key="b" * 64)
RESULT = JobResult(body=FIGURES, cpu_s=0.25)

Open = Callable[..., JobStore]


@pytest.fixture(params=["memory", "durable", pytest.param("redis", marks=pytest.mark.redis)])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    files = itertools.count()

    def opened(**settings: Any) -> JobStore:
        if request.param == "memory":
            return open_job_store(BrokerSettings(**settings))
        if request.param == "durable":
            return DurableJobStore(BrokerSettings(**settings), RecordFile(tmp_path / f"{next(files)}.sqlite"))
        server = request.getfixturevalue("redis_server")
        with server.client() as client:
            client.flushall()
        return open_job_store(BrokerSettings(redis_url=server.url, blob_dir=tmp_path, **settings))

    return opened


def start(store: JobStore, job_id: str, owner: str = "one", *, dead: bool = False) -> None:
    store.update(job_id, lambda job, now: job.started(owner, now, owner_dead=lambda _: dead))


def succeed(store: JobStore, job_id: str, owner: str = "one") -> None:
    store.update(job_id, lambda job, now: job.succeeded(owner, now, RESULT))


def fail(store: JobStore, job_id: str) -> None:
    failure = Failure(code=FailureCode.INTERNAL, detail="x")
    store.update(job_id, lambda job, now: job.failed(now, failure))


def test_a_job_goes_from_queued_to_succeeded(open_store: Open) -> None:
    store = open_store()
    job, arrival = store.create(REQUEST)
    assert arrival is Arrival.CREATED
    assert store.get(job.id) == job
    assert job.state is JobState.QUEUED
    start(store, job.id)
    running = store.get(job.id)
    assert (running.state, running.attempts) == (JobState.RUNNING, 1)
    store.update(job.id, lambda job, now: job.advanced("one", now, 0.5))
    assert store.get(job.id).progress == 0.5
    succeed(store, job.id)
    done = store.get(job.id)
    assert done.state is JobState.SUCCEEDED
    assert done.result == RESULT
    assert done.progress == 1.0
    assert done.expires_at is not None
    assert done.finished_at is not None
    assert done.expires_at == pytest.approx(done.finished_at + 24 * 3600)
    assert store.unfinished() == []


def test_ids_cannot_be_guessed(open_store: Open) -> None:
    store = open_store()
    ids = {store.create(REQUEST)[0].id for _ in range(20)}
    assert len(ids) == 20
    assert all(len(job_id) == 32 for job_id in ids)


def test_an_unknown_job_is_unknown(open_store: Open) -> None:
    store = open_store()
    with pytest.raises(JobUnknownError):
        store.get("f" * 32)
    with pytest.raises(JobUnknownError):
        store.cancel("f" * 32)
    with pytest.raises(JobUnknownError):
        asyncio.run(store.wait("f" * 32, 1))


def test_an_expired_job_is_not_an_unknown_one(open_store: Open) -> None:
    store = open_store(job_expiry_s=1)
    job, _ = store.create(REQUEST, dedup_key="k", idempotency_key="i")
    start(store, job.id)
    succeed(store, job.id)
    threading.Event().wait(1.1)
    with pytest.raises(JobExpiredError):
        store.get(job.id)
    again, arrival = store.create(REQUEST, dedup_key="k", idempotency_key="i")
    assert arrival is Arrival.CREATED
    assert again.id != job.id


def test_the_same_idempotency_key_gives_one_job_however_many_ask_at_once(open_store: Open) -> None:
    store = open_store()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: store.create(REQUEST, idempotency_key="key"), range(100)))
    assert len({job.id for job, _ in answers}) == 1
    assert Counter(arrival for _, arrival in answers) == {Arrival.CREATED: 1, Arrival.REPEATED: 99}
    with pytest.raises(IdempotencyConflictError):
        store.create(OTHER, idempotency_key="key")


def test_an_idempotency_key_also_returns_a_failed_job(open_store: Open) -> None:
    store = open_store()
    job, _ = store.create(REQUEST, idempotency_key="key", dedup_key="same")
    fail(store, job.id)
    assert store.create(REQUEST, idempotency_key="key", dedup_key="same")[0].id == job.id


def test_identical_requests_share_a_job_unless_it_failed_or_was_cancelled(open_store: Open) -> None:
    store = open_store()
    first, _ = store.create(REQUEST, dedup_key="same")
    assert store.create(REQUEST, dedup_key="same")[0].id == first.id
    start(store, first.id)
    succeed(store, first.id)
    shared, arrival = store.create(REQUEST, dedup_key="same", idempotency_key="mine")
    assert (shared.id, shared.state, arrival) == (first.id, JobState.SUCCEEDED, Arrival.SHARED)
    assert store.create(REQUEST, idempotency_key="mine")[0].id == first.id
    assert store.create(REQUEST)[0].id != first.id
    for end in (lambda job_id: fail(store, job_id), store.cancel):
        other, _ = store.create(REQUEST, dedup_key="other")
        end(other.id)
        assert store.create(REQUEST, dedup_key="other")[1] is Arrival.CREATED
        store.cancel(store.create(REQUEST, dedup_key="other")[0].id)


def test_a_full_queue_takes_exactly_as_many_as_allowed(open_store: Open) -> None:
    store = open_store(queue_limit=7)

    def attempt(_: int) -> str | None:
        try:
            return store.create(REQUEST)[0].id
        except QueueFullError:
            return None

    with ThreadPoolExecutor(16) as pool:
        accepted = [job_id for job_id in pool.map(attempt, range(40)) if job_id]
    assert len(accepted) == 7
    store.cancel(accepted[0])
    assert store.create(REQUEST)[1] is Arrival.CREATED


def test_only_one_of_many_runs_gets_the_job(open_store: Open) -> None:
    store = open_store()
    job, _ = store.create(REQUEST)

    def attempt(number: int) -> bool:
        try:
            start(store, job.id, f"owner-{number}")
        except JobTakenError:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(attempt, range(12))) == 1
    assert store.get(job.id).attempts == 1


def test_a_run_of_a_dead_owner_is_taken_over_and_the_old_run_changes_nothing(open_store: Open) -> None:
    store = open_store()
    job, _ = store.create(REQUEST)
    start(store, job.id, "one")
    start(store, job.id, "two", dead=True)
    assert store.get(job.id).attempts == 2
    with pytest.raises(JobTakenError):
        succeed(store, job.id, "one")
    succeed(store, job.id, "two")
    with pytest.raises(AlreadyFinishedError):
        succeed(store, job.id, "two")


def test_after_three_lost_runs_the_job_failed(open_store: Open) -> None:
    store = open_store()
    job, _ = store.create(REQUEST)
    for attempt in range(MAX_ATTEMPTS + 1):
        start(store, job.id, f"owner-{attempt}", dead=True)
    lost = store.get(job.id)
    assert lost.state is JobState.FAILED
    assert lost.failure is not None
    assert lost.failure.code is FailureCode.WORKER_LOST
    assert lost.attempts == MAX_ATTEMPTS


def test_a_cancelled_job_never_becomes_anything_else(open_store: Open) -> None:
    store = open_store()
    queued, _ = store.create(REQUEST)
    assert store.cancel(queued.id).state is JobState.CANCELLED
    running, _ = store.create(REQUEST)
    start(store, running.id)
    store.cancel(running.id)
    with pytest.raises(AlreadyFinishedError):
        store.update(running.id, lambda job, now: job.advanced("one", now, 0.3))
    with pytest.raises(AlreadyFinishedError):
        succeed(store, running.id)
    with pytest.raises(AlreadyFinishedError):
        fail(store, running.id)
    with pytest.raises(AlreadyFinishedError):
        start(store, running.id, "two")
    with pytest.raises(AlreadyFinishedError):
        store.cancel(running.id)
    assert store.get(running.id).state is JobState.CANCELLED


def test_a_job_that_several_requests_share_ends_when_the_last_is_taken_back(open_store: Open) -> None:
    store = open_store()
    job, _ = store.create(REQUEST, client="shop")
    store.update(job.id, lambda job, _: job.wanted_again())
    assert store.cancel(job.id).state is JobState.QUEUED
    assert store.get(job.id).client == "shop"
    assert store.cancel(job.id).state is JobState.CANCELLED
    with pytest.raises(AlreadyFinishedError):
        store.update(job.id, lambda job, _: job.wanted_again())


def test_a_discarded_job_was_never_there(open_store: Open) -> None:
    store = open_store(queue_limit=1)
    job, _ = store.create(REQUEST, dedup_key="same", idempotency_key="key")
    store.discard(job.id)
    with pytest.raises(JobUnknownError):
        store.get(job.id)
    assert store.create(REQUEST, dedup_key="same", idempotency_key="key")[1] is Arrival.CREATED


async def collect(store: JobStore, job_id: str, after: str | None = None) -> list[tuple[str, JobEvent]]:
    return [event async for event in store.events(job_id, after)]


def test_events_are_replayed_from_the_start_and_from_any_point(open_store: Open) -> None:
    store = open_store()
    job, _ = store.create(REQUEST)
    start(store, job.id)
    store.update(job.id, lambda job, now: job.advanced("one", now, 0.25))
    succeed(store, job.id)
    events = asyncio.run(collect(store, job.id))
    assert [(event.state.value, event.progress) for _, event in events] == [
        ("queued", 0.0),
        ("running", 0.0),
        ("running", 0.25),
        ("succeeded", 1.0),
    ]
    assert asyncio.run(collect(store, job.id, after=events[1][0])) == events[2:]
    assert asyncio.run(collect(store, job.id, after=events[-1][0])) == events[-1:]
    assert asyncio.run(collect(store, job.id, after="nonsense")) == events


def test_followers_and_waiters_hear_of_the_end_at_once(open_store: Open) -> None:
    store = open_store()
    job, _ = store.create(REQUEST)

    async def follow() -> tuple[list[tuple[str, JobEvent]], JobState, JobState]:
        followers = asyncio.gather(collect(store, job.id), store.wait(job.id, 5))
        early = await store.wait(job.id, 0.05)
        await asyncio.to_thread(start, store, job.id)
        await asyncio.to_thread(succeed, store, job.id)
        began = asyncio.get_running_loop().time()
        events, waited = await followers
        assert asyncio.get_running_loop().time() - began < 0.5
        return events, early.state, waited.state

    events, early, waited = asyncio.run(follow())
    assert events[-1][1].state is JobState.SUCCEEDED
    assert early is JobState.QUEUED
    assert waited is JobState.SUCCEEDED


def test_workers_are_listed_and_agree_on_a_version_or_not(open_store: Open) -> None:
    store = open_store()
    assert store.model_version() is None
    store.publish_worker(WorkerInfo(name="one", model_version="v1", models=[]))
    store.publish_worker(WorkerInfo(name="two", model_version="v1", models=[]))
    assert store.model_version() == "v1"
    store.publish_worker(WorkerInfo(name="two", model_version="v2", models=[]))
    assert store.model_version() is None
    assert {worker.name for worker in store.workers()} == {"one", "two"}


def test_statistics_count_what_waits_and_what_ended(open_store: Open) -> None:
    store = open_store()
    first, _ = store.create(REQUEST)
    store.create(REQUEST)
    start(store, first.id)
    start(store, (third := store.create(OTHER)[0]).id)
    succeed(store, third.id)
    numbers = store.statistics()
    assert (numbers.queued, numbers.running) == (1, 1)
    assert numbers.ended == {"jnd-map:succeeded": 1}
    assert numbers.cpu_seconds == {"jnd-map:succeeded": 0.25}
    assert numbers.latency["jnd-map:succeeded"].within[600.0] == 1
    store.update(first.id, lambda job, _: job.put_back())
    assert (store.statistics().queued, store.statistics().running) == (2, 0)
    for job in store.unfinished():
        store.cancel(job.id)
    assert store.statistics().ended == {"jnd-map:succeeded": 1, "quality-score:cancelled": 2}
    assert (store.statistics().queued, store.statistics().oldest_queued_s) == (0, 0)


def test_statistics_take_as_long_with_many_jobs_as_with_few(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store()
    assert [store.create(REQUEST)[1] for _ in range(50)] == [Arrival.CREATED] * 50
    monkeypatch.setattr(Job, "model_validate_json", None)
    monkeypatch.setattr(type(store), "unfinished", None)
    assert store.statistics().queued == 50
