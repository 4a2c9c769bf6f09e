"""A wait for a job ends at its time, whatever becomes of what it waits with."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import pytest

from workers.contracts import JndMapRequest
from workers.jobs.memory import MemoryJobStore
from workers.jobs.record import JobEvent, JobState
from workers.settings import BrokerSettings


def test_a_wait_ends_though_its_cancellation_is_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryJobStore(BrokerSettings())
    job, _ = store.create(JndMapRequest(image_key="a" * 64))

    async def deaf(*_: object) -> AsyncGenerator[tuple[str, JobEvent]]:
        with contextlib.suppress(asyncio.CancelledError):  # as wait_for does in Python 3.11 at an unlucky moment
            await asyncio.sleep(60)
        await asyncio.sleep(60)
        yield "", job.event

    monkeypatch.setattr(store, "events", deaf)

    async def waited() -> JobState:
        return (await asyncio.wait_for(store.wait(job.id, 0.05), 10)).state

    assert asyncio.run(waited()) is JobState.QUEUED
