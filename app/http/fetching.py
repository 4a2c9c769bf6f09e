"""Images that the service fetches itself, where it is set up for that: ``image_url`` in place of the file ``image``."""

from collections.abc import Collection
from contextlib import aclosing

from app.http.disc import off_the_loop
from app.http.problems import ProblemError
from app.settings import ApiSettings
from workers.blobs.store import BlobStore, BlobWriter
from workers.errors import AddressRefusedError, FetchFailedError
from workers.outbound.fetching import fetched
from workers.outbound.guard import Guard


def url_field(part: str) -> str:
    """Name of the text field that may stand for a file."""
    return f"{part}_url"


async def fetch_missing(
    writers: dict[str, BlobWriter],
    fields: dict[str, str],
    parts: Collection[str],
    settings: ApiSettings,
    blobs: BlobStore,
) -> None:
    """Fetch each file that ``fields`` give the address of into ``writers``, and take the address out of the fields.

    Raises: AddressRefusedError; FetchFailedError; ProblemError if a file was sent as well; BlobStoreFullError. What was
    written so far is left in ``writers``.
    """
    for part in parts:
        url = fields.pop(url_field(part), None)
        if url is None:
            continue
        if not settings.fetch_hosts:
            raise AddressRefusedError("This service fetches no images; send the file itself.")
        if part in writers:
            twice = {"field": url_field(part), "message": f"the file {part} was sent as well"}
            raise ProblemError.of_inputs([twice])
        writers[part] = await off_the_loop(blobs.writer)
        await _fetch(url, part, writers[part], settings)


async def _fetch(url: str, part: str, writer: BlobWriter, settings: ApiSettings) -> None:
    guard = Guard(settings.fetch_hosts, settings.outbound_networks)
    pieces = fetched(guard, url, max_bytes=settings.max_upload_bytes, limit_s=settings.fetch_limit_s)
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                await off_the_loop(writer.write, piece)
    except FetchFailedError as error:
        raise FetchFailedError(f"{url_field(part)}: {error}.") from error
