"""Bodies of replies, as OpenAPI shows them."""

from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from app.http.problem_types import PROBLEM_TYPES
from workers.contracts import Artefact, JobResult, ResultBody
from workers.jobs.record import Job, JobState
from workers.jobs.worker_info import WorkerInfo
from workers.webhooks.record import Letter


class InputError(BaseModel):
    """One input that is at fault."""

    field: str = Field(description="name of the input")
    message: str = Field(description="what is wrong with it")


class Problem(BaseModel):
    """An error as RFC 9457 has it. ``type`` leads to its explanation."""

    type: str = Field(examples=["/problems/image-too-large"], description="leads to an explanation, and never changes")
    title: str = Field(description="what is wrong, in short")
    status: int = Field(ge=400, le=599, description="HTTP status")
    detail: str = Field(description="what has happened here")
    instance: str = Field(description="path of the request or the job")
    errors: list[InputError] | None = Field(default=None, description="the inputs at fault, where single ones are")


class JobLinks(BaseModel):
    """Where to go from here."""

    self: str = Field(description="path of the job")
    result: str = Field(description="path of its result")
    events: str = Field(description="path of its server-sent events")


class JobFailure(BaseModel):
    """Why a job failed; asking for its result gives the same as a problem."""

    type: str = Field(description="type of the problem")
    title: str = Field(description="what is wrong, in short")
    detail: str = Field(description="what has happened here")


class JobStatus(BaseModel):
    """Where a job stands."""

    id: str = Field(description="id of the job")
    capability: str = Field(description="what was asked for")
    state: JobState = Field(description="where it stands")
    progress: float = Field(ge=0, le=1, description="how much is done")
    created_at: datetime = Field(description="when it was made")
    started_at: datetime | None = Field(description="when its latest run began")
    finished_at: datetime | None = Field(description="when it ended")
    expires_at: datetime | None = Field(description="when the job and its result are dropped; set when it has ended")
    failure: JobFailure | None = Field(description="why it failed, if it did")
    links: JobLinks = Field(description="where to go from here")

    @classmethod
    def of(cls, job: Job) -> "JobStatus":
        """What the record says to a client."""
        return cls(
            id=job.id,
            capability=job.request.capability,
            state=job.state,
            progress=job.progress,
            created_at=_moment(job.created_at),
            started_at=None if job.started_at is None else _moment(job.started_at),
            finished_at=None if job.finished_at is None else _moment(job.finished_at),
            expires_at=None if job.expires_at is None else _moment(job.expires_at),
            failure=None if job.failure is None else job_failure(job.failure.code, job.failure.detail),
            links=JobLinks(
                self=job_path(job.id), result=f"{job_path(job.id)}/result", events=f"{job_path(job.id)}/events"
            ),
        )


class ArtefactLink(BaseModel):
    """One file of a result."""

    name: str = Field(description="file name")
    media_type: str = Field(description="media type")
    size_bytes: int = Field(description="size of the file")
    href: str = Field(description="path of the file")


class Result(BaseModel):
    """What every JSON result has beside its own members."""

    model_config = ConfigDict(extra="allow")

    job: str = Field(description="path of the job")
    artefacts: list[ArtefactLink] = Field(description="files of the result")
    model_versions: dict[str, str] = Field(description="which version of which weights had a part in it")


@cache
def reply_model(result: type[ResultBody]) -> type[Result]:
    """What ``result_body`` makes of such a result, as OpenAPI shows it."""
    bases: tuple[Any, ...] = (result, Result)
    return create_model(result.__name__, __base__=bases, __doc__=result.__doc__)


def result_body(job_id: str, result: JobResult) -> dict[str, Any]:
    """The JSON form of a job's result: its own members, then those of ``Result``."""
    links = [artefact_link(job_id, artefact).model_dump() for artefact in result.artefacts]
    common = {"job": job_path(job_id), "artefacts": links, "model_versions": result.model_versions}
    return result.body.model_dump(mode="json") | common


def artefact_link(job_id: str, artefact: Artefact) -> ArtefactLink:
    """Where a file of a result is served."""
    return ArtefactLink(
        name=artefact.name,
        media_type=artefact.media_type,
        size_bytes=artefact.size_bytes,
        href=f"{job_path(job_id)}/artefacts/{artefact.name}",
    )


def job_path(job_id: str) -> str:
    """Path of a job."""
    return f"/v1/jobs/{job_id}"


class ModelsInService(BaseModel):
    """What runs, where, on which provider, trained on what, and how good."""

    model_version: str | None = Field(description="version of all models together; null while workers disagree")
    default_observer: str = Field(description="observer profile of requests that name none", examples=["aic-3"])
    workers: list[WorkerInfo] = Field(description="worker processes seen lately")


class DeadWebhook(BaseModel):
    """A webhook that was given up."""

    id: str = Field(description="the same as in its header webhook-id")
    job: str = Field(description="path of the job that ended")
    url: str = Field(description="where it was sent")
    attempts: int = Field(description="how often")
    error: str | None = Field(description="what became of the last attempt")
    died_at: datetime | None = Field(description="time of the last attempt")

    @classmethod
    def of(cls, letter: Letter) -> "DeadWebhook":
        """What the letter says to who looks after the service."""
        return cls(
            id=letter.id,
            job=job_path(letter.job_id),
            url=letter.url,
            attempts=letter.attempts,
            error=letter.error,
            died_at=None if letter.died_at is None else _moment(letter.died_at),
        )


class DeadWebhooks(BaseModel):
    """Webhooks that were given up."""

    webhooks: list[DeadWebhook] = Field(description="newest first")


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = Field(default="live", description="always the same")


class Readiness(BaseModel):
    """Whether new work would be done; each check is "ok" or says what is wrong."""

    status: Literal["ready", "not-ready"] = Field(description="whether all checks are ok")
    checks: dict[str, str] = Field(description="'ok' or what is wrong, by name")


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def job_failure(code: str, detail: str) -> JobFailure:
    """Why a job failed, as replies say it."""
    problem_type = PROBLEM_TYPES[code]
    return JobFailure(type=problem_type.uri, title=problem_type.title, detail=detail)
