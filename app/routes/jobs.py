"""``/v1/jobs/{id}``: state, result, events, and cancelling."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from app.access.gate import KEY_PROBLEMS, ClientDep, needs
from app.dependencies import RESULT_FILES, BlobsDep, JobsDep, SettingsDep
from app.http.negotiation import is_lenient
from app.http.problem_types import RequestFault
from app.http.problems import RETRY_AFTER_S, ProblemError
from app.openapi import ALL_WORK_PROBLEMS, file_content, problem_responses
from app.replies import RepliesDep, artefact_link, artefact_reply, successful_result
from app.schemas import JobStatus, Result, job_path
from app.waiting import waited_for
from workers.contracts import FailureCode
from workers.errors import AlreadyFinishedError, BrokerUnavailableError, JobExpiredError, JobUnknownError, ServiceError
from workers.jobs.record import Job, JobEvent
from workers.jobs.store import JobStore
from workers.keys.scope import Scope

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

JobId = Annotated[str, Path(max_length=64, description="the id in the Location of a job", examples=["6f1e"])]
FileName = Annotated[str, Path(max_length=100, description="its name among the artefacts")]
_LOOKUP_PROBLEMS = (
    *KEY_PROBLEMS,
    RequestFault.REQUEST_INVALID,
    JobUnknownError.code,
    JobExpiredError.code,
    BrokerUnavailableError.code,
    FailureCode.INTERNAL,
)
_RESULT_PROBLEMS = (*_LOOKUP_PROBLEMS, *ALL_WORK_PROBLEMS, RequestFault.JOB_UNFINISHED, RequestFault.JOB_CANCELLED)
_FILES = file_content(RESULT_FILES)


def _own_job(job_id: JobId, jobs: JobsDep, client: ClientDep) -> Job:
    """The job, if it is the client's. Raises: JobUnknownError, the same as for one that never was; JobExpiredError."""
    job = jobs.get(job_id)
    if job.client != client.id:
        raise JobUnknownError(f"no job {job_id}")
    return job


OwnJob = Annotated[Job, Depends(_own_job)]


@router.get(
    "/{job_id}",
    summary="State and progress of a job",
    dependencies=[needs(Scope.READ)],
    responses=problem_responses(_LOOKUP_PROBLEMS),
)
def read_job(job: OwnJob, response: Response) -> JobStatus:
    """Where the job stands; while it has not ended, `Retry-After` says when to ask again.

    `curl localhost:8000/v1/jobs/ID`
    """
    response.headers["Cache-Control"] = "no-store"
    if not job.finished:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return JobStatus.of(job)


@router.get(
    "/{job_id}/result",
    summary="Result of a job",
    dependencies=[needs(Scope.READ)],
    response_model=None,
    responses={
        200: {"model": Result, "description": "The result in the form that `Accept` chooses.", "content": _FILES},
        304: {"description": "The client has it already."},
        **problem_responses(
            dict.fromkeys((*_RESULT_PROBLEMS, RequestFault.NOT_ACCEPTABLE, RequestFault.RANGE_NOT_SATISFIABLE))
        ),
    },
)
async def read_result(job: OwnJob, replies: RepliesDep) -> Response:
    """The result as JSON or as one of its files; by default what the operation gives by default.

    A job that failed answers with its problem; one that has not ended with 409, or after waiting with `Prefer: wait`.

    `curl -H 'Prefer: wait=60' -H 'Accept: application/json' localhost:8000/v1/jobs/ID/result`
    """
    jobs, preferences = replies.services.jobs, replies.preferences
    if preferences.wait_s is not None:
        job = await waited_for(job, replies.request, jobs, preferences.wait_s)
    return await run_in_threadpool(replies.result, job, headers=preferences.applied)


@router.get(
    "/{job_id}/artefacts/{name}",
    summary="One file of a result",
    dependencies=[needs(Scope.READ)],
    response_class=Response,
    responses={
        200: {"description": "The file.", "content": _FILES},
        304: {"description": "The client has it already."},
        307: {"description": "It is to be fetched from `Location`, on a service that is set up for it."},
        **problem_responses(
            dict.fromkeys((*_RESULT_PROBLEMS, RequestFault.ARTEFACT_UNKNOWN, RequestFault.RANGE_NOT_SATISFIABLE))
        ),
    },
)
def read_artefact(
    job: OwnJob,
    name: FileName,
    request: Request,
    blobs: BlobsDep,
    settings: SettingsDep,
) -> Response:
    """A file that the result lists under `artefacts`.

    `curl localhost:8000/v1/jobs/ID/artefacts/overlay.png -o overlay.png`
    """
    artefacts = successful_result(job).artefacts
    for artefact in artefacts:
        if artefact.name == name:
            link = artefact_link(job, artefact, request, blobs) if settings.blob_presign else None
            return link or artefact_reply(job, artefact, request, blobs)
    names = ", ".join(artefact.name for artefact in artefacts)
    raise ProblemError(RequestFault.ARTEFACT_UNKNOWN, f"This result has: {names}.")


@router.delete(
    "/{job_id}",
    summary="Cancel a job",
    dependencies=[needs(Scope.SUBMIT)],
    responses=problem_responses((*_LOOKUP_PROBLEMS, AlreadyFinishedError.code)),
)
def cancel_job(
    job: OwnJob,
    jobs: JobsDep,
    request: Request,
    prefer: Annotated[
        str | None,
        Header(
            description="`handling=lenient`: a job that has ended already is no problem; the reply says how it ended.",
            examples=["handling=lenient"],
        ),
    ] = None,
) -> JobStatus:
    """End a job that waits or runs; a running one stops at its next tile.

    Equal requests share a job: it ends when each of them has been taken back, and goes on for the others until then.

    `curl -X DELETE localhost:8000/v1/jobs/ID`
    """
    try:
        return JobStatus.of(jobs.cancel(job.id))
    except AlreadyFinishedError:
        if not is_lenient(request.headers.getlist("prefer")):
            raise
        return JobStatus.of(jobs.get(job.id))


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    dependencies=[needs(Scope.READ)],
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events named `progress`; the last one has a state that is an end.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problem_responses(_LOOKUP_PROBLEMS),
    },
)
async def follow_job(
    job: OwnJob,
    jobs: JobsDep,
    settings: SettingsDep,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=64, description="only events after this one")
    ] = None,
) -> Response:
    """State and progress as they change, from the first event or after `Last-Event-ID`; ends with the job.

    `curl -N localhost:8000/v1/jobs/ID/events`
    """
    stream = event_stream(jobs, job.id, after=last_event_id, keep_alive_s=settings.keep_alive_s)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def event_stream(jobs: JobStore, job_id: str, *, after: str | None, keep_alive_s: float) -> AsyncGenerator[str]:
    """A job's events in the text form of the HTML standard, section 9.2; a comment after each quiet ``keep_alive_s``.

    Ends early when the store fails: the client connects again and gets what it has missed.
    """
    async with aclosing(jobs.events(job_id, after)) as events:
        coming = asyncio.ensure_future(anext(events))
        try:
            while True:
                done, _ = await asyncio.wait((coming,), timeout=keep_alive_s)
                if not done:
                    yield ": still there\n\n"
                    continue
                event_id, event = coming.result()
                yield _event_text(job_id, event_id, event)
                if event.finished:
                    return
                coming = asyncio.ensure_future(anext(events))
        except (StopAsyncIteration, ServiceError):
            return
        finally:
            coming.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration, ServiceError):
                await coming


def _event_text(job_id: str, event_id: str, event: JobEvent) -> str:
    data = event.model_dump(mode="json") | {"job": job_path(job_id)}
    return f"id: {event_id}\nevent: progress\ndata: {json.dumps(data)}\n\n"
