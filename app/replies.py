"""From a job to the reply that its client asked for: its state, its result, or one file of that."""

import json
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import JSONResponse, Response

from app.dependencies import PreferencesDep, ServicesDep
from app.http.negotiation import choose_media_type
from app.http.problem_types import RequestFault
from app.http.problems import RETRY_AFTER_S, ProblemError, failure_problem
from app.http.semantics import asks_for_head
from app.http.stored_files import stored_reply
from app.schemas import JobStatus, job_path, result_body
from workers.blobs.storage import ServedAs
from workers.blobs.store import BlobStore
from workers.contracts import Artefact, JobResult, VarJpegResult
from workers.jobs.record import Job, JobState

JSON = "application/json"
LINK_S = 300
"""How long an address in the store itself is good for."""
WARNINGS_MOST = 4000
"""Characters of the header with a result's warnings; what a proxy takes of all headers is 8 KB or more."""


@dataclass(frozen=True, slots=True)
class Replies:
    """Replies to one request: what its client accepts, what it has already, and where the files are."""

    request: Request
    services: ServicesDep
    preferences: PreferencesDep

    def result(self, job: Job, *, headers: dict[str, str] | None = None) -> Response:
        """The result in the form the client likes best. Raises: ProblemError, BlobMissingError."""
        result = successful_result(job)
        offers = offered_media_types(result)
        chosen = choose_media_type(self.preferences.accept, offers)
        if chosen is None:
            detail = f"This result exists as {', '.join(offers)}."
            raise ProblemError(RequestFault.NOT_ACCEPTABLE, detail, instance=job_path(job.id))
        extra = {"Vary": "Accept", "Limen-Job": job_path(job.id)} | (headers or {})
        artefact = next((found for found in result.artefacts if found.media_type == chosen), None)
        if artefact is None:
            return _tagged(self.request, JSONResponse(result_body(job.id, result), headers=extra), f'"{job.id}"')
        return artefact_reply(job, artefact, self.request, self.services.blobs, headers=extra)

    def refuse_other_forms(self) -> None:
        """Raises: ProblemError, before any work, where the client accepts no form that the operation's results have."""
        offers = [JSON, *self.request.scope["route"].responses[200]["content"]]
        if choose_media_type(self.preferences.accept, offers) is None:
            raise ProblemError(RequestFault.NOT_ACCEPTABLE, f"Results exist as {', '.join(offers)}.")


RepliesDep = Annotated[Replies, Depends()]


def artefact_reply(
    job: Job, artefact: Artefact, request: Request, blobs: BlobStore, *, headers: dict[str, str] | None = None
) -> Response:
    """One file of a result, with the figures that matter about it as headers. Raises: BlobMissingError."""
    served = ServedAs(artefact.media_type, artefact.name)
    extra = _figures(job) | {"Content-Disposition": served.disposition} | (headers or {})
    if artefact.media_type == "image/svg+xml":
        extra["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    etag = f'"{artefact.key}"'
    file = blobs.file(artefact.key)
    reply = stored_reply(request, file, media_type=artefact.media_type, headers=extra, etag=etag)
    return _tagged(request, reply, etag)


def artefact_link(job: Job, artefact: Artefact, request: Request, blobs: BlobStore) -> Response | None:
    """The way to one file of a result in the store itself, for ``LINK_S``; None if the store gives none, or for HEAD,
    which such an address does not take.

    Raises: BlobMissingError.
    """
    served = ServedAs(artefact.media_type, artefact.name)
    url = None if asks_for_head(request) else blobs.link(artefact.key, served, expires_s=LINK_S)
    if url is None:
        return None
    reply = Response(status_code=307, headers=_figures(job) | {"Location": url, "Cache-Control": "no-store"})
    return _tagged(request, reply, f'"{artefact.key}"')


def accepted_reply(job: Job, *, headers: dict[str, str]) -> Response:
    """202 with the job's state and where to follow it."""
    location = {"Location": job_path(job.id), "Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
    return JSONResponse(JobStatus.of(job).model_dump(mode="json"), 202, location | headers)


def successful_result(job: Job) -> JobResult:
    """The result of a job that succeeded. Raises: ProblemError that says why there is none, or not yet."""
    path = job_path(job.id)
    if job.result is not None:
        return job.result
    if job.failure is not None:
        raise failure_problem(job.failure, job.id)
    if job.state is JobState.CANCELLED:
        raise ProblemError(RequestFault.JOB_CANCELLED, "It was cancelled before it ended.", instance=path)
    detail = f"The job is {job.state}, {job.progress:.0%} done."
    raise ProblemError(RequestFault.JOB_UNFINISHED, detail, instance=path)


def offered_media_types(result: JobResult) -> list[str]:
    """Forms of a result: JSON, which a client gets that likes all forms the same, then those of its files."""
    return list(dict.fromkeys([JSON, *(artefact.media_type for artefact in result.artefacts)]))


def _figures(job: Job) -> dict[str, str]:
    """Figures of a VarJPEG result for clients that take only its bytes."""
    if job.result is None or not isinstance(job.result.body, VarJpegResult):
        return {}
    body = job.result.body
    figures = {"Limen-Sur": body.sur, "Limen-Quality": body.quality}
    told = {name: str(value) for name, value in figures.items() if value is not None}
    warnings = list(body.warnings)
    while len(json.dumps(warnings)) > WARNINGS_MOST:
        warnings.pop()
    return told | {"Limen-Warnings": json.dumps(warnings)} if warnings else told


def _tagged(request: Request, response: Response, etag: str) -> Response:
    """``response`` under ``etag``, or 304 if a GET says it has that already."""
    response.headers["ETag"] = etag
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if request.method == "GET" and (etag in known or "*" in known):
        kept = {name: response.headers[name] for name in ("etag", "vary") if name in response.headers}
        return Response(status_code=304, headers=kept)
    return response
