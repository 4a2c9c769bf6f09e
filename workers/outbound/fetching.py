"""A file from somebody else's server, in pieces: under a byte limit, a time limit and a limit of redirects."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import urljoin

import httpx2

from workers.errors import FetchFailedError
from workers.outbound.exchange import exchanged
from workers.outbound.guard import Guard

REDIRECTS = 3
_CHUNK_BYTES = 1 << 16


async def fetched(guard: Guard, url: str, *, max_bytes: int, limit_s: float) -> AsyncGenerator[bytes]:
    """The bytes behind ``url``; each redirect is checked as the first address.

    Raises: AddressRefusedError; FetchFailedError if it is too large, too slow, or not there.
    """
    try:
        async with asyncio.timeout(limit_s):
            for _ in range(REDIRECTS + 1):
                async with exchanged(guard, "GET", url, limit_s=limit_s) as reply:
                    if not reply.has_redirect_location:
                        async with aclosing(_body(reply, max_bytes)) as pieces:
                            async for piece in pieces:
                                yield piece
                        return
                    url = urljoin(url, reply.headers["location"])
    except TimeoutError:
        raise FetchFailedError(f"no file within {limit_s:g} s") from None
    except (OSError, httpx2.HTTPError) as error:
        raise FetchFailedError(f"no connection ({type(error).__name__})") from error
    raise FetchFailedError(f"more than {REDIRECTS} redirects")


async def _body(reply: httpx2.Response, max_bytes: int) -> AsyncGenerator[bytes]:
    if reply.status_code != 200:
        raise FetchFailedError(f"it answered {reply.status_code}")
    size = 0
    async for piece in reply.aiter_raw(_CHUNK_BYTES):
        size += len(piece)
        if size > max_bytes:
            raise FetchFailedError(f"more than {max_bytes} bytes")
        yield piece
