"""Every error as ``application/problem+json`` (RFC 9457): one table from code to problem type, one set of handlers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from workers.contracts import Failure, FailureCode
from workers.errors import ServiceError

PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
"""What a client is told to wait when the queue is full or the broker away: the time within which such replies come."""


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


@dataclass(slots=True)
class ProblemError(Exception):
    """A request ends with a problem. ``code`` is a RequestFault or a FailureCode; ``errors`` name single inputs."""

    code: str
    detail: str
    errors: list[dict[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    instance: str | None = None


_TABLE = (
    ProblemType("route-unknown", 404, "No such address", "Nothing is served at this path; /docs lists what is."),
    ProblemType("method-not-allowed", 405, "Method not allowed", "The Allow header names the methods of this path."),
    ProblemType(
        "not-acceptable",
        406,
        "No such form of the result",
        "The Accept header names no media type in which this result exists; the detail lists those that do.",
    ),
    ProblemType(
        "request-invalid", 422, "The request is not valid", "A field is missing, unknown or out of range; see errors."
    ),
    ProblemType(
        "upload-malformed",
        400,
        "The body cannot be read",
        "The multipart or gzip body is damaged or ends too early; the detail says where.",
    ),
    ProblemType("upload-empty", 422, "The file is empty", "A file of no bytes was sent."),
    ProblemType(
        "upload-timeout", 408, "The upload took too long", "The body paused, or took longer in all, than is allowed."
    ),
    ProblemType("upload-too-large", 413, "The upload is too large", "The body has more bytes than the service takes."),
    ProblemType(
        "media-type-unsupported",
        415,
        "The body's media type is not taken",
        "Send multipart/form-data, or the file itself with an image media type.",
    ),
    ProblemType(
        "content-encoding-unsupported",
        415,
        "The body's encoding is not taken",
        "Send the body as it is, or with Content-Encoding: gzip; Accept-Encoding says so too.",
    ),
    ProblemType(
        "range-not-satisfiable",
        416,
        "The range lies outside the file",
        "Content-Range says how many bytes there are.",
    ),
    ProblemType(
        "job-unfinished", 409, "The job has not finished", "Ask again later, follow its events, or send Prefer: wait=N."
    ),
    ProblemType(
        "wait-ended",
        503,
        "The wait has ended without a result",
        "The job goes on, but Accept takes no JSON, so nothing can be sent yet; see Location and Retry-After.",
    ),
    ProblemType("job-cancelled", 409, "The job was cancelled", "A cancelled job has no result."),
    ProblemType("job-finished", 409, "The job has finished", "A job that has ended cannot be cancelled."),
    ProblemType("job-unknown", 404, "No such job", "No job has, or lately had, this id."),
    ProblemType("job-expired", 410, "The job has expired", "The job ended and its result was dropped; send it again."),
    ProblemType("artefact-unknown", 404, "No such artefact", "The job's result lists its artefacts by name."),
    ProblemType(
        "idempotency-conflict",
        409,
        "The idempotency key was used for another request",
        "An Idempotency-Key stands for one request for as long as its job is kept; use a new key for a new request.",
    ),
    ProblemType("queue-full", 429, "The queue is full", "As many jobs are waiting as are taken; see Retry-After."),
    ProblemType(
        "broker-unavailable",
        503,
        "The queue cannot be reached",
        "The service cannot take or look up jobs for the moment; see Retry-After.",
    ),
    ProblemType("blob-store-full", 507, "No room for the upload", "The disk for images and results is full."),
    ProblemType("blob-missing", 410, "The file has expired", "The bytes are no longer kept; send the image again."),
    ProblemType(
        "image-type-unsupported",
        415,
        "The image type is not supported",
        "JPEG, PNG, WebP, AVIF, TIFF, BMP and GIF are read, recognised by content and never by name.",
    ),
    ProblemType(
        "image-undecodable", 422, "The image cannot be decoded", "The file is of a supported type but damaged."
    ),
    ProblemType(
        "image-too-large",
        413,
        "The image is too large",
        "The image has more pixels, a longer side or a more extreme shape than is taken, whatever its bytes.",
    ),
    ProblemType(
        "image-sizes-differ", 422, "The images differ in size", "Both images, or image and mask, must have one size."
    ),
    ProblemType("parameter-invalid", 422, "A parameter is out of range", "The detail names the parameter."),
    ProblemType(
        "distribution-invalid",
        422,
        "No distribution describes this image",
        "The predicted shares of viewers cannot be described by a generalised extreme value distribution.",
    ),
    ProblemType("target-unreachable", 422, "The target cannot be reached", "No setting meets the asked share or size."),
    ProblemType(
        "container-invalid", 422, "Not a VarJPEG container", "The bytes are no VarJPEG container, or a damaged one."
    ),
    ProblemType("study-unknown", 404, "No such study", "No study has, or lately had, this link or key."),
    ProblemType("study-expired", 410, "The study has ended", "Its photos and answers were deleted, as was promised."),
    ProblemType(
        "study-limit", 429, "No more studies are taken", "As many are kept as the service allows; one has to end first."
    ),
    ProblemType("study-full", 409, "The study has all its photos", "A study takes 50 photos."),
    ProblemType(
        "study-unready",
        409,
        "The study is not ready yet",
        "Its photos are still being prepared, or none has been uploaded; see Retry-After.",
    ),
    ProblemType("study-empty", 409, "Nothing to export yet", "No observer has answered, or no answer was kept."),
    ProblemType("session-limit", 429, "No more observers are taken", "As many have begun as a study takes."),
    ProblemType("session-unknown", 404, "No such session", "The study has no session of this id."),
    ProblemType(
        "trial-unknown", 404, "No such trial", "The session does not ask this, does not show it, or has not come to it."
    ),
    ProblemType(
        "answer-conflict",
        409,
        "The answer cannot be taken",
        "The trial was answered otherwise before, is not the next one, or the level lies outside it.",
    ),
    ProblemType("model-invalid", 500, "A model is damaged", "A weight file of the worker is missing or was changed."),
    ProblemType("deadline-exceeded", 504, "The work took too long", "The job was stopped at its time limit."),
    ProblemType(
        "worker-lost", 500, "The worker was lost", "Every run of this job lost its worker process; it is not repeated."
    ),
    ProblemType("internal", 500, "Internal error", "The service failed; the request id finds the cause in its log."),
)

PROBLEM_TYPES: Mapping[str, ProblemType] = {problem_type.code: problem_type for problem_type in _TABLE}
"""Every problem this service answers with, by code."""

_RETRY_LATER = frozenset({"queue-full", "broker-unavailable", "job-unfinished", "wait-ended", "study-unready"})
_FAULT_OF_STATUS = {
    400: RequestFault.UPLOAD_MALFORMED,
    404: RequestFault.ROUTE_UNKNOWN,
    405: RequestFault.METHOD_NOT_ALLOWED,
    413: RequestFault.UPLOAD_TOO_LARGE,
}


def problem_body(
    code: str, detail: str, *, instance: str, errors: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    """The members of RFC 9457 for one problem; ``errors`` only where single inputs are at fault."""
    problem_type = PROBLEM_TYPES[code]
    body: dict[str, Any] = {
        "type": problem_type.uri,
        "title": problem_type.title,
        "status": problem_type.status,
        "detail": detail,
        "instance": instance,
    }
    return body | {"errors": errors} if errors else body


def problem_response(request: Request, error: ProblemError) -> Response:
    """The reply for a problem; the instance is the request's path unless the problem knows better."""
    instance = error.instance or request.url.path
    headers = dict(error.headers)
    if error.code in _RETRY_LATER:
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    body = problem_body(error.code, error.detail, instance=instance, errors=error.errors)
    return JSONResponse(body, body["status"], headers, PROBLEM_MEDIA_TYPE)


def failure_problem(failure: Failure, job_id: str) -> ProblemError:
    """The problem that a job's failure is to whoever asks for its result."""
    return ProblemError(failure.code, failure.detail, instance=f"/v1/jobs/{job_id}")


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of ``app`` a problem."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _client_left)


def internal_problem(request: Request) -> Response:
    """The reply to an error nobody foresaw; its cause stays in the log."""
    return problem_response(request, ProblemError(FailureCode.INTERNAL, "The service failed to handle this request."))


def validation_errors(errors: list[Any]) -> list[dict[str, str]]:
    """Pydantic's errors as ``{"field", "message"}``, without the values a client sent."""
    return [
        {"field": ".".join(str(part) for part in error["loc"]) or "request", "message": str(error["msg"])}
        for error in errors
    ]


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem_response(request, error)


async def _service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return problem_response(request, ProblemError(error.code, str(error)))


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = validation_errors(list(error.errors()))
    return problem_response(request, ProblemError(RequestFault.REQUEST_INVALID, "See errors.", found))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    fault = _FAULT_OF_STATUS.get(error.status_code)
    if fault is None:
        return internal_problem(request)
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return problem_response(request, ProblemError(fault, detail, headers=dict(error.headers or {})))


async def _client_left(request: Request, error: Exception) -> Response:
    """Nobody reads this reply; the status is what nginx logs for a client that closed the connection."""
    return Response(status_code=499)
