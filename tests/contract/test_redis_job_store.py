"""What Redis alone is asked as a job store: little room, and a word at once when it is away."""

import asyncio
import socket
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.assets.pace import in_time
from tests.assets.redis_server import RedisServer
from tests.contract.test_job_store import REQUEST, collect, start, succeed
from workers.errors import BrokerUnavailableError
from workers.jobs.opened import open_job_store
from workers.jobs.record import JobState
from workers.settings import BrokerSettings

pytestmark = pytest.mark.redis


def test_redis_holds_little_of_a_finished_job(redis_server: RedisServer, tmp_path: Path) -> None:
    with redis_server.client() as client:
        client.flushall()
        store = open_job_store(BrokerSettings(redis_url=SecretStr(redis_server.url), blob_dir=tmp_path))
        job, _ = store.create(REQUEST, dedup_key="a", idempotency_key="b")
        start(store, job.id)
        for step in range(1, 100):
            done = step / 100
            store.update(job.id, lambda job, now: job.advanced("one", now, done))  # noqa: B023
        succeed(store, job.id)
        assert 0 < client.ttl(f"limen:events:{job.id}") <= 60
        client.delete(f"limen:events:{job.id}")  # as a minute later
        assert sum(client.memory_usage(key) or 0 for key in client.scan_iter("limen:*")) < 4_000
    ((_, event),) = asyncio.run(collect(store, job.id))
    assert event.state is JobState.SUCCEEDED


def test_a_redis_that_is_away_or_hangs_is_reported_within_two_seconds(tmp_path: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        port = deaf.getsockname()[1]
        for url in (f"redis://127.0.0.1:{port}/0", "redis://127.0.0.1:1/0"):
            store = open_job_store(BrokerSettings(redis_url=SecretStr(url), blob_dir=tmp_path))
            began = time.monotonic()
            with pytest.raises(BrokerUnavailableError):
                store.create(REQUEST)
            assert in_time(time.monotonic() - began, 2)
