"""Job records: what was asked, how far it is, how it ended. Pure transitions; ``store`` keeps them.

queued ──started──▶ running ──succeeded──▶ succeeded      The first end stays. A run holds the job by a lease that it
   │                  │ ├─────failed──────▶ failed         renews; when the lease is gone the job can be started again,
   └────cancelled─────┴─┴────────────────▶ cancelled       at most MAX_ATTEMPTS times, then it failed as worker-lost.

Times are Unix time in seconds by the store's clock, so that hosts need not agree.
"""

import hashlib
import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from workers.contracts import AnyRequest, Failure, FailureCode, JobResult
from workers.errors import AlreadyFinishedError

MAX_ATTEMPTS = 3
"""One run and two more after a lost worker: measured with max_retries=2, see the settings in ``celery_app``."""
LEASE_S = 10.0
"""A run that has not renewed its lease for this long is dead; five missed heartbeats."""


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
    client: str | None = None
    """Id of the API key that asked, which alone sees the job; None where no key was asked for."""
    request_id: str | None = None
    """Of the HTTP request that made the job, as in its access log."""
    trace: str | None = None
    """The span of that request (W3C ``traceparent``), where traces are on."""
    wanted: int = 1
    """How many requests share this job and have not been taken back."""
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

    @field_validator("result", mode="before")
    @classmethod
    def _as_its_request_says(cls, value: Any, known: ValidationInfo) -> Any:
        """A stored result does not say what it is; the request does."""
        if isinstance(value, dict) and "request" in known.data:
            return value | {"body": known.data["request"].result.model_validate(value["body"])}
        return value

    @property
    def finished(self) -> bool:
        """Whether the job has ended."""
        return self.state in FINISHED

    @property
    def event(self) -> JobEvent:
        """State and progress as an event."""
        return JobEvent(state=self.state, progress=self.progress)

    def asked_by(self, *, client: str | None, request_id: str | None, trace: str | None) -> "Job":
        """The record of a new job, with who asked for it."""
        return self._with(client=client, request_id=request_id, trace=trace)

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

    def wanted_again(self) -> "Job":
        """One more request shares the job. Raises: AlreadyFinishedError."""
        self._check_unfinished()
        return self._with(wanted=self.wanted + 1)

    def cancelled(self, now: float) -> "Job":
        """A request is taken back; the job ends if no other shares it. Raises: AlreadyFinishedError."""
        self._check_unfinished()
        if self.wanted > 1:
            return self._with(wanted=self.wanted - 1)
        return self._ended(JobState.CANCELLED, now)

    def begun_again(self, owner: str, now: float) -> "Job":
        """The process under the run by ``owner`` was lost: the next begins, or the job failed because too many were.

        Raises: JobTakenError, AlreadyFinishedError.
        """
        self._check_held(owner)
        if self.attempts >= MAX_ATTEMPTS:
            return self.worker_lost(now)
        return self._with(attempts=self.attempts + 1, started_at=now, lease_until=now + LEASE_S, progress=0.0)

    def put_back(self) -> "Job":
        """It waits again, if it has not ended: its run ended with the whole service, and does not count."""
        if self.state is not JobState.RUNNING:
            return self
        attempts = self.attempts - 1
        return self._with(state=JobState.QUEUED, attempts=attempts, owner=None, lease_until=None, progress=0.0)

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


def new_job_id() -> str:
    """128 random bits: whoever knows the id may read and cancel the job."""
    return secrets.token_hex(16)


def request_digest(request: AnyRequest) -> str:
    """SHA-256 of everything that was asked; images count by their content."""
    return hashlib.sha256(request.identity().encode()).hexdigest()
