"""Every kind of problem this service answers with: one table from code to status, title and meaning."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from workers.contracts import FailureCode
from workers.errors import (
    AddressRefusedError,
    AlreadyFinishedError,
    AnswerConflictError,
    BatchLimitError,
    BatchUnknownError,
    BlobStoreFullError,
    BrokerUnavailableError,
    FetchFailedError,
    IdempotencyConflictError,
    JobExpiredError,
    JobUnknownError,
    QueueFullError,
    SessionLimitError,
    SessionUnknownError,
    StudyExpiredError,
    StudyFullError,
    StudyLimitError,
    StudyUnknownError,
    StudyUnreadyError,
    TrialUnknownError,
)
from workers.studies.record import MAX_PHOTOS


class RequestFault(StrEnum):
    """What can be wrong with a request itself, before there is a job."""

    ROUTE_UNKNOWN = "route-unknown"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    NOT_ACCEPTABLE = "not-acceptable"
    REQUEST_INVALID = "request-invalid"
    UPLOAD_MALFORMED = "upload-malformed"
    UPLOAD_EMPTY = "upload-empty"
    UPLOAD_TIMEOUT = "upload-timeout"
    UPLOAD_TOO_LARGE = "upload-too-large"
    MEDIA_TYPE_UNSUPPORTED = "media-type-unsupported"
    CONTENT_ENCODING_UNSUPPORTED = "content-encoding-unsupported"
    RANGE_NOT_SATISFIABLE = "range-not-satisfiable"
    JOB_UNFINISHED = "job-unfinished"
    WAIT_ENDED = "wait-ended"
    JOB_CANCELLED = "job-cancelled"
    ARTEFACT_UNKNOWN = "artefact-unknown"
    KEY_MISSING = "key-missing"
    KEY_INVALID = "key-invalid"
    SCOPE_MISSING = "scope-missing"
    REQUEST_LIMIT = "request-limit"
    PIXEL_LIMIT = "pixel-limit"
    STUDY_EMPTY = "study-empty"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem; its URI is ``/problems/{code}``, which explains it."""

    code: str
    status: int
    title: str
    meaning: str

    @property
    def uri(self) -> str:
        """The stable ``type`` member, relative to the service."""
        return f"/problems/{self.code}"


_TABLE = (
    ProblemType(
        RequestFault.ROUTE_UNKNOWN, 404, "No such address", "Nothing is served at this path; /docs lists what is."
    ),
    ProblemType(
        RequestFault.METHOD_NOT_ALLOWED, 405, "Method not allowed", "The Allow header names the methods of this path."
    ),
    ProblemType(
        RequestFault.KEY_MISSING,
        401,
        "A key is needed",
        "Send the header Authorization: Bearer with a key of this service.",
    ),
    ProblemType(
        RequestFault.KEY_INVALID,
        401,
        "The key is not valid",
        "The Authorization header holds no key of this service, or one that was revoked.",
    ),
    ProblemType(
        RequestFault.SCOPE_MISSING,
        403,
        "The key may not do this",
        "The detail names the scope that a key needs for it.",
    ),
    ProblemType(
        RequestFault.REQUEST_LIMIT, 429, "The key has sent too many requests", "Send it again when Retry-After says."
    ),
    ProblemType(
        RequestFault.PIXEL_LIMIT,
        429,
        "The key has sent too many pixels",
        "Send it again when Retry-After says. Each image counts whole megapixels, at least one.",
    ),
    ProblemType(
        RequestFault.NOT_ACCEPTABLE,
        406,
        "No such form of the result",
        "The Accept header names no media type in which this result exists; the detail lists those that do.",
    ),
    ProblemType(
        RequestFault.REQUEST_INVALID,
        422,
        "The request is not valid",
        "A field is missing, unknown or out of range; see errors.",
    ),
    ProblemType(
        RequestFault.UPLOAD_MALFORMED,
        400,
        "The body cannot be read",
        "The multipart or gzip body is damaged or ends too early; the detail says where.",
    ),
    ProblemType(
        FetchFailedError.code,
        422,
        "The image cannot be fetched",
        "Its server did not give it in time, not with status 200, or too much of it; the detail says what happened.",
    ),
    ProblemType(RequestFault.UPLOAD_EMPTY, 422, "The file is empty", "A file of no bytes was sent."),
    ProblemType(
        RequestFault.UPLOAD_TIMEOUT,
        408,
        "The upload took too long",
        "The body paused, or took longer in all, than is allowed.",
    ),
    ProblemType(
        RequestFault.UPLOAD_TOO_LARGE, 413, "The upload is too large", "The body has more bytes than the service takes."
    ),
    ProblemType(
        RequestFault.MEDIA_TYPE_UNSUPPORTED,
        415,
        "The body's media type is not taken",
        "Send multipart/form-data, or the file itself with an image media type.",
    ),
    ProblemType(
        RequestFault.CONTENT_ENCODING_UNSUPPORTED,
        415,
        "The body's encoding is not taken",
        "Send the body as it is, or with Content-Encoding: gzip; Accept-Encoding says so too.",
    ),
    ProblemType(
        RequestFault.RANGE_NOT_SATISFIABLE,
        416,
        "The range lies outside the file",
        "Content-Range says how many bytes there are.",
    ),
    ProblemType(
        RequestFault.JOB_UNFINISHED,
        409,
        "The job has not finished",
        "Ask again later, follow its events, or send Prefer: wait=N.",
    ),
    ProblemType(
        RequestFault.WAIT_ENDED,
        503,
        "The wait has ended without a result",
        "The job goes on, but Accept takes no JSON, so nothing can be sent yet; see Location and Retry-After.",
    ),
    ProblemType(RequestFault.JOB_CANCELLED, 409, "The job was cancelled", "A cancelled job has no result."),
    ProblemType(AlreadyFinishedError.code, 409, "The job has finished", "A job that has ended cannot be cancelled."),
    ProblemType(JobUnknownError.code, 404, "No such job", "No job has, or lately had, this id."),
    ProblemType(
        JobExpiredError.code, 410, "The job has expired", "The job ended and its result was dropped; send it again."
    ),
    ProblemType(
        RequestFault.ARTEFACT_UNKNOWN, 404, "No such artefact", "The job's result lists its artefacts by name."
    ),
    ProblemType(
        IdempotencyConflictError.code,
        409,
        "The idempotency key was used for another request",
        "An Idempotency-Key stands for one request for as long as its job is kept; use a new key for a new request.",
    ),
    ProblemType(
        AddressRefusedError.code,
        422,
        "The address is not taken",
        "The service sends to hosts on its list alone, and never to private addresses; the detail says what is wrong.",
    ),
    ProblemType(BatchUnknownError.code, 404, "No such batch", "No batch has, or lately had, this id."),
    ProblemType(
        BatchLimitError.code,
        429,
        "No more batches are taken",
        "As many are unfinished as the service allows; see Retry-After.",
    ),
    ProblemType(
        QueueFullError.code, 429, "The queue is full", "As many jobs are waiting as are taken; see Retry-After."
    ),
    ProblemType(
        BrokerUnavailableError.code,
        503,
        "The queue cannot be reached",
        "The service cannot take or look up jobs for the moment; see Retry-After.",
    ),
    ProblemType(BlobStoreFullError.code, 507, "No room for the upload", "The disk for images and results is full."),
    ProblemType(
        FailureCode.BLOB_STORE_UNAVAILABLE,
        503,
        "The store of images and results cannot be reached",
        "Nothing was taken, or the result cannot be had for the moment; see Retry-After.",
    ),
    ProblemType(
        FailureCode.BLOB_MISSING, 410, "The file has expired", "The bytes are no longer kept; send the image again."
    ),
    ProblemType(
        FailureCode.IMAGE_TYPE_UNSUPPORTED,
        415,
        "The image type is not supported",
        "JPEG, PNG, WebP, AVIF, TIFF, BMP and GIF are read, recognised by content and never by name; HEIC where"
        " the extra heic is installed.",
    ),
    ProblemType(
        FailureCode.IMAGE_UNDECODABLE,
        422,
        "The image cannot be decoded",
        "The file is of a supported type but damaged.",
    ),
    ProblemType(
        FailureCode.IMAGE_TOO_LARGE,
        413,
        "The image is too large",
        "The image has more pixels, a longer side or a more extreme shape than is taken, whatever its bytes.",
    ),
    ProblemType(
        FailureCode.IMAGE_SIZES_DIFFER,
        422,
        "The images differ in size",
        "Both images, or image and mask, must have one size.",
    ),
    ProblemType(FailureCode.PARAMETER_INVALID, 422, "A parameter is out of range", "The detail names the parameter."),
    ProblemType(
        FailureCode.DISTRIBUTION_INVALID,
        422,
        "No distribution describes this image",
        "The predicted shares of viewers cannot be described by a generalised extreme value distribution.",
    ),
    ProblemType(
        FailureCode.TARGET_UNREACHABLE, 422, "The target cannot be reached", "No setting meets the asked share or size."
    ),
    ProblemType(
        FailureCode.CONTAINER_INVALID,
        422,
        "Not a VarJPEG container",
        "The bytes are no VarJPEG container, or a damaged one.",
    ),
    ProblemType(StudyUnknownError.code, 404, "No such study", "No study has, or lately had, this link or key."),
    ProblemType(
        StudyExpiredError.code, 410, "The study has ended", "Its photos and answers were deleted, as was promised."
    ),
    ProblemType(
        StudyLimitError.code,
        429,
        "No more studies are taken",
        "As many are kept as the service allows; one has to end first.",
    ),
    ProblemType(StudyFullError.code, 409, "The study has all its photos", f"A study takes {MAX_PHOTOS} photos."),
    ProblemType(
        StudyUnreadyError.code,
        409,
        "The study is not ready yet",
        "Its photos are still being prepared, or none has been uploaded; see Retry-After.",
    ),
    ProblemType(
        RequestFault.STUDY_EMPTY, 409, "Nothing to export yet", "No observer has answered, or no answer was kept."
    ),
    ProblemType(SessionLimitError.code, 429, "No more observers are taken", "As many have begun as a study takes."),
    ProblemType(SessionUnknownError.code, 404, "No such session", "The study has no session of this id."),
    ProblemType(
        TrialUnknownError.code,
        404,
        "No such trial",
        "The session does not ask this, does not show it, or has not come to it.",
    ),
    ProblemType(
        AnswerConflictError.code,
        409,
        "The answer cannot be taken",
        "The trial was answered otherwise before, is not the next one, or the level lies outside it.",
    ),
    ProblemType(
        FailureCode.MODEL_INVALID, 500, "A model is damaged", "A weight file of the worker is missing or was changed."
    ),
    ProblemType(FailureCode.DEADLINE_EXCEEDED, 504, "The work took too long", "The job was stopped at its time limit."),
    ProblemType(
        FailureCode.WORKER_LOST,
        500,
        "The worker was lost",
        "Every run of this job lost its worker process; it is not repeated.",
    ),
    ProblemType(
        FailureCode.INTERNAL, 500, "Internal error", "The service failed; the request id finds the cause in its log."
    ),
)

PROBLEM_TYPES: Mapping[str, ProblemType] = {problem_type.code: problem_type for problem_type in _TABLE}
"""Every problem this service answers with, by code."""
