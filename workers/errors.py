"""Errors of the queue and the stores: facts and a code, no HTTP.

ServiceError
├── JobUnknownError             job-unknown            no job has, or lately had, this id
├── JobExpiredError             job-expired            the job ended and its record has been dropped
├── AlreadyFinishedError        job-finished           too late to cancel
├── IdempotencyConflictError    idempotency-conflict   the key was used for another request
├── QueueFullError              queue-full             too many unfinished jobs
├── BrokerUnavailableError      broker-unavailable     Redis cannot be reached, or refuses to store more
├── BlobMissingError            blob-missing           no bytes under this key
└── BlobStoreFullError          blob-store-full        no room to store bytes
"""

from typing import ClassVar


class ServiceError(Exception):
    """Base of all errors of the queue and the stores; ``code`` is a stable, public identifier."""

    code: ClassVar[str]


class JobUnknownError(ServiceError):
    """No job has, or lately had, this id."""

    code = "job-unknown"


class JobExpiredError(ServiceError):
    """The job ended and its record has been dropped."""

    code = "job-expired"


class AlreadyFinishedError(ServiceError):
    """The job has ended; its first end stays."""

    code = "job-finished"


class IdempotencyConflictError(ServiceError):
    """The same idempotency key came with another request."""

    code = "idempotency-conflict"


class QueueFullError(ServiceError):
    """As many jobs are unfinished as the queue limit allows."""

    code = "queue-full"


class BrokerUnavailableError(ServiceError):
    """Redis cannot be reached in time, or refuses to store more."""

    code = "broker-unavailable"


class BlobMissingError(ServiceError):
    """No bytes are stored under this key."""

    code = "blob-missing"


class BlobStoreFullError(ServiceError):
    """The folder of the blob store has no room left."""

    code = "blob-store-full"
