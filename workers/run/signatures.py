"""Task messages by name: what the web process needs to send work without importing a model."""

import hashlib

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from workers.contracts import AnyRequest
from workers.errors import BrokerUnavailableError
from workers.jobs.record import Job
from workers.jobs.store import JobStore

_RETRY_ONCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
"""A pooled connection may be one that Redis has closed since; a message sent twice does no harm."""


def submit(
    celery: Celery, jobs: JobStore, request: AnyRequest, *, idempotency_key: str | None = None
) -> tuple[Job, bool]:
    """A job for the request, and whether it is new; a new one is sent to the workers.

    Identical requests share a job while the live workers agree on their models' version.
    Raises: IdempotencyConflictError, QueueFullError, BrokerUnavailableError (nothing was accepted).
    """
    key = dedup_key(request, jobs.model_version())
    job, created = jobs.create(request, dedup_key=key, idempotency_key=idempotency_key)
    if created:
        try:
            send(celery, job)
        except BrokerUnavailableError:
            jobs.discard(job.id)
            raise
    return job, created


def send(celery: Celery, job: Job) -> None:
    """Publish the message of a job; the job's id is also the message's. Raises: BrokerUnavailableError."""
    payload = job.request.model_dump(mode="json")
    try:
        celery.send_task(
            job.request.task(), args=(job.id, payload), task_id=job.id, retry=True, retry_policy=_RETRY_ONCE
        )
    except (OperationalError, RedisError, OSError) as error:
        raise BrokerUnavailableError(f"the message cannot be sent: {type(error).__name__}") from error


def dedup_key(request: AnyRequest, model_version: str | None) -> str | None:
    """Equal for requests that must give equal results; None while the models' version is not known."""
    if model_version is None:
        return None
    return hashlib.sha256(f"{model_version} {request.identity()}".encode()).hexdigest()
