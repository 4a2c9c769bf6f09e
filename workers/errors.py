"""Errors of the queue and the stores: facts and a code, no HTTP.

ServiceError
├── JobUnknownError             job-unknown            no job has, or lately had, this id
├── JobExpiredError             job-expired            the job ended and its record has been dropped
├── AlreadyFinishedError        job-finished           too late to cancel
├── IdempotencyConflictError    idempotency-conflict   the key was used for another request
├── QueueFullError              queue-full             too many unfinished jobs
├── BrokerUnavailableError      broker-unavailable     Redis cannot be reached, or the records take no more
├── AddressRefusedError         address-refused        an address that the service does not send to or fetch from
├── FetchFailedError            fetch-failed           a file cannot be had from its address
├── BatchUnknownError           batch-unknown          no batch has, or lately had, this id
├── BatchLimitError             batch-limit            as many batches are unfinished as are taken
├── BlobMissingError            blob-missing           no bytes under this key
├── BlobStoreFullError          blob-store-full        no room to store bytes
├── BlobStoreUnavailableError   blob-store-unavailable the object store cannot be reached or used
├── StudyUnknownError           study-unknown          no study has this link
├── StudyExpiredError           study-expired          the study has ended and was deleted
├── StudyLimitError             study-limit            as many studies are kept as are taken
├── StudyFullError              study-full             the study has as many photos as are taken
├── StudyUnreadyError           study-unready          its photos are still being prepared, or there are none
├── SessionLimitError           session-limit          as many observers have begun as are taken
├── SessionUnknownError         session-unknown        the study has no such session
├── TrialUnknownError           trial-unknown          the session does not ask this, or has not come to it
└── AnswerConflictError         answer-conflict        the trial was answered, or is not the next one
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
    """Redis cannot be reached in time, or the records take no more."""

    code = "broker-unavailable"


class AddressRefusedError(ServiceError):
    """The service does not send to this address, or fetch from it; the text says why."""

    code = "address-refused"


class FetchFailedError(ServiceError):
    """A file cannot be had from its address; the text says why."""

    code = "fetch-failed"


class BatchUnknownError(ServiceError):
    """No batch has, or lately had, this id."""

    code = "batch-unknown"


class BatchLimitError(ServiceError):
    """As many batches are unfinished as the settings allow."""

    code = "batch-limit"


class BlobMissingError(ServiceError):
    """No bytes are stored under this key."""

    code = "blob-missing"


class BlobStoreFullError(ServiceError):
    """The folder or the bucket of the blob store has no room left."""

    code = "blob-store-full"


class BlobStoreUnavailableError(ServiceError):
    """The object store cannot be reached in time, or does not do what it is asked; its log says why."""

    code = "blob-store-unavailable"


class StudyUnknownError(ServiceError):
    """No study has this link."""

    code = "study-unknown"


class StudyExpiredError(ServiceError):
    """The study has ended; its photos and answers were deleted."""

    code = "study-expired"


class StudyLimitError(ServiceError):
    """As many studies are kept as the settings allow."""

    code = "study-limit"


class StudyFullError(ServiceError):
    """The study has as many photos as are taken."""

    code = "study-full"


class StudyUnreadyError(ServiceError):
    """No photo of the study is ready, or one is still being prepared."""

    code = "study-unready"


class SessionLimitError(ServiceError):
    """As many observers have begun as a study takes."""

    code = "session-limit"


class SessionUnknownError(ServiceError):
    """The study has no session of this id."""

    code = "session-unknown"


class TrialUnknownError(ServiceError):
    """The session has no such trial, does not show that level, or has not come to it."""

    code = "trial-unknown"


class AnswerConflictError(ServiceError):
    """The trial was answered otherwise, is not the next one, or the answer cannot be given."""

    code = "answer-conflict"
