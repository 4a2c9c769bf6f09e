"""Every error as ``application/problem+json`` (RFC 9457): what it says, and one set of handlers."""

from dataclasses import dataclass, field
from html import escape
from typing import Any, Self

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.http.human_pages import asked_by_a_person, human_page
from app.http.problem_types import PROBLEM_TYPES, RequestFault
from workers.contracts import Failure, FailureCode
from workers.errors import (
    BatchLimitError,
    BlobStoreUnavailableError,
    BrokerUnavailableError,
    QueueFullError,
    ServiceError,
    StudyUnreadyError,
)

PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
"""What a client is told to wait when the queue is full or the broker away: the time within which such replies come."""


@dataclass(slots=True)
class ProblemError(Exception):
    """A request ends with a problem. ``code`` is a RequestFault or a FailureCode; ``errors`` name single inputs."""

    code: str
    detail: str
    errors: list[dict[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    instance: str | None = None

    @classmethod
    def of_inputs(cls, errors: list[dict[str, str]]) -> Self:
        """Inputs that are wrong, each with ``field`` and ``message``; the first is said in the detail too."""
        first, more = errors[0], f" (and {len(errors) - 1} more: see errors)" if len(errors) > 1 else ""
        return cls(RequestFault.REQUEST_INVALID, f"{first['field']}: {first['message']}{more}.", errors)


_RETRY_LATER = frozenset(
    {
        BatchLimitError.code,
        QueueFullError.code,
        BrokerUnavailableError.code,
        BlobStoreUnavailableError.code,
        RequestFault.JOB_UNFINISHED,
        RequestFault.WAIT_ENDED,
        StudyUnreadyError.code,
    }
)
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
    """The reply for a problem, to a person as a page; the instance is the request's path unless the problem knows
    better."""
    instance = error.instance or request.url.path
    headers = dict(error.headers)
    if error.code in _RETRY_LATER:
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    if request.method == "GET":
        headers.setdefault("Vary", "Accept")
    if asked_by_a_person(request):
        return problem_page(error.code, error.detail, headers=headers)
    body = problem_body(error.code, error.detail, instance=instance, errors=error.errors)
    return JSONResponse(body, body["status"], headers, PROBLEM_MEDIA_TYPE)


def problem_page(code: str, detail: str = "", *, headers: dict[str, str] | None = None) -> Response:
    """What is wrong, for people: with its ``detail`` where it has just happened, else what such a problem means."""
    problem_type = PROBLEM_TYPES[code]
    happened = f"<p>{escape(detail)}</p>" if detail else ""
    body = (
        f'<p class="big numbers">{problem_type.status}</p><h1>{escape(problem_type.title)}</h1>{happened}'
        f"<p>{escape(problem_type.meaning)}</p>"
        f'<p class="soft">For programs this is <a href="{problem_type.uri}"><code>{code}</code></a>.</p>'
        '<p><a class="button" href="/">To the first page</a></p>'
    )
    return human_page(problem_type.title, body, status=problem_type.status if detail else 200, headers=headers)


def problem_list_page() -> Response:
    """All that can be wrong, for people."""
    rows = "".join(
        f'<tr><td>{kind.status}</td><td><a href="{kind.uri}">{escape(kind.title)}</a></td>'
        f"<td>{escape(kind.meaning)}</td></tr>"
        for kind in PROBLEM_TYPES.values()
    )
    head = "<tr><th scope=col>Status</th><th scope=col>Problem</th><th scope=col>What to do</th></tr>"
    return human_page("Problems", f'<h1>Problems</h1><div class="wide"><table>{head}{rows}</table></div>')


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
        {
            "field": ".".join(str(part) for part in error["loc"]) or "request",
            "message": str(error["msg"]).removeprefix("Value error, "),
        }
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
    return problem_response(request, ProblemError.of_inputs(found))


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
