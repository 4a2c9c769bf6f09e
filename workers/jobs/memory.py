"""Job records in this process's memory; ``durable`` keeps them beyond it."""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field

from workers.contracts import AnyRequest
from workers.errors import IdempotencyConflictError, JobExpiredError, JobUnknownError, QueueFullError
from workers.jobs.record import Job, JobEvent, JobState, new_job_id, request_digest
from workers.jobs.statistics import QueueStatistics, counts_of, statistics_of
from workers.jobs.store import TOMBSTONE_S, Arrival, Change, JobStore
from workers.jobs.worker_info import WORKER_SEEN_S, WorkerInfo
from workers.settings import BrokerSettings

KEPT = 10_000
"""Finished records kept at most, some 100 MB; beyond that the oldest expire early."""
_SWEEP_S = 60.0
"""Expired records are refused at once, and dropped from memory this often."""

_Follower = tuple[asyncio.AbstractEventLoop, asyncio.Event]


@dataclass(slots=True)
class _Entry:
    job: Job
    events: list[JobEvent] = field(default_factory=list)
    followers: list[_Follower] = field(default_factory=list)


class MemoryJobStore(JobStore):
    """``JobStore`` in memory, for threads of one process."""

    def __init__(self, settings: BrokerSettings, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(settings)
        self._clock = clock
        self._lock = threading.RLock()
        self._entries: dict[str, _Entry] = {}
        self._tombstones: dict[str, float] = {}
        self._unfinished: dict[str, None] = {}
        self._queued: dict[str, None] = {}
        self._finished: dict[str, None] = {}
        self._next_sweep = 0.0
        self._by_idempotency_key: dict[str | None, tuple[str, str]] = {}
        self._by_dedup_key: dict[str | None, str] = {}
        self._workers: dict[str, WorkerInfo] = {}
        self._totals: defaultdict[str, float] = defaultdict(float)

    def create(
        self,
        request: AnyRequest,
        *,
        client: str | None = None,
        request_id: str | None = None,
        trace: str | None = None,
        dedup_key: str | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Job, Arrival]:
        """See ``JobStore.create``."""
        digest = request_digest(request)
        with self._lock:
            self._forget_expired()
            job, arrival = self._earlier(digest, dedup_key, idempotency_key)
            if job is None:
                if len(self._unfinished) >= self.settings.queue_limit:
                    raise QueueFullError(f"{self.settings.queue_limit} jobs are waiting or running")
                now = self.now()
                job = Job(id=new_job_id(), request=request, created_at=now, sent_at=now)
                job = job.asked_by(client=client, request_id=request_id, trace=trace)
            keys = {"idempotency": idempotency_key, "dedup": dedup_key}
            self._keep(job, {kind: key for kind, key in keys.items() if key is not None})
            if arrival is Arrival.CREATED:
                self._add(job)
            if idempotency_key is not None:
                self._by_idempotency_key[idempotency_key] = (job.id, digest)
            if dedup_key is not None:
                self._by_dedup_key[dedup_key] = job.id
            return job, arrival

    def _keep(self, job: Job, keys: Mapping[str, str]) -> None:
        """Called before anybody sees a step of a job, however small, or finds it by ``keys``: by kind, a new key."""

    def _drop(self, job_ids: list[str]) -> None:
        """Called before jobs are forgotten, with the keys by which they are found."""

    def _add(self, job: Job) -> None:
        self._entries[job.id] = _Entry(job, [job.event])
        (self._finished if job.finished else self._unfinished)[job.id] = None
        self._note_queued(job)

    def _note_queued(self, job: Job) -> None:
        if job.state is JobState.QUEUED:
            self._queued[job.id] = None
        else:
            self._queued.pop(job.id, None)

    def _earlier(self, digest: str, dedup_key: str | None, idempotency_key: str | None) -> tuple[Job | None, Arrival]:
        job_id, earlier_digest = self._by_idempotency_key.get(idempotency_key, ("", ""))
        if job_id in self._entries and not _expired(self._entries[job_id], self.now()):
            if earlier_digest != digest:
                raise IdempotencyConflictError("this idempotency key was used for another request")
            return self._entries[job_id].job, Arrival.REPEATED
        entry = self._entries.get(self._by_dedup_key.get(dedup_key, ""))
        if entry is None or _expired(entry, self.now()) or entry.job.state in (JobState.FAILED, JobState.CANCELLED):
            return None, Arrival.CREATED
        return entry.job, Arrival.SHARED

    def get(self, job_id: str) -> Job:
        """See ``JobStore.get``."""
        with self._lock:
            return self._entry(job_id).job

    def update(self, job_id: str, change: Change) -> Job:
        """See ``JobStore.update``."""
        with self._lock:
            entry, now = self._entry(job_id), self.now()
            before, after = entry.job, change(entry.job, now)
            if after.finished and not before.finished:
                after = after.model_copy(update={"expires_at": now + self.settings.job_expiry_s})
            self._keep(after, {})
            if after.finished and not before.finished:
                for name, value in counts_of(after).items():
                    self._totals[name] += value
                del self._unfinished[job_id]
                self._finished[job_id] = None
            entry.job = after
            self._note_queued(after)
            if after.event != before.event:
                entry.events.append(after.event)
                _wake(entry.followers)
        if after.finished and not before.finished:
            self.on_end(job_id, now)
        return after

    def discard(self, job_id: str) -> None:
        """See ``JobStore.discard``."""
        with self._lock:
            self._drop([job_id])
            self._entries.pop(job_id, None)
            self._unfinished.pop(job_id, None)
            self._queued.pop(job_id, None)
            self._finished.pop(job_id, None)

    def unfinished(self) -> list[Job]:
        """See ``JobStore.unfinished``."""
        with self._lock:
            return [self._entries[job_id].job for job_id in self._unfinished]

    async def events(self, job_id: str, after: str | None = None) -> AsyncGenerator[tuple[str, JobEvent]]:
        """See ``JobStore.events``. An id is the event's number, from 1."""
        follower = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            entry = self._entry(job_id)
            entry.followers.append(follower)
        try:
            seen = int(after) if after is not None and after.isdecimal() else 0
            if seen > len(entry.events):  # of a process before this one
                seen = 0
            if seen == len(entry.events) and entry.job.finished:
                seen -= 1
            while True:
                follower[1].clear()
                for event in entry.events[seen:]:
                    seen += 1
                    yield str(seen), event
                    if event.finished:
                        return
                await follower[1].wait()
        finally:
            with self._lock:
                entry.followers.remove(follower)

    def publish_worker(self, worker: WorkerInfo) -> None:
        """See ``JobStore.publish_worker``."""
        with self._lock:
            self._workers[worker.name] = worker.model_copy(update={"seen_at": self.now()})

    def workers(self) -> list[WorkerInfo]:
        """See ``JobStore.workers``."""
        with self._lock:
            return [worker for worker in self._workers.values() if worker.seen_at > self.now() - WORKER_SEEN_S]

    def now(self) -> float:
        """See ``JobStore.now``."""
        return self._clock()

    def statistics(self) -> QueueStatistics:
        """See ``JobStore.statistics``."""
        with self._lock:
            oldest = next(iter(self._queued), None)
            waited_s = 0.0 if oldest is None else self.now() - self._entries[oldest].job.created_at
            queued = len(self._queued)
            running = len(self._unfinished) - queued
            return statistics_of(self._totals, queued=queued, running=running, oldest_queued_s=waited_s)

    def _entry(self, job_id: str) -> _Entry:
        entry = self._entries.get(job_id)
        if entry is not None and not _expired(entry, self.now()):
            return entry
        if entry is not None or job_id in self._tombstones:
            raise JobExpiredError(f"job {job_id} has expired")
        raise JobUnknownError(f"no job {job_id[:64]}")

    def _forget_expired(self) -> None:
        now = self.now()
        if now < self._next_sweep:
            return
        self._next_sweep = now + _SWEEP_S
        expired = [job_id for job_id in self._finished if _expired(self._entries[job_id], now)]
        surplus = list(self._finished)[: max(0, len(self._finished) - KEPT)]
        gone = list(dict.fromkeys([*expired, *surplus]))
        self._drop(gone)
        for job_id in gone:
            del self._entries[job_id]
            del self._finished[job_id]
            self._tombstones[job_id] = now + TOMBSTONE_S
        self._tombstones = {job_id: until for job_id, until in self._tombstones.items() if until > now}
        self._by_dedup_key = {k: v for k, v in self._by_dedup_key.items() if v in self._entries}
        self._by_idempotency_key = {k: v for k, v in self._by_idempotency_key.items() if v[0] in self._entries}


def _expired(entry: _Entry, now: float) -> bool:
    return entry.job.expires_at is not None and entry.job.expires_at <= now


def _wake(followers: list[_Follower]) -> None:
    for loop, event in followers:
        if not loop.is_closed():
            loop.call_soon_threadsafe(event.set)
