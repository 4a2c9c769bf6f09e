"""Batches in Redis: ``batch:ID`` as JSON, ``batch:ID:items`` by number, ``batch-key:HASH`` ids, ``batches`` unfinished,
``batches:lead``.
"""

import contextlib
import hashlib
from typing import cast

import redis

from workers.batches.record import Batch, Item
from workers.batches.store import LEAD_S, BatchStore, Change
from workers.errors import BatchLimitError, BatchUnknownError
from workers.redis_connection import connected, reachable
from workers.settings import BrokerSettings

_UNFINISHED, _LEAD = "limen:batches", "limen:batches:lead"

_CREATE = """
local earlier = KEYS[3] ~= '' and redis.call('GET', KEYS[3])
if earlier then return earlier end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
if KEYS[3] ~= '' then redis.call('SET', KEYS[3], ARGV[1], 'EX', ARGV[5]) end
return 1
"""
_TAKE_LEAD = """
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


class RedisBatchStore(BatchStore):
    """``BatchStore`` of all processes together."""

    def __init__(self, settings: BrokerSettings, url: str) -> None:
        super().__init__(settings)
        self._redis = connected(url)
        self._create = self._redis.register_script(_CREATE)
        self._take_lead = self._redis.register_script(_TAKE_LEAD)

    def create(self, batch: Batch) -> Batch:
        """See ``BatchStore.create``."""
        limit, by_key = self.settings.batch_limit, _by_key(batch.repeated_by)
        record: list[str | float] = [
            batch.id,
            batch.model_dump_json(),
            batch.created_at,
            limit,
            self.settings.job_expiry_s,
        ]
        with reachable():
            kept = self._create([_record(batch.id), _UNFINISHED, by_key], record)
        if kept == 0:
            raise BatchLimitError(f"{limit} batches are unfinished")
        if kept == 1:
            return batch
        try:
            return self.get(str(kept)).repeated(batch)
        except BatchUnknownError:  # it ended long ago
            with reachable():
                self._redis.delete(by_key)
            return self.create(batch)

    def get(self, batch_id: str) -> Batch:
        """See ``BatchStore.get``."""
        with reachable():
            return _found(batch_id, cast(str | None, self._redis.get(_record(batch_id))))

    def update(self, batch_id: str, change: Change) -> Batch:
        """See ``BatchStore.update``. Optimistic: writes only if nobody else has written meanwhile."""
        with reachable(), self._redis.pipeline() as pipe:
            while True:
                with contextlib.suppress(redis.WatchError):
                    pipe.watch(_record(batch_id))  # type: ignore[no-untyped-call]
                    batch = change(_found(batch_id, cast(str | None, pipe.get(_record(batch_id)))))
                    pipe.multi()
                    pipe.set(_record(batch_id), batch.model_dump_json(), keepttl=True)
                    if batch.finished_at is not None:
                        pipe.zrem(_UNFINISHED, batch_id)
                        for key in (_record(batch_id), _items(batch_id)):
                            pipe.expire(key, self.settings.job_expiry_s)
                    pipe.execute()
                    return batch

    def unfinished(self) -> list[Batch]:
        """See ``BatchStore.unfinished``."""
        with reachable():
            ids = cast(list[str], self._redis.zrange(_UNFINISHED, 0, -1))
            texts = cast(list[str | None], self._redis.mget([_record(batch_id) for batch_id in ids])) if ids else []
        return [Batch.model_validate_json(text) for text in texts if text is not None]

    def keep_item(self, batch_id: str, number: int, item: Item) -> None:
        """See ``BatchStore.keep_item``."""
        with reachable():
            self._redis.hset(_items(batch_id), str(number), item.model_dump_json())

    def items(self, batch_id: str) -> dict[int, Item]:
        """See ``BatchStore.items``."""
        with reachable():
            found = cast(dict[str, str], self._redis.hgetall(_items(batch_id)))
        return {int(number): Item.model_validate_json(text) for number, text in found.items()}

    def lead(self, owner: str) -> bool:
        """See ``BatchStore.lead``."""
        with reachable():
            return bool(self._take_lead([_LEAD], [owner, round(LEAD_S * 1000)]))


def _record(batch_id: str) -> str:
    return f"limen:batch:{batch_id}"


def _by_key(repeated_by: str | None) -> str:
    return "" if repeated_by is None else f"limen:batch-key:{hashlib.sha256(repeated_by.encode()).hexdigest()}"


def _items(batch_id: str) -> str:
    return f"limen:batch:{batch_id}:items"


def _found(batch_id: str, text: str | None) -> Batch:
    if text is None:
        raise BatchUnknownError(f"no batch {batch_id[:64]}")
    return Batch.model_validate_json(text)
