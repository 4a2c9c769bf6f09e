"""One request to somebody else's server: to the checked address itself, under a time limit, without redirects."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import httpx2

from workers.outbound.guard import Guard

_STEP_S = 5.0
"""To connect, and for each pause of the other side."""


@asynccontextmanager
async def exchanged(
    guard: Guard,
    method: str,
    url: str,
    *,
    limit_s: float,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncGenerator[httpx2.Response]:
    """The reply, its body not yet read; everything inside the block has to end within ``limit_s``.

    The connection goes to the very address that was checked, whatever the name means a moment later; TLS still asks
    for the name. Raises: AddressRefusedError; TimeoutError; OSError; httpx2.HTTPError.
    """
    destination = guard.destination(url)
    name = f"[{destination.host}]" if ":" in destination.host else destination.host
    async with asyncio.timeout(limit_s):
        address = await guard.resolved(destination)
        pinned = httpx2.URL(
            scheme=destination.scheme,
            host=address,
            port=destination.port,
            raw_path=destination.target.encode(),
        )
        usual = (destination.scheme, destination.port) in (("http", 80), ("https", 443))
        sent = {
            "Host": name if usual else f"{name}:{destination.port}",
            "User-Agent": "limen",
            "Accept-Encoding": "identity",
        }
        async with (
            httpx2.AsyncClient(timeout=_STEP_S, trust_env=False, follow_redirects=False) as client,
            client.stream(
                method,
                pinned,
                content=content,
                headers=sent | dict(headers or {}),
                extensions={"sni_hostname": destination.host},
            ) as reply,
        ):
            yield reply
