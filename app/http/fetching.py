"""Images that the service fetches itself, where it is set up for that: ``image_url`` in place of the file ``image``."""

import asyncio
from collections.abc import Collection, Mapping
from urllib.parse import urljoin

import httpx2

from app.http.disc import off_the_loop
from app.http.multipart import too_large
from app.http.problem_types import RequestFault
from app.http.problems import ProblemError
from app.settings import ApiSettings
from workers.blobs import BlobStore, BlobWriter
from workers.errors import AddressRefusedError
from workers.outbound.exchange import exchanged
from workers.outbound.guard import Guard

REDIRECTS = 3
_CHUNK_BYTES = 1 << 16


def url_field(part: str) -> str:
    """Name of the text field that may stand for a file."""
    return f"{part}_url"


def is_asked_for(fields: Mapping[str, str], parts: Collection[str]) -> bool:
    """Whether a field names the address of a file."""
    return any(url_field(part) in fields for part in parts)


async def fetch_missing(
    writers: dict[str, BlobWriter],
    fields: dict[str, str],
    parts: Collection[str],
    settings: ApiSettings,
    blobs: BlobStore,
) -> None:
    """Fetch each file that ``fields`` give the address of into ``writers``, and take the address out of the fields.

    Raises: AddressRefusedError; ProblemError if a file was sent as well, is too large or cannot be had;
    BlobStoreFullError. What was written so far is left in ``writers``.
    """
    for part in parts:
        url = fields.pop(url_field(part), None)
        if url is None:
            continue
        if not settings.fetch_hosts:
            raise AddressRefusedError("This service fetches no images; send the file itself.")
        if part in writers:
            twice = {"field": url_field(part), "message": f"the file {part} was sent as well"}
            raise ProblemError(RequestFault.REQUEST_INVALID, "See errors.", [twice])
        writers[part] = await off_the_loop(blobs.writer)
        await _fetch(url, part, writers[part], settings)


async def _fetch(url: str, part: str, writer: BlobWriter, settings: ApiSettings) -> None:
    guard = Guard(settings.fetch_hosts, settings.outbound_networks)
    try:
        async with asyncio.timeout(settings.fetch_limit_s):
            for _ in range(REDIRECTS + 1):
                async with exchanged(guard, "GET", url, limit_s=settings.fetch_limit_s) as reply:
                    if not reply.has_redirect_location:
                        await _store(reply, part, writer, settings)
                        return
                    url = urljoin(url, reply.headers["location"])
    except TimeoutError:
        raise _failed(part, f"no file within {settings.fetch_limit_s:g} s") from None
    except (OSError, httpx2.HTTPError) as error:
        raise _failed(part, f"no connection ({type(error).__name__})") from error
    raise _failed(part, f"more than {REDIRECTS} redirects")


async def _store(reply: httpx2.Response, part: str, writer: BlobWriter, settings: ApiSettings) -> None:
    if reply.status_code != 200:
        raise _failed(part, f"it answered {reply.status_code}")
    async for chunk in reply.aiter_raw(_CHUNK_BYTES):
        if writer.size_bytes + len(chunk) > settings.max_upload_bytes:
            raise too_large(settings.max_upload_bytes, part)
        await off_the_loop(writer.write, chunk)


def _failed(part: str, why: str) -> ProblemError:
    return ProblemError(RequestFault.FETCH_FAILED, f"{url_field(part)}: {why}.")
