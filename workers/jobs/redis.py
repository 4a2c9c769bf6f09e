"""Job records in Redis, shared by any number of web processes and workers.

Keys, all below ``limen:``: ``job:ID`` the record as JSON; ``events:ID`` a stream, gone a minute after the job's end;
``known:ID`` outlives the record by TOMBSTONE_S, so that expired and unknown can be told apart; ``unfinished`` ids by
creation time, and ``queued`` those of them that wait; ``idempotency:HASH`` and ``dedup:HASH`` ids; ``workers`` and
``totals`` hashes. Unfinished records have no expiry: the reaper ends them.
"""

import contextlib
import hashlib
import re
from collections.abc import AsyncGenerator
from typing import Any, cast

import redis
import redis.asyncio

from workers.contracts import AnyRequest
from workers.errors import (
    IdempotencyConflictError,
    JobExpiredError,
    JobUnknownError,
    QueueFullError,
)
from workers.jobs.record import Job, JobEvent, JobState, new_job_id, request_digest
from workers.jobs.statistics import QueueStatistics, counts_of, statistics_of
from workers.jobs.store import TOMBSTONE_S, Arrival, Change, JobStore
from workers.jobs.worker_info import WORKER_SEEN_S, WorkerInfo
from workers.redis_connection import TIMEOUT_S, connected, reachable, seconds
from workers.settings import BrokerSettings

_FOLLOW_S = 2.0
"""A follower asks for the record itself after this silence, should the stream have lost the end."""
_EVENTS_KEPT = 1000
_EVENTS_KEPT_S = 60
"""How long the steps of a finished job are kept, for who followed it; whoever asks later is told the end by its record.
A stream is two thirds of what a job takes in Redis."""
_EVENT_ID = re.compile(r"\d{1,20}-\d{1,20}")

_CREATE = """
local job, events, unfinished, known, idempotency, dedup, queued = unpack(KEYS)
local record, id, now, limit, digest, expiry, prefix = unpack(ARGV)
local function remember(found)
  if idempotency ~= '' then redis.call('SET', idempotency, found .. ' ' .. digest, 'EX', expiry) end
end
if redis.call('EXISTS', job) == 1 then return {'created', ''} end
local earlier = idempotency ~= '' and redis.call('GET', idempotency)
if earlier then
  local found, asked = earlier:match('^(%S+) (%S+)$')
  local known_record = redis.call('GET', prefix .. found)
  if known_record and asked ~= digest then return {'conflict', ''} end
  if known_record then return {'repeated', known_record} end
end
local same = dedup ~= '' and redis.call('GET', dedup)
local same_record = same and redis.call('GET', prefix .. same)
if same_record then
  local state = cjson.decode(same_record)['state']
  if state ~= 'failed' and state ~= 'cancelled' then
    remember(same)
    return {'shared', same_record}
  end
end
if redis.call('ZCARD', unfinished) >= tonumber(limit) then return {'full', ''} end
redis.call('SET', job, record)
redis.call('SET', known, '1')
redis.call('ZADD', unfinished, now, id)
redis.call('ZADD', queued, now, id)
redis.call('XADD', events, '*', 'state', 'queued', 'progress', '0.0')
remember(id)
if dedup ~= '' then redis.call('SET', dedup, id, 'EX', expiry) end
return {'created', ''}
"""
"""One atomic step; safe to send again after a lost reply, because the id stays the same."""


class RedisJobStore(JobStore):
    """``JobStore`` in Redis."""

    def __init__(self, settings: BrokerSettings, url: str) -> None:
        super().__init__(settings)
        self._url = url
        self._redis = connected(url)
        self._create = self._redis.register_script(_CREATE)

    def create(
        self,
        request: AnyRequest,
        *,
        client: str | None = None,
        request_id: str | None = None,
        trace: str | None = None,
        dedup_key: str | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Job, Arrival]:
        """See ``JobStore.create``."""
        now = self.now()
        job = Job(id=new_job_id(), request=request, created_at=now, sent_at=now)
        job = job.asked_by(client=client, request_id=request_id, trace=trace)
        keys = [
            _record(job.id),
            _events(job.id),
            _UNFINISHED,
            _known(job.id),
            _hashed("idempotency", idempotency_key),
            _hashed("dedup", dedup_key),
            _QUEUED,
        ]
        limit, expiry = self.settings.queue_limit, self.settings.job_expiry_s
        record, digest = job.model_dump_json(), request_digest(request)
        with reachable():
            outcome, found = self._create(keys, [record, job.id, now, limit, digest, expiry, _record("")])
        if outcome == "conflict":
            raise IdempotencyConflictError("this idempotency key was used for another request")
        if outcome == "full":
            raise QueueFullError(f"{limit} jobs are waiting or running")
        arrival = Arrival(outcome)
        return (job if arrival is Arrival.CREATED else Job.model_validate_json(found)), arrival

    def get(self, job_id: str) -> Job:
        """See ``JobStore.get``."""
        with reachable():
            record, known = cast(list[str | None], self._redis.mget(_record(job_id), _known(job_id)))
        return _found(job_id, record, known)

    def update(self, job_id: str, change: Change) -> Job:
        """See ``JobStore.update``. Optimistic: reads, and writes only if nobody else has written meanwhile."""
        with reachable(), self._redis.pipeline() as pipe:
            while True:
                with contextlib.suppress(redis.WatchError):
                    pipe.watch(_record(job_id))  # type: ignore[no-untyped-call]
                    record, known = cast(list[str | None], pipe.mget(_record(job_id), _known(job_id)))
                    now = seconds(pipe.time())
                    before = _found(job_id, record, known)
                    after = change(before, now)
                    if after == before:
                        return after
                    if after.finished and not before.finished:
                        after = after.model_copy(update={"expires_at": now + self.settings.job_expiry_s})
                    pipe.multi()
                    self._save(pipe, before, after)
                    pipe.execute()
                    if after.finished and not before.finished:
                        self.on_end(job_id, now)
                    return after

    def _save(self, pipe: "redis.client.Pipeline", before: Job, after: Job) -> None:
        pipe.set(_record(after.id), after.model_dump_json(), keepttl=True)
        if after.event != before.event:
            fields = {"state": str(after.state), "progress": str(after.progress)}
            pipe.xadd(_events(after.id), cast(dict[Any, Any], fields), maxlen=_EVENTS_KEPT, approximate=True)
        if after.state is JobState.QUEUED:
            pipe.zadd(_QUEUED, {after.id: after.created_at})
        else:
            pipe.zrem(_QUEUED, after.id)
        if after.finished and not before.finished:
            expiry = self.settings.job_expiry_s
            pipe.expire(_record(after.id), expiry)
            pipe.expire(_events(after.id), min(expiry, _EVENTS_KEPT_S))
            pipe.expire(_known(after.id), expiry + TOMBSTONE_S)
            pipe.zrem(_UNFINISHED, after.id)
            for name, value in counts_of(after).items():
                pipe.hincrbyfloat(_TOTALS, name, value)

    def discard(self, job_id: str) -> None:
        """See ``JobStore.discard``."""
        with reachable(), self._redis.pipeline() as pipe:
            pipe.delete(_record(job_id), _events(job_id), _known(job_id))
            pipe.zrem(_UNFINISHED, job_id)
            pipe.zrem(_QUEUED, job_id)
            pipe.execute()

    def unfinished(self) -> list[Job]:
        """See ``JobStore.unfinished``."""
        with reachable():
            ids = cast(list[str], self._redis.zrange(_UNFINISHED, 0, -1))
            records = cast(list[str | None], self._redis.mget([_record(job_id) for job_id in ids])) if ids else []
        jobs = [Job.model_validate_json(record) for record in records if record is not None]
        return [job for job in jobs if not job.finished]

    async def events(self, job_id: str, after: str | None = None) -> AsyncGenerator[tuple[str, JobEvent]]:
        """See ``JobStore.events``. An id is the one Redis gave the entry of the stream."""
        last = after if after is not None and _EVENT_ID.fullmatch(after) else "0-0"
        client = redis.asyncio.Redis.from_url(
            self._url, decode_responses=True, socket_connect_timeout=TIMEOUT_S, socket_timeout=_FOLLOW_S + TIMEOUT_S
        )
        async with client:
            block_ms: int | None = None
            while True:
                with reachable():
                    entries = await _read_stream(client, _events(job_id), last, block_ms)
                    if not entries:
                        reply = await client.mget(_record(job_id), _known(job_id))
                        record, known = cast(list[str | None], reply)
                        job = _found(job_id, record, known)
                        if job.finished:
                            yield last, job.event
                            return
                for last, event in entries:
                    yield last, event
                    if event.finished:
                        return
                block_ms = round(_FOLLOW_S * 1000)

    def publish_worker(self, worker: WorkerInfo) -> None:
        """See ``JobStore.publish_worker``."""
        now = self.now()
        gone = [info.name for info in self._all_workers() if info.seen_at <= now - WORKER_SEEN_S]
        with reachable(), self._redis.pipeline() as pipe:
            pipe.hset(_WORKERS, worker.name, worker.model_copy(update={"seen_at": now}).model_dump_json())
            if gone:
                pipe.hdel(_WORKERS, *gone)
            pipe.execute()

    def workers(self) -> list[WorkerInfo]:
        """See ``JobStore.workers``."""
        workers = self._all_workers()
        oldest = self.now() - WORKER_SEEN_S if workers else 0.0
        return [worker for worker in workers if worker.seen_at > oldest]

    def _all_workers(self) -> list[WorkerInfo]:
        with reachable():
            documents = cast(dict[str, str], self._redis.hgetall(_WORKERS))
        return [WorkerInfo.model_validate_json(document) for document in documents.values()]

    def now(self) -> float:
        """See ``JobStore.now``."""
        with reachable():
            return seconds(self._redis.time())

    def statistics(self) -> QueueStatistics:
        """See ``JobStore.statistics``."""
        with reachable(), self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(_TOTALS)
            pipe.zcard(_UNFINISHED)
            pipe.zcard(_QUEUED)
            pipe.zrange(_QUEUED, 0, 0, withscores=True)
            pipe.time()
            totals, unfinished, queued, oldest, now = pipe.execute()
        return statistics_of(
            {name: float(value) for name, value in totals.items()},
            queued=queued,
            running=max(0, unfinished - queued),
            oldest_queued_s=max(0.0, seconds(now) - oldest[0][1]) if oldest else 0.0,
        )


_UNFINISHED = "limen:unfinished"
_QUEUED = "limen:queued"
_WORKERS = "limen:workers"
_TOTALS = "limen:totals"


def _record(job_id: str) -> str:
    return f"limen:job:{job_id}"


def _events(job_id: str) -> str:
    return f"limen:events:{job_id}"


def _known(job_id: str) -> str:
    return f"limen:known:{job_id}"


def _hashed(kind: str, key: str | None) -> str:
    return "" if key is None else f"limen:{kind}:{hashlib.sha256(key.encode()).hexdigest()}"


def _found(job_id: str, record: str | None, known: str | None) -> Job:
    if record is not None:
        return Job.model_validate_json(record)
    if known is not None:
        raise JobExpiredError(f"job {job_id} has expired")
    raise JobUnknownError(f"no job {job_id[:64]}")


async def _read_stream(
    client: "redis.asyncio.Redis", key: str, last: str, block_ms: int | None
) -> list[tuple[str, JobEvent]]:
    reply = cast(Any, await client.xread({key: last}, block=block_ms))
    entries = reply[0][1] if reply else []
    return [
        (entry_id, JobEvent(state=JobState(fields["state"]), progress=float(fields["progress"])))
        for entry_id, fields in entries
    ]
