"""``/v1/batch``: many photos in one request, done beside all that is asked for singly."""

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import ValidationError

from app.access.gate import KEY_PROBLEMS, ClientDep, QuotasDep, needs
from app.access.quotas import QUOTA_PROBLEMS
from app.batch_schemas import BatchStatus, result_line
from app.dependencies import EarlierDep, IdempotencyKey, Services, ServicesDep
from app.http.batch_upload import JOBS, URLS, BatchUpload, receive_batch
from app.http.negotiation import choose_media_type
from app.http.problem_types import RequestFault
from app.http.problems import RETRY_AFTER_S, ProblemError, validation_errors
from app.openapi import IMAGE_PROBLEMS, problem_responses
from app.zip_stream import zip_pieces
from workers.batches.record import BATCHED, IMAGE, MAX_ITEMS, Batch, Source, new_batch_id
from workers.blobs.storage import StoredFile
from workers.contracts import FailureCode
from workers.errors import (
    AddressRefusedError,
    BatchLimitError,
    BatchUnknownError,
    BlobMissingError,
    BlobStoreFullError,
    BlobStoreUnavailableError,
    BrokerUnavailableError,
    IdempotencyConflictError,
    ServiceError,
)
from workers.jobs.record import Job
from workers.keys.scope import Scope
from workers.outbound.guard import Guard

router = APIRouter(prefix="/v1/batch", tags=["batches"])

BatchId = Annotated[str, Path(max_length=64, description="the id in the Location of a batch", examples=["9a2c"])]
LINES, ZIP = "application/jsonl", "application/zip"
_LOOKUP_PROBLEMS = (
    *KEY_PROBLEMS,
    RequestFault.REQUEST_INVALID,
    BatchUnknownError.code,
    BrokerUnavailableError.code,
    FailureCode.INTERNAL,
)
_BODY = {
    "required": True,
    "description": "A form: `capability`, the images, and what else it takes, the same for all of them.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["capability"],
                "properties": {
                    "capability": {
                        "type": "string",
                        "enum": sorted(BATCHED),
                        "description": "what is done with each image",
                    },
                    IMAGE: {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "maxItems": MAX_ITEMS,
                        "description": "the images; with those of jobs and addresses at most 1,000",
                    },
                    JOBS: {
                        "type": "string",
                        "description": "ids of earlier jobs, whose images are taken too, one a line",
                    },
                    URLS: {
                        "type": "string",
                        "description": "addresses of further images, one a line, on a service that is set up for it",
                    },
                },
                "additionalProperties": {"type": "string", "description": "what the capability takes besides"},
            },
            "example": {"capability": "varjpeg", "target_sur": "0.75"},
        }
    },
}


def _own_batch(batch_id: BatchId, services: ServicesDep, client: ClientDep) -> Batch:
    """The batch, if it is the client's. Raises: BatchUnknownError, the same as for one that never was."""
    batch = services.celery.batches.get(batch_id)
    if batch.client != client.id:
        raise BatchUnknownError(f"no batch {batch_id}")
    return batch


OwnBatch = Annotated[Batch, Depends(_own_batch)]


@router.post(
    "",
    status_code=202,
    summary="Many images for one capability",
    dependencies=[needs(Scope.SUBMIT, makes_work=True)],
    responses=problem_responses(
        (
            *KEY_PROBLEMS,
            *QUOTA_PROBLEMS,
            *IMAGE_PROBLEMS,
            RequestFault.UPLOAD_MALFORMED,
            RequestFault.UPLOAD_TIMEOUT,
            RequestFault.UPLOAD_EMPTY,
            RequestFault.UPLOAD_TOO_LARGE,
            RequestFault.MEDIA_TYPE_UNSUPPORTED,
            RequestFault.CONTENT_ENCODING_UNSUPPORTED,
            RequestFault.REQUEST_INVALID,
            AddressRefusedError.code,
            BatchLimitError.code,
            IdempotencyConflictError.code,
            BrokerUnavailableError.code,
            BlobStoreFullError.code,
            BlobStoreUnavailableError.code,
            FailureCode.INTERNAL,
        )
    ),
    openapi_extra={"requestBody": _BODY},
)
async def create_batch(
    request: Request,
    response: Response,
    services: ServicesDep,
    client: ClientDep,
    quotas: QuotasDep,
    earlier: EarlierDep,
    idempotency_key: IdempotencyKey = None,
) -> BatchStatus:
    """Up to 1,000 images are taken at once and done one after another, whenever nobody waits for a single one.

    Each becomes a job of its own. The images are numbered from 0 as they were sent, those of jobs and then those by
    address after the files.

    `curl -F capability=varjpeg -F target_sur=0.75 -F image=@photo.png -F image=@photo.jpg localhost:8000/v1/batch`
    """
    upload = await receive_batch(request, services.settings, services.blobs, earlier)
    batch = _batch_of(upload, services, client.id)
    if idempotency_key is not None:
        batch = batch.model_copy(update={"repeated_by": f"{client.id or ''}/{idempotency_key}"})

    def created() -> BatchStatus:
        images = len(batch.sources)
        quotas.count_request(client.key, requests=images - 1)
        quotas.count_pixels(client.key, upload.pixels + len(upload.urls))
        kept = services.celery.batches.create(batch)
        return BatchStatus.of(kept, services.celery.batches.items(kept.id))

    status = await run_in_threadpool(created)
    response.headers["Location"] = status.links.self
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return status


@router.get(
    "/{batch_id}",
    summary="State of a batch",
    dependencies=[needs(Scope.READ)],
    responses=problem_responses(_LOOKUP_PROBLEMS),
)
def read_batch(batch: OwnBatch, services: ServicesDep, response: Response) -> BatchStatus:
    """How many images are done, and where each stands.

    `curl localhost:8000/v1/batch/BATCH`
    """
    response.headers["Cache-Control"] = "no-store"
    status = BatchStatus.of(batch, services.celery.batches.items(batch.id))
    if status.finished_at is None:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return status


@router.get(
    "/{batch_id}/results",
    summary="Results of a batch",
    dependencies=[needs(Scope.READ)],
    response_class=Response,
    responses={
        200: {
            "description": "One JSON object a line for each image that is done; with `Accept: application/zip` these "
            "lines and all files, in a folder for each image.",
            "content": {
                LINES: {"schema": {"type": "string"}},
                ZIP: {"schema": {"type": "string", "format": "binary"}},
            },
        },
        **problem_responses((*_LOOKUP_PROBLEMS, RequestFault.NOT_ACCEPTABLE)),
    },
)
def read_batch_results(batch: OwnBatch, request: Request, services: ServicesDep) -> Response:
    """What is done so far: each image's result, as its job would answer it, or its problem.

    `curl -H 'Accept: application/zip' localhost:8000/v1/batch/BATCH/results -o results.zip`
    """
    chosen = choose_media_type(request.headers.get("accept"), (LINES, ZIP))
    if chosen is None:
        raise ProblemError(RequestFault.NOT_ACCEPTABLE, f"Results exist as {LINES} and {ZIP}.")
    headers = {"Cache-Control": "no-store", "Vary": "Accept"}
    done = _done(batch, services)
    if chosen == LINES:
        lines = (json.dumps(line) + "\n" for line, _ in done)
        return StreamingResponse(lines, media_type=LINES, headers=headers)
    headers["Content-Disposition"] = 'attachment; filename="results.zip"'
    return StreamingResponse(zip_pieces(_entries(done, services)), media_type=ZIP, headers=headers)


@router.delete(
    "/{batch_id}",
    summary="Cancel a batch",
    dependencies=[needs(Scope.SUBMIT)],
    responses=problem_responses(_LOOKUP_PROBLEMS),
)
def cancel_batch(batch: OwnBatch, services: ServicesDep) -> BatchStatus:
    """Begin with no further image, and cancel those under way; what is done stays.

    `curl -X DELETE localhost:8000/v1/batch/BATCH`
    """
    batches = services.celery.batches
    batch = batches.update(batch.id, lambda one: one.model_copy(update={"cancelled": one.finished_at is None}))
    for item in batches.items(batch.id).values():
        if item.job_id is not None and not item.finished:
            with contextlib.suppress(ServiceError):  # it ended a moment ago
                services.jobs.cancel(item.job_id)
    return BatchStatus.of(batch, batches.items(batch.id))


def _batch_of(upload: BatchUpload, services: Services, client: str | None) -> Batch:
    """What is asked for, checked as one image's request would be. Raises: ProblemError, AddressRefusedError."""
    settings, fields = services.settings, dict(upload.fields)
    capability = fields.pop("capability", "")
    if capability not in BATCHED:
        message = f"one of {', '.join(sorted(BATCHED))}"
        raise ProblemError.of_inputs([{"field": "capability", "message": message}])
    if upload.urls and not settings.fetch_hosts:
        raise AddressRefusedError("This service fetches no images; send the files themselves.")
    guard = Guard(settings.fetch_hosts, settings.outbound_networks)
    for url in upload.urls:
        guard.destination(url)
    batch = Batch(
        id=new_batch_id(),
        client=client,
        capability=capability,
        fields=fields,
        observer=settings.profile,
        sources=(*(Source(key=key) for key in upload.keys), *(Source(url=url) for url in upload.urls)),
        created_at=time.time(),
    )
    try:
        batch.request("0" * 64)
    except ValidationError as error:
        found = validation_errors(list(error.errors(include_url=False, include_context=False, include_input=False)))
        raise ProblemError.of_inputs(found) from error
    return batch


def _done(batch: Batch, services: Services) -> Iterator[tuple[dict[str, Any], Job | None]]:
    """The line of each image that is done, in their order, and its job if that is still kept."""
    known = services.celery.batches.items(batch.id)
    for number in range(len(batch.sources)):
        item = batch.item(known.get(number))
        if item.finished:
            job = None
            if item.job_id is not None:
                with contextlib.suppress(ServiceError):
                    job = services.jobs.get(item.job_id)
            yield result_line(number, item, job), job


def _entries(
    done: Iterator[tuple[dict[str, Any], Job | None]], services: Services
) -> Iterator[tuple[str, str | StoredFile]]:
    lines = []
    for line, job in done:
        lines.append(json.dumps(line))
        for artefact in () if job is None or job.result is None else job.result.artefacts:
            with contextlib.suppress(BlobMissingError):  # its time has come
                yield f"{line['number']:04d}/{artefact.name}", services.blobs.file(artefact.key)
    yield "results.jsonl", "".join(f"{line}\n" for line in lines)
