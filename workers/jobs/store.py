"""What a store of job records can do; in ``memory``, ``durable`` beyond it, or in ``redis``."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from enum import StrEnum

from workers.contracts import AnyRequest
from workers.jobs.record import Job, JobEvent
from workers.jobs.statistics import QueueStatistics
from workers.jobs.worker_info import WorkerInfo
from workers.settings import BrokerSettings

TOMBSTONE_S = 7 * 24 * 3600
"""How long after its record a job is still known as expired."""

Change = Callable[[Job, float], Job]
"""A record and the store's time to the next record; runs again if another process was faster."""


class Arrival(StrEnum):
    """What became of a request: a job of its own, the job of its idempotency key, or one of an equal request."""

    CREATED = "created"
    REPEATED = "repeated"
    SHARED = "shared"


class JobStore(ABC):
    """Job records, their events and the workers that serve them. Any method may raise BrokerUnavailableError."""

    def __init__(self, settings: BrokerSettings) -> None:
        self.settings = settings
        self.on_end: Callable[[str, float], None] = lambda job_id, now: None
        """Called with id and time when a job has ended, once at most."""

    @abstractmethod
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
        """A job for the request, of the API key ``client`` and the HTTP request ``request_id``; in one atomic step.

        Also how it was found. ``trace`` is the span of that request.

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
    def statistics(self) -> QueueStatistics:
        """Length and age of the queue, and what has ended; takes the same time however many jobs there are."""

    def cancel(self, job_id: str) -> Job:
        """Take back a request for an unfinished job, and end it if no other shares it.

        Raises: AlreadyFinishedError, JobUnknownError, JobExpiredError.
        """
        return self.update(job_id, lambda job, now: job.cancelled(now))

    async def wait(self, job_id: str, timeout_s: float) -> Job:
        """The record once the job has ended, or as it is after ``timeout_s``. Raises as ``get``."""
        following = asyncio.ensure_future(self._ended(job_id))
        try:  # a timeout of asyncio cancels once, which Python 3.11's wait_for in the Redis client may swallow
            ended, _ = await asyncio.wait({following}, timeout=timeout_s)
        finally:
            following.cancel()
        for each in ended:
            each.result()  # or its error
        return await asyncio.to_thread(self.get, job_id)

    async def _ended(self, job_id: str) -> None:
        async with contextlib.aclosing(self.events(job_id)) as events:
            async for _ in events:
                pass

    def model_version(self) -> str | None:
        """The version of all models together, if the live workers agree on one."""
        versions = {worker.model_version for worker in self.workers()}
        return versions.pop() if len(versions) == 1 else None
