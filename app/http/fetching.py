"""Images that the service fetches itself, where it is set up for that: ``image_url`` in place of the file ``image``."""

from collections.abc import Collection, Mapping
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
        url = taken(fields, url_field(part), part, writers)
        if url is None:
            continue
        if not settings.fetch_hosts:
            raise AddressRefusedError("This service fetches no images; send the file itself.")
        writers[part] = await off_the_loop(blobs.writer)
        await _fetch(url, part, writers[part], settings)


def taken(fields: dict[str, str], field: str, part: str, writers: Mapping[str, BlobWriter]) -> str | None:
    """Take ``field``, which stands for the file ``part``, out of the others. Raises: ProblemError if both are there."""
    value = fields.pop(field, None)
    if value is not None and part in writers:
        raise ProblemError.of_inputs([{"field": field, "message": f"the file {part} was sent as well"}])
    return value


async def _fetch(url: str, part: str, writer: BlobWriter, settings: ApiSettings) -> None:
    guard = Guard(settings.fetch_hosts, settings.outbound_networks)
    pieces = fetched(guard, url, max_bytes=settings.max_upload_bytes, limit_s=settings.fetch_limit_s)
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                await off_the_loop(writer.write, piece)
    except FetchFailedError as error:
        raise FetchFailedError(f"{url_field(part)}: {error}.") from error
