"""Work on the disc of uploads, in threads of its own: a slow one keeps uploads waiting, and nothing else."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

Result = TypeVar("Result")
WRITERS = 16
"""Threads that may wait for the disc at once; any other request has the pool of the web framework, of 40."""
_limiter: RunVar[CapacityLimiter] = RunVar("limen-upload-limiter")


async def off_the_loop(work: Callable[..., Result], *arguments: object) -> Result:
    """``work(*arguments)`` in a thread; it is waited for even when the request is cancelled. Raises: what it raises."""
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(WRITERS)
        _limiter.set(limiter)
    return await to_thread.run_sync(work, *arguments, limiter=limiter)


async def off_the_loop_in_any_case(work: Callable[[], None]) -> None:
    """``work()`` in a thread, though the request may have been cancelled: for what has to be cleared away."""
    with CancelScope(shield=True):
        await off_the_loop(work)
