"""From an upload to a job, and from a job to the reply the client asked for."""

import asyncio
import logging
from contextlib import suppress

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from app.dependencies import Services, Wishes
from app.http.negotiation import choose_media_type
from app.http.problems import RETRY_AFTER_S, ProblemError, RequestFault, failure_problem, validation_errors
from app.http.uploads import Upload
from app.schemas import JobStatus, job_path, result_body
from workers.contracts import AnyRequest, Artefact, VarJpegDecodeRequest, VarJpegRequest
from workers.errors import BrokerUnavailableError
from workers.jobs.record import Job, JobState
from workers.run.signatures import submit

JSON = "application/json"
logger = logging.getLogger(__name__)


async def submit_job(
    asked: type[AnyRequest],
    upload: Upload,
    *,
    request: Request,
    services: Services,
    wishes: Wishes,
    idempotency_key: str | None,
) -> Response:
    """Make a job of what was sent, wait for it if the client asked for that, and answer.

    Raises: ProblemError, ServiceError, ClientDisconnect.
    """
    task_request = task_request_of(asked, upload, observer=services.settings.profile)
    job, _ = await run_in_threadpool(
        submit, services.celery, services.jobs, task_request, idempotency_key=idempotency_key
    )
    wait_s = services.settings.max_wait_s if wishes.wait_s is None and wishes.files_only else wishes.wait_s
    if wait_s is not None:
        job = await waited_for(job, request, services, wait_s)
    applied = {} if wishes.wait_s is None else {"Preference-Applied": f"wait={wishes.wait_s}"}
    if wait_s is not None and job.finished:
        return result_reply(job, request, services, wishes, headers=applied | {"Content-Location": _result_path(job)})
    if wishes.files_only:
        raise _wait_ended(job, headers=applied)
    return accepted_reply(job, headers=applied)


def task_request_of(asked: type[AnyRequest], upload: Upload, *, observer: str) -> AnyRequest:
    """The task's request from text fields and file keys, for ``observer`` where it names none.

    Raises: ProblemError naming each field at fault.
    """
    keys = {f"{name}_key": key for name, key in upload.keys.items()}
    reserved = [name for name in upload.fields if name == "capability" or name.endswith("_key")]
    if reserved:
        errors = [{"field": name, "message": "Extra inputs are not permitted"} for name in reserved]
        raise ProblemError(RequestFault.REQUEST_INVALID, "See errors.", errors)
    default = {"observer": observer} if "observer" in asked.model_fields else {}
    try:
        return asked.model_validate({**default, **upload.fields, **keys})
    except ValidationError as error:
        errors = validation_errors(list(error.errors(include_url=False, include_context=False, include_input=False)))
        raise ProblemError(RequestFault.REQUEST_INVALID, "See errors.", errors) from error


async def waited_for(job: Job, request: Request, services: Services, wait_s: int) -> Job:
    """The job once it has ended, or as it is after ``wait_s``. Raises: ClientDisconnect when the client leaves."""
    if job.finished:
        return job
    waiting = asyncio.create_task(services.jobs.wait(job.id, wait_s))
    leaving = asyncio.create_task(_client_leaves(request))
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise ClientDisconnect
        return waiting.result()
    except BrokerUnavailableError as error:
        logger.warning("job %s was accepted, but cannot be waited for: %s", job.id, error)
        return job
    finally:
        for task in (waiting, leaving):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(waiting, leaving, return_exceptions=True)


async def _client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _wait_ended(job: Job, *, headers: dict[str, str]) -> ProblemError:
    """No result yet, for a client that would take the description of a job for the file that it asked for."""
    return ProblemError(
        RequestFault.WAIT_ENDED,
        f"The job is {job.state}, {job.progress:.0%} done, and goes on. Send the request again, or ask at Location.",
        headers={"Location": job_path(job.id), "Cache-Control": "no-store"} | headers,
        instance=job_path(job.id),
    )


def accepted_reply(job: Job, *, headers: dict[str, str] | None = None) -> Response:
    """202 with the job's state and where to follow it."""
    location = {"Location": job_path(job.id), "Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
    return JSONResponse(JobStatus.of(job).model_dump(mode="json"), 202, location | (headers or {}))


def result_reply(
    job: Job, request: Request, services: Services, wishes: Wishes, *, headers: dict[str, str] | None = None
) -> Response:
    """The result in the form the client likes best. Raises: ProblemError, BlobMissingError."""
    require_success(job)
    assert job.result is not None  # a job that succeeded has a result
    chosen = choose_media_type(wishes.accept, offered_media_types(job))
    if chosen is None:
        offers = ", ".join(offered_media_types(job))
        raise ProblemError(RequestFault.NOT_ACCEPTABLE, f"This result exists as {offers}.", instance=job_path(job.id))
    extra = {"Vary": "Accept", "Limen-Job": job_path(job.id)} | (headers or {})
    artefact = next((found for found in job.result.artefacts if found.media_type == chosen), None)
    if artefact is None:
        return _with_etag(request, JSONResponse(result_body(job), headers=extra), f'"{job.id}"')
    return artefact_reply(job, artefact, request, services, headers=extra)


def artefact_reply(
    job: Job, artefact: Artefact, request: Request, services: Services, *, headers: dict[str, str] | None = None
) -> Response:
    """One file of a result, with the figures that matter about it as headers. Raises: BlobMissingError."""
    extra = _figures(job) | {"Content-Disposition": f'inline; filename="{artefact.name}"'} | (headers or {})
    if artefact.media_type == "image/svg+xml":
        extra["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    etag = f'"{artefact.key}"'
    path = services.blobs.path(artefact.key)
    return _with_etag(request, FileResponse(path, media_type=artefact.media_type, headers=extra | {"ETag": etag}), etag)


def offered_media_types(job: Job) -> list[str]:
    """Forms of a job's result, the default one first: a picture for the endpoints that make one, else JSON."""
    assert job.result is not None  # a job that succeeded has a result
    files = list(dict.fromkeys(artefact.media_type for artefact in job.result.artefacts))
    makes_a_file = isinstance(job.request, VarJpegRequest | VarJpegDecodeRequest)
    return [*files, JSON] if makes_a_file else [JSON, *files]


def require_success(job: Job) -> None:
    """Raises: ProblemError that says why there is no result, or not yet."""
    path = job_path(job.id)
    if job.failure is not None:
        raise failure_problem(job.failure, job.id)
    if job.state is JobState.CANCELLED:
        raise ProblemError(RequestFault.JOB_CANCELLED, "It was cancelled before it ended.", instance=path)
    if job.state is not JobState.SUCCEEDED:
        detail = f"The job is {job.state}, {job.progress:.0%} done."
        raise ProblemError(RequestFault.JOB_UNFINISHED, detail, instance=path)


def _result_path(job: Job) -> str:
    return f"{job_path(job.id)}/result"


def _figures(job: Job) -> dict[str, str]:
    """Figures of a VarJPEG result for clients that take only its bytes."""
    if job.result is None or not isinstance(job.request, VarJpegRequest):
        return {}
    body = job.result.body
    figures = {"Limen-Sur": body.get("sur"), "Limen-Quality": body.get("quality")}
    return {name: str(value) for name, value in figures.items() if value is not None}


def _with_etag(request: Request, response: Response, etag: str) -> Response:
    """``response`` under ``etag``, or 304 if a GET says it has that already."""
    response.headers["ETag"] = etag
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if request.method == "GET" and (etag in known or "*" in known):
        kept = {name: response.headers[name] for name in ("etag", "vary") if name in response.headers}
        return Response(status_code=304, headers=kept)
    return response
