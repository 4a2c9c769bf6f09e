"""From an upload to a job, and to the reply the client asked for: what every endpoint that makes a job does."""

import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from app.access.gate import ClientDep, QuotasDep
from app.dependencies import IdempotencyKey
from app.http.problem_types import RequestFault
from app.http.problems import ProblemError, validation_errors
from app.http.uploads import Upload
from app.replies import RepliesDep, accepted_reply
from app.schemas import job_path
from app.waiting import waited_for
from workers.contracts import AnyRequest
from workers.errors import AddressRefusedError
from workers.jobs.record import Job
from workers.outbound.guard import Guard
from workers.run.signatures import submit
from workers.webhooks.record import letter_for

CALLBACK = "callback_url"
"""Field of every request that makes a job, beside those of its capability."""


@dataclass(frozen=True, slots=True)
class Submission:
    """Makes a job of what was sent, waits for it if the client asked for that, and answers."""

    replies: RepliesDep
    client: ClientDep
    quotas: QuotasDep
    idempotency_key: IdempotencyKey = None

    async def __call__(self, asked: type[AnyRequest], upload: Upload) -> Response:
        """The reply to an upload for ``asked``. Raises: ProblemError, ServiceError, ClientDisconnect."""
        services, preferences = self.replies.services, self.replies.preferences
        if preferences.files_only or preferences.wait_s:
            self.replies.refuse_other_forms()
        waits_anyway = preferences.wait_s is None and preferences.files_only
        wait_s = services.settings.max_wait_s if waits_anyway else preferences.wait_s
        callback = self._callback(upload)
        task_request = task_request_of(asked, upload, observer=services.settings.profile)
        if await self.replies.request.is_disconnected():
            raise ClientDisconnect  # nobody would hear of the job, fetch its result or cancel it
        job = await run_in_threadpool(self._submitted, task_request, upload.pixels, callback)
        if wait_s is not None:
            job = await waited_for(job, self.replies.request, services.jobs, wait_s)
        applied = preferences.applied
        if wait_s is not None and job.finished:
            location = {"Content-Location": f"{job_path(job.id)}/result"}
            return await run_in_threadpool(self.replies.result, job, headers=applied | location)
        if preferences.files_only:
            raise _wait_ended(job, headers=applied)
        return accepted_reply(job, headers=applied)

    def _callback(self, upload: Upload) -> str | None:
        """Takes where to send word of the job's end out of the fields. Raises: AddressRefusedError."""
        url, settings = upload.fields.pop(CALLBACK, None), self.replies.services.settings
        if url is not None:
            if not settings.sends_webhooks:
                raise AddressRefusedError("This service sends no webhooks.")
            Guard(settings.webhook_hosts, settings.outbound_networks).destination(url)
        return url

    def _submitted(self, task_request: AnyRequest, pixels: int, callback: str | None) -> Job:
        services = self.replies.services
        self.quotas.count_pixels(self.client.key, pixels)
        job, _ = submit(
            services.celery,
            services.jobs,
            task_request,
            client=self.client.id,
            request_id=self.replies.request.state.request_id,
            trace=services.celery.tracing.request(),
            idempotency_key=self.idempotency_key,
        )
        services.celery.tracing.note(job_id=job.id)
        if callback is not None:
            services.celery.outbox.put(letter_for(job, callback, time.time()))
            if services.jobs.get(job.id).finished:  # before there was a letter that its end could make due
                services.celery.outbox.ended(job.id, time.time())
        return job


SubmitDep = Annotated[Submission, Depends()]


def task_request_of(asked: type[AnyRequest], upload: Upload, *, observer: str) -> AnyRequest:
    """The task's request from text fields and file keys, for ``observer`` where it names none.

    Raises: ProblemError naming each field at fault.
    """
    try:
        return asked.of_form(upload.fields, upload.keys, observer=observer)
    except ValidationError as error:
        errors = validation_errors(list(error.errors(include_url=False, include_context=False, include_input=False)))
        raise ProblemError.of_inputs(errors) from error


def _wait_ended(job: Job, *, headers: dict[str, str]) -> ProblemError:
    """No result yet, for a client that would take the description of a job for the file that it asked for."""
    return ProblemError(
        RequestFault.WAIT_ENDED,
        f"The job is {job.state}, {job.progress:.0%} done, and goes on. Send the request again, or ask at Location.",
        headers={"Location": job_path(job.id), "Cache-Control": "no-store"} | headers,
        instance=job_path(job.id),
    )
