"""Job records: what was asked, how far it is, how it ended. Pure transitions, and the store both modes implement.

queued ──started──▶ running ──succeeded──▶ succeeded      The first end stays. A run holds the job by a lease that it
   │                  │ ├─────failed──────▶ failed         renews; when the lease is gone the job can be started again,
   └────cancelled─────┴─┴────────────────▶ cancelled       at most MAX_ATTEMPTS times, then it failed as worker-lost.

Times are Unix time in seconds by the store's clock, so that hosts need not agree.
"""

import asyncio
import contextlib
import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from workers.contracts import AnyRequest, Failure, FailureCode, JobResult
from workers.errors import AlreadyFinishedError
from workers.settings import BrokerSettings

MAX_ATTEMPTS = 3
"""One run and two more after a lost worker: measured with max_retries=2, see the settings in ``celery_app``."""
LEASE_S = 10.0
"""A run that has not renewed its lease for this long is dead; five missed heartbeats."""
WORKER_SEEN_S = 15.0
"""A worker process that has not published itself for this long is gone; three missed heartbeats."""
TOMBSTONE_S = 7 * 24 * 3600
"""How long after its record a job is still known as expired."""


class JobState(StrEnum):
    """Where a job stands; the last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINISHED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


class JobTakenError(Exception):
    """Another run holds the job: nothing is left to do for this one."""


class JobEvent(BaseModel):
    """One step of a job as its followers see it."""

    model_config = ConfigDict(frozen=True)

    state: JobState
    progress: float

    @property
    def finished(self) -> bool:
        """Whether this is the last event."""
        return self.state in FINISHED


class Job(BaseModel):
    """One job record. Each method returns the record after a step and changes nothing."""

    model_config = ConfigDict(frozen=True)

    id: str
    request: AnyRequest
    created_at: float
    sent_at: float
    state: JobState = JobState.QUEUED
    progress: float = 0.0
    attempts: int = 0
    started_at: float | None = None
    """Start of the latest run."""
    finished_at: float | None = None
    expires_at: float | None = None
    owner: str | None = None
    lease_until: float | None = None
    failure: Failure | None = None
    result: JobResult | None = None

    @property
    def finished(self) -> bool:
        """Whether the job has ended."""
        return self.state in FINISHED

    @property
    def event(self) -> JobEvent:
        """State and progress as an event."""
        return JobEvent(state=self.state, progress=self.progress)

    def lease_gone(self, now: float) -> bool:
        """Whether the job counts as running although nobody has renewed its lease."""
        return self.state is JobState.RUNNING and (self.lease_until is None or self.lease_until <= now)

    def started(self, owner: str, now: float, *, owner_dead: Callable[[str], bool]) -> "Job":
        """A run by ``owner`` begins, or the job failed because too many runs were lost.

        Raises: JobTakenError if another run holds it; AlreadyFinishedError if it has ended.
        """
        self._check_unfinished()
        if self.owner == owner:
            return self
        held = self.state is JobState.RUNNING and not self.lease_gone(now)
        if held and not (self.owner is not None and owner_dead(self.owner)):
            raise JobTakenError(self.id)
        if self.attempts >= MAX_ATTEMPTS:
            return self.worker_lost(now)
        return self._with(
            state=JobState.RUNNING,
            attempts=self.attempts + 1,
            started_at=now,
            owner=owner,
            lease_until=now + LEASE_S,
            progress=0.0,
        )

    def renewed(self, owner: str, now: float) -> "Job":
        """The run by ``owner`` is alive. Raises: JobTakenError, AlreadyFinishedError."""
        self._check_held(owner)
        return self._with(lease_until=now + LEASE_S)

    def advanced(self, owner: str, now: float, fraction: float) -> "Job":
        """The run by ``owner`` has done ``fraction``, 0..1. Raises: JobTakenError, AlreadyFinishedError."""
        self._check_held(owner)
        progress = round(min(1.0, max(self.progress, fraction)), 3)
        return self._with(progress=progress, lease_until=now + LEASE_S)

    def succeeded(self, owner: str, now: float, result: JobResult) -> "Job":
        """The run by ``owner`` has a result. Raises: JobTakenError, AlreadyFinishedError."""
        self._check_held(owner)
        return self._ended(JobState.SUCCEEDED, now, result=result, progress=1.0)

    def failed(self, now: float, failure: Failure) -> "Job":
        """The job ends without a result. Raises: AlreadyFinishedError."""
        self._check_unfinished()
        return self._ended(JobState.FAILED, now, failure=failure)

    def worker_lost(self, now: float) -> "Job":
        """The job ends because each of its runs lost its worker. Raises: AlreadyFinishedError."""
        detail = f"the worker process was lost {self.attempts} times while it ran this job"
        return self.failed(now, Failure(code=FailureCode.WORKER_LOST, detail=detail))

    def cancelled(self, now: float) -> "Job":
        """The client wants no result any more. Raises: AlreadyFinishedError."""
        self._check_unfinished()
        return self._ended(JobState.CANCELLED, now)

    def resent(self, now: float) -> "Job":
        """Its message is being sent again."""
        return self._with(sent_at=now)

    def _ended(self, state: JobState, now: float, **changes: Any) -> "Job":
        return self._with(state=state, finished_at=now, owner=None, lease_until=None, **changes)

    def _with(self, **changes: Any) -> "Job":
        return self.model_copy(update=changes)

    def _check_unfinished(self) -> None:
        if self.finished:
            raise AlreadyFinishedError(f"job {self.id} has already {self.state}")

    def _check_held(self, owner: str) -> None:
        self._check_unfinished()
        if self.owner != owner:
            raise JobTakenError(self.id)


class ModelInfo(BaseModel):
    """One weight file as a worker really runs it."""

    name: str
    version: str
    sha256: str
    preset: str
    provider: str
    training_data: str
    licence: str
    metrics: dict[str, Any]
    card: str


class ObserverInfo(BaseModel):
    """One observer profile that a worker can predict for: its name as a request gives it, and what it means."""

    name: str
    title: str = ""
    description: str
    pixels_per_degree: float = 38.0


class WorkerInfo(BaseModel):
    """One worker process that is ready to run jobs, as it last published itself."""

    name: str
    model_version: str
    models: list[ModelInfo]
    observers: list[ObserverInfo] = []
    seen_at: float = 0.0


class QueueStatistics(BaseModel):
    """Numbers for monitoring; what ended and its run time are counted from the beginning, by ``capability:state``."""

    queued: int
    running: int
    oldest_queued_s: float
    ended: dict[str, int]
    run_seconds: dict[str, float]


Change = Callable[[Job, float], Job]
"""A record and the store's time to the next record; runs again if another process was faster."""


class JobStore(ABC):
    """Job records, their events and the workers that serve them. Any method may raise BrokerUnavailableError."""

    def __init__(self, settings: BrokerSettings) -> None:
        self.settings = settings

    @abstractmethod
    def create(
        self, request: AnyRequest, *, dedup_key: str | None = None, idempotency_key: str | None = None
    ) -> tuple[Job, bool]:
        """A job for the request, and whether it is new; in one atomic step.

        The same ``idempotency_key`` gives the same job. A job with the same ``dedup_key`` that has not failed, been
        cancelled or expired is given again. Raises: IdempotencyConflictError, QueueFullError.
        """

    @abstractmethod
    def get(self, job_id: str) -> Job:
        """The record. Raises: JobUnknownError, JobExpiredError."""

    @abstractmethod
    def update(self, job_id: str, change: Change) -> Job:
        """Replace a record in one atomic step. Raises: JobUnknownError, JobExpiredError, and what ``change`` raises."""

    @abstractmethod
    def discard(self, job_id: str) -> None:
        """Forget a job that was never accepted, because its message could not be sent."""

    @abstractmethod
    def unfinished(self) -> list[Job]:
        """All queued and running jobs, oldest first."""

    @abstractmethod
    def events(self, job_id: str, after: str | None = None) -> AsyncGenerator[tuple[str, JobEvent]]:
        """Events of a job with their ids, from the first or from the one after ``after``; ends with the job.

        A follower who has seen the end gets it once more. Raises: JobUnknownError, JobExpiredError.
        """

    @abstractmethod
    def publish_worker(self, worker: WorkerInfo) -> None:
        """Say that a worker process is ready; to be repeated within WORKER_SEEN_S."""

    @abstractmethod
    def workers(self) -> list[WorkerInfo]:
        """The worker processes seen within WORKER_SEEN_S."""

    @abstractmethod
    def now(self) -> float:
        """Time by the store's clock; shows that the store answers."""

    @abstractmethod
    def totals(self) -> dict[str, float]:
        """Ended jobs by ``capability:state`` and their run time by ``capability:state:seconds``."""

    def cancel(self, job_id: str) -> Job:
        """End a queued or running job. Raises: AlreadyFinishedError, JobUnknownError, JobExpiredError."""
        return self.update(job_id, lambda job, now: job.cancelled(now))

    async def wait(self, job_id: str, timeout_s: float) -> Job:
        """The record once the job has ended, or as it is after ``timeout_s``. Raises as ``get``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), contextlib.aclosing(self.events(job_id)) as events:
                async for _ in events:
                    pass
        return await asyncio.to_thread(self.get, job_id)

    def model_version(self) -> str | None:
        """The version of all models together, if the live workers agree on one."""
        versions = {worker.model_version for worker in self.workers()}
        return versions.pop() if len(versions) == 1 else None

    def statistics(self) -> QueueStatistics:
        """Length and age of the queue, and what has ended."""
        jobs, totals, now = self.unfinished(), self.totals(), self.now()
        queued = [job for job in jobs if job.state is JobState.QUEUED]
        return QueueStatistics(
            queued=len(queued),
            running=len(jobs) - len(queued),
            oldest_queued_s=max((now - job.created_at for job in queued), default=0.0),
            ended={name: int(value) for name, value in totals.items() if not name.endswith(":seconds")},
            run_seconds={
                name.removesuffix(":seconds"): value for name, value in totals.items() if name.endswith(":seconds")
            },
        )


def new_job_id() -> str:
    """128 random bits: whoever knows the id may read and cancel the job."""
    return secrets.token_hex(16)


def request_digest(request: AnyRequest) -> str:
    """SHA-256 of everything that was asked; images count by their content."""
    return hashlib.sha256(request.model_dump_json().encode()).hexdigest()


def open_job_store(settings: BrokerSettings) -> JobStore:
    """The store that the settings ask for: Redis if there is a URL, else this process's memory."""
    if settings.redis_url is None:
        from workers.jobs.memory import MemoryJobStore

        return MemoryJobStore(settings)
    from workers.jobs.redis import RedisJobStore

    return RedisJobStore(settings, settings.redis_url.get_secret_value())
