"""A request that is held until its job has ended, or its client has left."""

import asyncio
import logging
from contextlib import suppress

from fastapi import Request
from starlette.requests import ClientDisconnect

from workers.errors import BrokerUnavailableError
from workers.jobs.record import Job
from workers.jobs.store import JobStore

logger = logging.getLogger(__name__)


async def waited_for(job: Job, request: Request, jobs: JobStore, wait_s: int) -> Job:
    """The job once it has ended, or as it is after ``wait_s``. Raises: ClientDisconnect when the client leaves."""
    if job.finished:
        return job
    waiting = asyncio.create_task(jobs.wait(job.id, wait_s))
    leaving = asyncio.create_task(_client_leaves(request))
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise ClientDisconnect
        return waiting.result()
    except BrokerUnavailableError as error:
        logger.warning("job %s was accepted, but cannot be waited for: %s", job.id, error)
        return job
    finally:
        for task in (waiting, leaving):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(waiting, leaving, return_exceptions=True)


async def _client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
