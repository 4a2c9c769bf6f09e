"""One suite over the stores of batches: as many as allowed, one who hands out, and nothing forgotten too early."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workers.batches.record import Batch, Item, ItemState, Source, new_batch_id
from workers.batches.redis import RedisBatchStore
from workers.batches.store import BatchStore, DurableBatchStore, MemoryBatchStore
from workers.errors import BatchLimitError, BatchUnknownError, IdempotencyConflictError
from workers.record_file import RecordFile
from workers.settings import BrokerSettings

Open = Callable[..., BatchStore]


def batch(**changes: Any) -> Batch:
    sources = (Source(key="a" * 64), Source(url="https://a.example/b.png"))
    made = Batch(
        id=new_batch_id(),
        client="shop",
        capability="varjpeg",
        fields={"target_sur": "0.8"},
        observer="aic-3",
        sources=sources,
        created_at=1.0,
    )
    return made.model_copy(update=changes)


@pytest.fixture(params=["memory", "durable", pytest.param("redis", marks=pytest.mark.redis)])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    files = itertools.count()

    def opened(**settings: Any) -> BatchStore:
        chosen = BrokerSettings(**settings)
        if request.param == "memory":
            return MemoryBatchStore(chosen)
        if request.param == "durable":
            return DurableBatchStore(chosen, RecordFile(tmp_path / f"{next(files)}.sqlite"))
        server = request.getfixturevalue("redis_server")
        with server.client() as client:
            client.flushall()
        return RedisBatchStore(chosen, server.url)

    return opened


def test_a_batch_and_its_images_are_kept(open_store: Open) -> None:
    store, one = open_store(), batch()
    store.create(one)
    assert store.get(one.id) == one
    assert store.unfinished() == [one]
    assert store.items(one.id) == {}
    running = Item(state=ItemState.RUNNING, job_id="b" * 32)
    store.keep_item(one.id, 1, running)
    assert store.items(one.id) == {1: running}
    ended = store.update(one.id, lambda found: found.model_copy(update={"finished_at": 2e12}))
    assert store.unfinished() == []
    assert store.get(one.id) == ended


def test_as_many_are_taken_as_the_settings_allow(open_store: Open) -> None:
    store = open_store(batch_limit=2)
    first, second, third = batch(), batch(), batch()
    store.create(first)
    store.create(second)
    with pytest.raises(BatchLimitError):
        store.create(third)
    store.update(first.id, lambda found: found.model_copy(update={"finished_at": 2e12}))
    store.create(third)


def test_an_unknown_batch_is_unknown(open_store: Open) -> None:
    store = open_store()
    with pytest.raises(BatchUnknownError):
        store.get("f" * 32)
    with pytest.raises(BatchUnknownError):
        store.update("f" * 32, lambda found: found)


def test_an_ended_batch_goes_when_its_time_has_come(open_store: Open) -> None:
    store, one = open_store(job_expiry_s=1), batch()
    store.create(one)
    store.update(one.id, lambda found: found.model_copy(update={"finished_at": 1.0}))
    if isinstance(store, RedisBatchStore):
        assert 0 < int(store._redis.ttl(f"limen:batch:{one.id}")) <= 1
        return
    with pytest.raises(BatchUnknownError):
        store.get(one.id)
    store.create(batch())
    with pytest.raises(KeyError):
        store.items(one.id)


def test_one_hands_out_in_redis_until_it_is_silent(open_store: Open) -> None:
    store = open_store()
    assert store.lead("one")
    assert store.lead("one")
    assert store.lead("two") == (not isinstance(store, RedisBatchStore))


def test_the_next_process_goes_on(tmp_path: Path) -> None:
    one, done = batch(), Item(state=ItemState.SUCCEEDED, job_id="b" * 32)
    records = RecordFile(tmp_path / "records.sqlite")
    first = DurableBatchStore(BrokerSettings(), records)
    first.create(one)
    first.keep_item(one.id, 0, done)
    records.close()
    second = DurableBatchStore(BrokerSettings(), RecordFile(tmp_path / "records.sqlite"))
    assert second.unfinished() == [one]
    assert second.items(one.id) == {0: done}


def test_what_waits_in_a_cancelled_batch_is_cancelled() -> None:
    cancelled = batch(cancelled=True)
    assert cancelled.item(None).state is ItemState.CANCELLED
    assert cancelled.item(Item(state=ItemState.RUNNING)).state is ItemState.RUNNING
    assert batch().item(None).state is ItemState.WAITING
    request = batch().request("c" * 64)
    assert (request.capability, request.target_sur) == ("varjpeg", 0.8)  # type: ignore[union-attr]


def test_the_same_idempotency_key_is_the_same_batch(open_store: Open) -> None:
    store, first = open_store(batch_limit=2), batch(repeated_by="shop/monday")
    assert store.create(first) == first
    assert store.create(batch(repeated_by="shop/monday")).id == first.id
    assert len(store.unfinished()) == 1
    with pytest.raises(IdempotencyConflictError):
        store.create(batch(repeated_by="shop/monday", capability="jnd-map", fields={}))
    other = batch(repeated_by="other/monday")
    assert store.create(other).id == other.id
    with pytest.raises(BatchLimitError):
        store.create(batch())
