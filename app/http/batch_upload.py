"""The body of a batch: many images in one form, each kept as soon as it has ended, and addresses of others."""

from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.multipart import parse_options_header

from app.http.disc import off_the_loop, off_the_loop_in_any_case
from app.http.earlier import EarlierJobs
from app.http.multipart import FormReader
from app.http.problem_types import RequestFault
from app.http.problems import ProblemError
from app.http.uploads import LimitedBody, checked_pixels
from app.settings import ApiSettings
from workers.batches.record import IMAGE, MAX_ITEMS
from workers.blobs.store import BlobStore, BlobWriter
from workers.outbound.guard import MAX_LENGTH

URLS, JOBS = "image_urls", "image_jobs"
_PARTS_BESIDE = 32


@dataclass(slots=True)
class BatchUpload:
    """What a client sent: ``fields`` as text, ``keys`` of the images in their order, ``urls`` of others after them.

    Images of earlier jobs come after those that were sent.
    """

    fields: dict[str, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    pixels: int = 0


async def receive_batch(request: Request, settings: ApiSettings, blobs: BlobStore, earlier: EarlierJobs) -> BatchUpload:
    """Read the body of ``request`` to its end. Images before one at fault stay until they expire.

    Raises: ProblemError, BlobStoreFullError, ClientDisconnect.
    """
    body = LimitedBody(request, settings, settings.max_batch_bytes, total_s=settings.batch_receive_s)
    try:
        body.refuse_announced_size()
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind != b"multipart/form-data":
            raise ProblemError(RequestFault.MEDIA_TYPE_UNSUPPORTED, "Send multipart/form-data with images as files.")
        return await _received(body, options.get(b"boundary", b""), settings, blobs, earlier)
    except ProblemError as error:
        if not body.ended:
            error.headers["Connection"] = "close"
            await body.drain()
        raise


async def _received(
    body: LimitedBody, boundary: bytes, settings: ApiSettings, blobs: BlobStore, earlier: EarlierJobs
) -> BatchUpload:
    upload = BatchUpload()

    def copy(job_id: str) -> None:
        with blobs.writer() as writer:
            earlier.copy(job_id, JOBS, writer)
            keep(f"{JOBS} {job_id}", writer)

    def keep(name: str, writer: BlobWriter) -> None:
        place = f"{name} {len(upload.keys)}"
        if writer.size_bytes == 0:
            raise ProblemError(RequestFault.UPLOAD_EMPTY, f"The file {place} has no bytes.")
        upload.pixels += checked_pixels(place, writer, settings)
        upload.keys.append(writer.commit())

    reader = FormReader(
        boundary,
        blobs,
        frozenset({IMAGE}),
        max_file_bytes=settings.max_upload_bytes,
        max_parts=MAX_ITEMS + _PARTS_BESIDE,
        max_field_bytes=MAX_ITEMS * MAX_LENGTH,
        keep=keep,
    )
    try:
        async for chunk in body.chunks():
            await off_the_loop(reader.write, chunk)
        upload.fields = reader.fields()
    finally:
        await off_the_loop_in_any_case(reader.drop)
    upload.urls, jobs = _lines(upload.fields, URLS), _lines(upload.fields, JOBS)
    if not 1 <= len(upload.keys) + len(jobs) + len(upload.urls) <= MAX_ITEMS:
        detail = {"field": IMAGE, "message": f"a batch has 1 to {MAX_ITEMS} images, as files, in {JOBS} or in {URLS}"}
        raise ProblemError.of_inputs([detail])
    for job_id in jobs:
        await off_the_loop(copy, job_id)
    return upload


def _lines(fields: dict[str, str], name: str) -> list[str]:
    """Takes a field of one entry a line out of the others."""
    return [line.strip() for line in fields.pop(name, "").splitlines() if line.strip()]
