"""One run of a job, from the worker's side: the lease, its heartbeat, progress, and how each error ends the job."""

import contextlib
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from celery.exceptions import Ignore, SoftTimeLimitExceeded

from models.errors import LimenError
from workers.contracts import Failure, FailureCode, JobResult
from workers.errors import (
    AlreadyFinishedError,
    BlobMissingError,
    BlobStoreUnavailableError,
    BrokerUnavailableError,
    ServiceError,
)
from workers.jobs.record import LEASE_S, Job, JobTakenError
from workers.jobs.store import JobStore
from workers.run.logs import about
from workers.run.tracing import Run, Tracing

logger = logging.getLogger(__name__)

HEARTBEAT_S = LEASE_S / 5
PROGRESS_S = 0.2
"""Progress is written, and a cancellation seen, this often."""
PATIENCE_S = 60.0
"""How long the start and the end of a run wait for Redis to come back; results are not thrown away for a restart."""

_T = TypeVar("_T")


class DeadlineExceededError(Exception):
    """The run has taken longer than the soft limit."""


class RunFailedError(Exception):
    """The work failed in another process, with ``failure``."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class RunLostError(Exception):
    """The process that did the work has ended."""


class RunStoppedError(Exception):
    """The service ends; the job waits for the next one."""


class RunningJob:
    """What a task holds while it works."""

    def __init__(self, jobs: JobStore, job_id: str, owner: str) -> None:
        self._jobs = jobs
        self._owner = owner
        self._deadline = time.monotonic() + jobs.settings.soft_limit_s
        self._next_write = 0.0
        self.id = job_id

    def progress(self, fraction: float) -> None:
        """Say how much is done, 0..1; to be called between tiles or trials, which may be often.

        Raises: DeadlineExceededError; AlreadyFinishedError if the job was cancelled; JobTakenError if another run
        has it.
        """
        now = time.monotonic()
        if now >= self._deadline:
            raise DeadlineExceededError(f"the job took longer than {self._jobs.settings.soft_limit_s} s")
        if now >= self._next_write:
            self._next_write = now + PROGRESS_S
            with contextlib.suppress(BrokerUnavailableError):  # told later, or not at all
                self._jobs.update(self.id, lambda job, store_now: job.advanced(self._owner, store_now, fraction))

    def part(self, start: float, end: float) -> Callable[[float], None]:
        """A progress function for one step of a task: its 0..1 becomes ``start``..``end``."""
        return lambda fraction: self.progress(start + (end - start) * fraction)

    def succeed(self, result: JobResult) -> None:
        """End the job with its result. Raises: AlreadyFinishedError, JobTakenError."""
        _patiently(
            lambda: self._jobs.update(self.id, lambda job, now: job.succeeded(self._owner, now, result)),
        )

    def fail(self, failure: Failure) -> None:
        """End the job with a failure. Raises: AlreadyFinishedError."""
        _patiently(lambda: self._jobs.update(self.id, lambda job, now: job.failed(now, failure)))

    def begin_again(self) -> None:
        """Another run, after a lost process. Raises: AlreadyFinishedError, also if it was one too many."""
        job = _patiently(lambda: self._jobs.update(self.id, lambda job, now: job.begun_again(self._owner, now)))
        if job.finished:
            raise AlreadyFinishedError(f"job {self.id} has {job.state}")

    def put_back(self) -> None:
        """Leave the job to the next process."""
        _patiently(lambda: self._jobs.update(self.id, lambda job, _: job.put_back()))

    def renew(self) -> None:
        """Renew the lease. Raises: AlreadyFinishedError, JobTakenError, BrokerUnavailableError."""
        self._jobs.update(self.id, lambda job, now: job.renewed(self._owner, now))


@contextlib.contextmanager
def running(jobs: JobStore, job_id: str, tracing: Tracing | None = None) -> Iterator[RunningJob]:
    """Run a job unless it is done, cancelled or running elsewhere, and give it an end whatever happens inside.

    Raises: celery.exceptions.Ignore when there is nothing to run: a message delivered twice does no harm.
    """
    owner = f"{_process_namespace()}/{os.getpid()}/{uuid.uuid4().hex}"
    try:
        job = _start(jobs, job_id, owner)
    except (JobTakenError, ServiceError) as error:
        if isinstance(error, BrokerUnavailableError):
            raise
        logger.info("job %s: nothing to run: %s", job_id, error)
        raise Ignore from error
    handle = RunningJob(jobs, job_id, owner)
    started = time.monotonic()
    with about(job_id, job.request_id), (tracing or Tracing()).run(job) as run:
        with _heartbeat(handle), contextlib.suppress(AlreadyFinishedError, JobTakenError), _failures(handle, run):
            yield handle
        logger.info("job %s: ran for %.3f s", job_id, time.monotonic() - started)


def _start(jobs: JobStore, job_id: str, owner: str) -> Job:
    job = _patiently(lambda: jobs.update(job_id, lambda job, now: job.started(owner, now, owner_dead=_process_is_dead)))
    if job.finished:
        raise AlreadyFinishedError(f"job {job_id} has {job.state}")
    return job


@contextlib.contextmanager
def _failures(handle: RunningJob, run: Run) -> Iterator[None]:
    """The task's edge: every error becomes the job's failure."""
    try:
        yield
    except (AlreadyFinishedError, JobTakenError, BrokerUnavailableError):
        raise
    except RunStoppedError:
        handle.put_back()
    except BlobStoreUnavailableError as error:
        logger.warning("job %s waits for the store of images and results: %s", handle.id, error)
        handle.put_back()
    except Exception as error:
        failure = failure_of(error, handle.id)
        run.failed(failure)
        handle.fail(failure)


def failure_of(error: Exception, job_id: str) -> Failure:
    """A domain error's code and text; anything else is logged and stays private."""
    match error:
        case RunFailedError():
            return error.failure
        case LimenError():
            return Failure(code=FailureCode(error.code), detail=str(error))
        case BlobMissingError():
            return Failure(code=FailureCode.BLOB_MISSING, detail=str(error))
        case BlobStoreUnavailableError():
            return Failure(code=FailureCode.BLOB_STORE_UNAVAILABLE, detail=str(error))
        case DeadlineExceededError() | SoftTimeLimitExceeded():
            return Failure(code=FailureCode.DEADLINE_EXCEEDED, detail=str(error) or "the job took too long")
    logger.error("job %s failed", job_id, exc_info=error)
    detail = "an unexpected error; the worker's log has the cause under the job's id"
    return Failure(code=FailureCode.INTERNAL, detail=detail)


@contextlib.contextmanager
def _heartbeat(handle: RunningJob) -> Iterator[None]:
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_S):
            try:
                handle.renew()
            except BrokerUnavailableError:
                continue
            except (JobTakenError, ServiceError):
                return

    thread = threading.Thread(target=beat, name=f"heartbeat-{handle.id[:8]}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _patiently(call: Callable[[], _T]) -> _T:
    """The result of ``call``, tried again while Redis is away, for PATIENCE_S. Raises: what ``call`` raises."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return call()
        except BrokerUnavailableError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.25)


def _process_namespace() -> str:
    """Same text for processes that see each other's ids; containers of one host differ."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{socket.gethostname()}:{uuid.getnode()}"


def _process_is_dead(owner: str) -> bool:
    """Whether the process that owns a run is known to be gone: its lease need not be waited for."""
    namespace, pid, _ = owner.rsplit("/", 2)
    if namespace != _process_namespace():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # alive, under another user
    return False
