"""Task messages by name: what the web process needs to send work without importing a model."""

import hashlib
from functools import partial

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from workers.contracts import AnyRequest
from workers.errors import AlreadyFinishedError, BrokerUnavailableError, JobExpiredError, JobUnknownError
from workers.jobs.record import Job
from workers.jobs.store import Arrival, JobStore

_RETRY_ONCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
"""A pooled connection may be one that Redis has closed since; a message sent twice does no harm."""


def submit(
    celery: Celery,
    jobs: JobStore,
    request: AnyRequest,
    *,
    client: str | None = None,
    request_id: str | None = None,
    trace: str | None = None,
    idempotency_key: str | None = None,
) -> tuple[Job, bool]:
    """A job for the request, and whether it is new; a new one is sent to the workers.

    Identical requests of the same API key ``client`` share a job while the live workers agree on their models' version.
    Raises: IdempotencyConflictError, QueueFullError, BrokerUnavailableError (nothing was accepted).
    """
    shared_by = dedup_key(request, jobs.model_version(), client=client)
    repeated_by = None if idempotency_key is None else f"{client or ''}/{idempotency_key}"
    create = partial(
        jobs.create,
        request,
        client=client,
        request_id=request_id,
        trace=trace,
        dedup_key=shared_by,
        idempotency_key=repeated_by,
    )
    job, arrival = create()
    if arrival is Arrival.SHARED and not job.finished:
        try:
            return jobs.update(job.id, lambda found, _: found.wanted_again()), False
        except (AlreadyFinishedError, JobUnknownError, JobExpiredError):  # ended a moment ago, perhaps without a result
            job, arrival = create()
    if arrival is Arrival.CREATED:
        try:
            send(celery, job)
        except BrokerUnavailableError:
            jobs.discard(job.id)
            raise
    return job, arrival is Arrival.CREATED


def send(celery: Celery, job: Job) -> None:
    """Publish the message of a job; the job's id is also the message's. Raises: BrokerUnavailableError."""
    payload = job.request.model_dump(mode="json")
    try:
        celery.send_task(
            job.request.task(), args=(job.id, payload), task_id=job.id, retry=True, retry_policy=_RETRY_ONCE
        )
    except (OperationalError, RedisError, OSError) as error:
        raise BrokerUnavailableError(f"the message cannot be sent: {type(error).__name__}") from error


def dedup_key(request: AnyRequest, model_version: str | None, *, client: str | None = None) -> str | None:
    """Equal for requests of one client that must give equal results; None while the models' version is not known.

    Clients with different API keys share nothing: else one could learn from the time it takes what others have sent.
    """
    if model_version is None:
        return None
    return hashlib.sha256(f"{client or ''} {model_version} {request.identity()}".encode()).hexdigest()
