"""Images in: streamed to the blob store under a byte limit and a deadline, their type and size read from the header.

A body is either a form with the files as parts, or the one file itself. Nothing is decoded here, and no file name is
believed. A refused upload leaves nothing behind.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from app.http.disc import off_the_loop, off_the_loop_in_any_case
from app.http.earlier import EarlierJobs, take_earlier
from app.http.fetching import fetch_missing
from app.http.gunzip import Gunzip
from app.http.image_headers import ImageHeaderError, SizeLimits, read_image_header
from app.http.multipart import FormReader, too_large
from app.http.problem_types import RequestFault
from app.http.problems import ProblemError
from app.settings import ApiSettings
from workers.blobs.store import BlobStore, BlobWriter

FORM_OVERHEAD_BYTES = 1 << 16
"""What fields, part headers and boundaries may add to the files of a form."""
_DRAIN_BYTES = 1 << 20
_DRAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class UploadForm:
    """The files that an operation takes, by part name; ``images`` is False where they are no images."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    images: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """All part names."""
        return self.required + self.optional


@dataclass(frozen=True, slots=True)
class Upload:
    """What a client sent: ``fields`` of the query and the form as text, ``keys`` of the files by part name.

    ``pixels``: of all images together.
    """

    fields: dict[str, str]
    keys: dict[str, str]
    pixels: int


async def receive_upload(
    request: Request, form: UploadForm, settings: ApiSettings, blobs: BlobStore, earlier: EarlierJobs
) -> Upload:
    """Read the body of ``request`` to its end; files go to ``blobs``, and may be those of ``earlier`` jobs.

    Raises: ProblemError, BlobStoreFullError, ClientDisconnect.
    """
    sources = _Sources(form, settings, blobs, earlier)
    body = LimitedBody(request, settings, _body_limit(form, settings))
    try:
        body.refuse_announced_size()
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind == b"multipart/form-data":
            return await _receive_form(request, body, options.get(b"boundary", b""), sources)
        if len(form.required) == 1 and (kind.startswith(b"image/") or kind == b"application/octet-stream"):
            return await _receive_file(request, body, sources)
        if await body.is_empty():
            return await _receive_nothing(request, sources)
        raise ProblemError(RequestFault.MEDIA_TYPE_UNSUPPORTED, _media_types_taken(form))
    except ProblemError as error:
        if not body.ended:
            error.headers["Connection"] = "close"
            await body.drain()
        raise


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where the files of a form may come from that are not sent with it."""

    form: UploadForm
    settings: ApiSettings
    blobs: BlobStore
    earlier: EarlierJobs

    async def fill(self, writers: dict[str, BlobWriter], fields: dict[str, str]) -> Upload:
        """What was sent, with the files that ``fields`` name. Raises: ProblemError, ServiceError."""
        await take_earlier(writers, fields, self.form.names, self.earlier, self.blobs)
        await fetch_missing(writers, fields, self.form.names, self.settings, self.blobs)
        _check_complete(writers, self.form)
        return Upload(fields, *await off_the_loop(_accept, writers, self.form, self.settings))


async def _receive_form(request: Request, body: "LimitedBody", boundary: bytes, sources: _Sources) -> Upload:
    max_bytes = sources.settings.max_upload_bytes
    reader = FormReader(boundary, sources.blobs, frozenset(sources.form.names), max_file_bytes=max_bytes)
    try:
        async for chunk in body.chunks():
            await off_the_loop(reader.write, chunk)
        return await sources.fill(reader.writers, _merged(dict(request.query_params), reader.fields()))
    finally:
        await off_the_loop_in_any_case(reader.drop)


async def _receive_file(request: Request, body: "LimitedBody", sources: _Sources) -> Upload:
    name, most = sources.form.required[0], sources.settings.max_upload_bytes
    writer = await off_the_loop(sources.blobs.writer)
    writers = {name: writer}
    try:
        async for chunk in body.chunks():
            if writer.size_bytes + len(chunk) > most:
                raise too_large(most, name)
            await off_the_loop(writer.write, chunk)
        return await sources.fill(writers, dict(request.query_params))
    finally:
        await _drop(writers)


async def _receive_nothing(request: Request, sources: _Sources) -> Upload:
    """No body, but what stands for its files among the query's fields."""
    writers = dict[str, BlobWriter]()
    try:
        return await sources.fill(writers, dict(request.query_params))
    finally:
        await _drop(writers)


async def _drop(writers: dict[str, BlobWriter]) -> None:
    for writer in writers.values():
        await off_the_loop_in_any_case(writer.abort)


class LimitedBody:
    """The body of a request under a byte limit and two deadlines: for each pause, and for all of it."""

    def __init__(
        self, request: Request, settings: ApiSettings, max_bytes: int, *, total_s: float | None = None
    ) -> None:
        self._request = request
        self._settings = settings
        self._max_bytes = max_bytes
        self._received = self._decoded = 0
        self._end = asyncio.get_running_loop().time() + (total_s or settings.receive_total_s)
        self.ended = False

    def refuse_announced_size(self) -> None:
        """Raises: ProblemError if Content-Length says that the body will be too long."""
        length = self._request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_bytes:
            raise too_large(self._settings.max_upload_bytes)

    async def is_empty(self) -> bool:
        """Whether no byte comes, as the first message tells."""
        return not await self._next()

    async def chunks(self) -> AsyncGenerator[bytes]:
        """All of it, decoded, piece by piece.

        Raises: ProblemError when it is too long, too slow, damaged or in an unknown encoding; ClientDisconnect.
        """
        unzip = Gunzip() if self._is_gzip() else None
        while not self.ended:
            chunk = await self._next()
            if unzip is None:
                if chunk:
                    yield chunk
                continue
            for piece in unzip.pieces(chunk):
                self._count(len(piece))
                yield piece
        if unzip is not None:
            unzip.end()

    def _is_gzip(self) -> bool:
        """Whether the body is compressed so. Raises: ProblemError naming any other encoding."""
        values = ",".join(self._request.headers.getlist("content-encoding")).lower()
        names = [name.strip() for name in values.split(",") if name.strip() not in ("", "identity")]
        if names and names not in (["gzip"], ["x-gzip"]):
            raise ProblemError(
                RequestFault.CONTENT_ENCODING_UNSUPPORTED,
                f"Content-Encoding {', '.join(names)[:100]} is not read; send the body as it is, or with gzip.",
                headers={"Accept-Encoding": "gzip"},
            )
        return bool(names)

    def _count(self, size_bytes: int) -> None:
        """Raises: ProblemError when more has been decoded than a body may have."""
        self._decoded += size_bytes
        if self._decoded > self._max_bytes:
            raise too_large(self._settings.max_upload_bytes)

    async def _next(self) -> bytes:
        try:
            now = asyncio.get_running_loop().time()
            async with asyncio.timeout_at(min(self._end, now + self._settings.receive_idle_s)):
                message = await self._request.receive()
        except TimeoutError:
            detail = f"Only {self._received} bytes had arrived when the time was over."
            raise ProblemError(RequestFault.UPLOAD_TIMEOUT, detail) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        self.ended = not message.get("more_body", False)
        self._received += len(chunk)
        if self._received > self._max_bytes:
            raise too_large(self._settings.max_upload_bytes)
        return chunk

    async def drain(self) -> None:
        """Read a little of what is still sent: a client whose connection closes too early never sees the reply."""
        drained = 0
        with suppress(TimeoutError, ClientDisconnect):
            async with asyncio.timeout(_DRAIN_S):
                while drained < _DRAIN_BYTES:
                    message = await self._request.receive()
                    drained += len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return


def _check_complete(writers: dict[str, BlobWriter], form: UploadForm) -> None:
    """Raises: ProblemError naming each required file that is not there."""
    missing = [name for name in form.required if name not in writers]
    if missing:
        raise _missing(missing)


def _accept(writers: dict[str, BlobWriter], form: UploadForm, settings: ApiSettings) -> tuple[dict[str, str], int]:
    """Check every file, then keep them all; their keys by part name, and the pixels of all images.

    An optional file left blank comes empty.

    Raises: ProblemError.
    """
    given = {name: writer for name, writer in writers.items() if writer.size_bytes > 0 or name in form.required}
    pixels = 0
    for name, writer in given.items():
        if writer.size_bytes == 0:
            raise ProblemError(RequestFault.UPLOAD_EMPTY, f"The file {name} has no bytes.")
        if form.images:
            pixels += checked_pixels(name, writer, settings)
    return {name: writer.commit() for name, writer in given.items()}, pixels


def checked_pixels(name: str, writer: BlobWriter, settings: ApiSettings) -> int:
    """Pixels of an image, as its header says. Raises: ProblemError if it is none that is taken."""
    try:
        with writer.open() as file:
            header = read_image_header(file, SizeLimits(settings.max_pixels, settings.max_side, settings.max_aspect))
    except ImageHeaderError as error:
        raise ProblemError(error.code, f"{name}: {error.detail}") from error
    return header.width * header.height


def _body_limit(form: UploadForm, settings: ApiSettings) -> int:
    return len(form.names) * settings.max_upload_bytes + FORM_OVERHEAD_BYTES


def _merged(query: dict[str, str], form: dict[str, str]) -> dict[str, str]:
    twice = [{"field": name, "message": "given in the query and in the form"} for name in query.keys() & form.keys()]
    if twice:
        raise ProblemError.of_inputs(twice)
    return query | form


def _missing(names: tuple[str, ...] | list[str]) -> ProblemError:
    errors = [{"field": name, "message": "this file is required"} for name in names]
    return ProblemError.of_inputs(errors)


def _media_types_taken(form: UploadForm) -> str:
    parts = f"Send multipart/form-data with {' and '.join(form.required)} as files"
    if len(form.required) > 1:
        return f"{parts}."
    return f"{parts}, or the file itself as {'an image type or ' if form.images else ''}application/octet-stream."
