"""Looks after jobs whose run or whose message was lost; runs as a thread beside every worker.

Any number of reapers may run at once: a job sent twice is run once, because runs hold their job by a lease.
"""

import json
import logging
import threading
import time

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from workers.contracts import Failure, FailureCode
from workers.errors import (
    AlreadyFinishedError,
    BlobStoreUnavailableError,
    BrokerUnavailableError,
    JobExpiredError,
    JobUnknownError,
)
from workers.jobs.record import MAX_ATTEMPTS, Job, JobState
from workers.jobs.store import Change
from workers.run.celery_app import QUEUE, LimenCelery
from workers.run.signatures import send

logger = logging.getLogger(__name__)

INTERVAL_S = 2.0
MESSAGE_GRACE_S = 10.0
"""A message may be on its way, or held by a worker about to start it, for this long before it counts as lost."""
KILL_GRACE_S = 2.0
"""After the hard limit Celery kills the process; a run still not ended then has no chance left."""
BLOB_SWEEP_S = 600.0


class Reaper:
    """Ends or re-sends lost jobs, and deletes expired files, until it is stopped."""

    def __init__(self, app: LimenCelery) -> None:
        self._app = app
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)
        self._next_blob_sweep = 0.0

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            try:
                self.sweep()
            except (BrokerUnavailableError, BlobStoreUnavailableError) as error:
                logger.warning("reaper: %s", error)
            except Exception:
                logger.exception("reaper: sweep failed; the next one tries again")

    def sweep(self) -> None:
        """Look once at every unfinished job. Raises: BrokerUnavailableError."""
        store = self._app.jobs
        jobs, now = store.unfinished(), store.now()
        unsure = [job for job in jobs if now - job.sent_at > MESSAGE_GRACE_S]
        waiting = waiting_job_ids(self._app, unsure)
        for job in jobs:
            if _past_hard_limit(job, now, self._app.settings.hard_limit_s):
                self._end_late(job.id)
            elif job.lease_gone(now) and job.attempts >= MAX_ATTEMPTS:
                self._end_lost(job.id)
        for job in unsure:
            lost_run = job.lease_gone(now) and job.attempts < MAX_ATTEMPTS
            if (lost_run or job.state is JobState.QUEUED) and job.id not in waiting:
                self._send_again(job)
        if time.monotonic() >= self._next_blob_sweep:
            self._next_blob_sweep = time.monotonic() + BLOB_SWEEP_S
            self._app.blobs.sweep()
            self._app.studies.sweep()

    def _end_late(self, job_id: str) -> None:
        limit = self._app.settings.hard_limit_s
        failure = Failure(code=FailureCode.DEADLINE_EXCEEDED, detail=f"the job took longer than {limit} s")

        def change(job: Job, now: float) -> Job:
            return job.failed(now, failure) if _past_hard_limit(job, now, limit) else job

        self._update(job_id, change)

    def _end_lost(self, job_id: str) -> None:
        self._update(job_id, lambda job, now: job.worker_lost(now) if job.lease_gone(now) else job)

    def _send_again(self, job: Job) -> None:
        def change(current: Job, now: float) -> Job:
            if current.sent_at != job.sent_at or current.state != job.state:
                return current
            return current.resent(now)

        updated = self._update(job.id, change)
        if updated is not None and updated.sent_at != job.sent_at:
            logger.warning("job %s: %s without worker or message, sent again", job.id, job.state)
            send(self._app, updated)

    def _update(self, job_id: str, change: Change) -> Job | None:
        try:
            return self._app.jobs.update(job_id, change)
        except (AlreadyFinishedError, JobUnknownError, JobExpiredError):
            return None  # ended since the sweep began


def waiting_job_ids(app: LimenCelery, jobs: list[Job]) -> frozenset[str]:
    """Those of ``jobs`` whose message the broker still holds for a worker. Memory loses none that nobody has taken."""
    if app.settings.embedded or not jobs:
        return frozenset(job.id for job in jobs if job.state is JobState.QUEUED)
    try:
        with app.connection_for_read() as connection:
            messages = connection.default_channel.client.lrange(QUEUE, 0, -1)
    except (OperationalError, RedisError, OSError) as error:
        raise BrokerUnavailableError(f"the queue cannot be read: {type(error).__name__}") from error
    return frozenset(json.loads(message)["headers"]["id"] for message in messages)


def _past_hard_limit(job: Job, now: float, hard_limit_s: float) -> bool:
    """Whether somebody has worked on a job for too long; time without a worker is no run time."""
    held = job.state is JobState.RUNNING and not job.lease_gone(now)
    return held and now > (job.started_at or now) + hard_limit_s + KILL_GRACE_S
