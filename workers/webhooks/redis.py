"""Letters in Redis: ``letters`` by id as JSON; ids: ``letters:due`` by time, ``letters:of:JOB``, ``letters:dead``."""

from typing import cast

from workers.redis_connection import connected, reachable
from workers.webhooks.outbox import CLAIM_S, DEAD_KEPT, Outbox
from workers.webhooks.record import Letter

_LETTERS, _DUE, _DEAD = "limen:letters", "limen:letters:due", "limen:letters:dead"

_CLAIM = """
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 1)
if #ids == 0 then return false end
redis.call('ZADD', KEYS[1], ARGV[2], ids[1])
return redis.call('HGET', KEYS[2], ids[1])
"""
"""One letter for one courier."""


class RedisOutbox(Outbox):
    """``Outbox`` of all processes together."""

    def __init__(self, url: str) -> None:
        self._redis = connected(url)
        self._claim = self._redis.register_script(_CLAIM)

    def put(self, letter: Letter) -> None:
        """See ``Outbox.put``."""
        with reachable(), self._redis.pipeline() as pipe:
            pipe.hset(_LETTERS, letter.id, letter.model_dump_json())
            pipe.sadd(_of(letter.job_id), letter.id)
            if letter.died_at is None:
                pipe.zadd(_DUE, {letter.id: letter.due_at})
            else:
                pipe.zrem(_DUE, letter.id)
                pipe.zadd(_DEAD, {letter.id: letter.died_at})
            pipe.execute()
        if letter.died_at is not None:
            self._drop_surplus()

    def drop(self, letter: Letter) -> None:
        """See ``Outbox.drop``."""
        with reachable(), self._redis.pipeline() as pipe:
            pipe.hdel(_LETTERS, letter.id)
            pipe.zrem(_DUE, letter.id)
            pipe.zrem(_DEAD, letter.id)
            pipe.srem(_of(letter.job_id), letter.id)
            pipe.execute()

    def ended(self, job_id: str, now: float) -> None:
        """See ``Outbox.ended``."""
        with reachable():
            ids = cast(set[str], self._redis.smembers(_of(job_id)))
            if ids:
                self._redis.zadd(_DUE, dict.fromkeys(ids, now), xx=True, lt=True)

    def claim(self, now: float) -> Letter | None:
        """See ``Outbox.claim``."""
        with reachable():
            text = self._claim([_DUE, _LETTERS], [now, now + CLAIM_S])
        return None if not text else Letter.model_validate_json(text)

    def dead(self) -> list[Letter]:
        """See ``Outbox.dead``."""
        with reachable():
            ids = cast(list[str], self._redis.zrevrange(_DEAD, 0, -1))
            texts = cast(list[str | None], self._redis.hmget(_LETTERS, ids)) if ids else []
        return [Letter.model_validate_json(text) for text in texts if text is not None]

    def _drop_surplus(self) -> None:
        for old in self.dead()[DEAD_KEPT:]:
            self.drop(old)


def _of(job_id: str) -> str:
    return f"limen:letters:of:{job_id}"
