"""Makes jobs of the photos of batches: never more at once than are worked on at once, so that whoever sends a single
photo waits for one job at most. Runs as a thread beside every worker; one of them at a time hands out.
"""

import asyncio
import contextlib
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

from workers.batches.record import Batch, Item, ItemState, Source
from workers.errors import (
    BatchUnknownError,
    BlobStoreUnavailableError,
    BrokerUnavailableError,
    JobExpiredError,
    JobUnknownError,
    QueueFullError,
    ServiceError,
)
from workers.jobs.record import Job
from workers.outbound.fetching import fetched
from workers.outbound.guard import Guard
from workers.run.celery_app import LimenCelery
from workers.run.signatures import submit

logger = logging.getLogger(__name__)

INTERVAL_S = 0.1
MOST_AT_ONCE = 64
_FOLLOW_S = 1.0
"""How often whoever follows a job looks whether the service ends."""


class _StoppedError(Exception):
    """The service ends; the photo is taken up again by the next process."""


class Feeder:
    """Hands out photos until it is stopped. ``at_once`` says how many jobs are worked on at once."""

    def __init__(self, app: LimenCelery, at_once: Callable[[], int]) -> None:
        self._app = app
        self._at_once = at_once
        self._owner = uuid.uuid4().hex
        self._guard = Guard(app.settings.fetch_hosts, app.settings.outbound_networks)
        self._lock = threading.Lock()
        self._taken: set[tuple[str, int]] = set()
        self._waiting: dict[str, deque[tuple[int, Item | None]]] = {}
        self._stop = threading.Event()
        self._again = threading.Event()
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="feeder")
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def start(self) -> None:
        """Begin, in threads of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Hand out no more, and let go of what is under way."""
        self._stop.set()
        self._again.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(cancel_futures=True)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._hand_out()
            except BrokerUnavailableError:
                pass  # the next round tries again
            except Exception:
                logger.exception("feeder: a round failed; the next one tries again")
            self._again.wait(INTERVAL_S)
            self._again.clear()

    def _hand_out(self) -> None:
        """One photo of each batch in turn, while there is room."""
        batches = self._app.batches.unfinished()
        if not batches or not self._app.batches.lead(self._owner):
            self._waiting.clear()
            return
        room = min(MOST_AT_ONCE, self._at_once()) - len(self._taken)
        while room > 0:
            took = [batch for batch in batches if room > 0 and self._take(batch)]
            room -= len(took)
            if not took:
                break
        with self._lock:
            busy = {batch_id for batch_id, _ in self._taken}
        for batch in batches:
            if self._waiting.get(batch.id) == deque() and batch.id not in busy:
                del self._waiting[batch.id]
                self._app.batches.update(batch.id, lambda one: one.model_copy(update={"finished_at": time.time()}))

    def _take(self, batch: Batch) -> bool:
        """Begin with the next photo of a batch; False if none waits."""
        if batch.id not in self._waiting:
            known = self._app.batches.items(batch.id)
            numbers = range(len(batch.sources))
            left = [(number, known.get(number)) for number in numbers if not batch.item(known.get(number)).finished]
            self._waiting[batch.id] = deque(one for one in left if (batch.id, one[0]) not in self._taken)
        if batch.cancelled:
            self._waiting[batch.id].clear()
        if not self._waiting[batch.id]:
            return False
        number, item = self._waiting[batch.id].popleft()
        with self._lock:
            self._taken.add((batch.id, number))
        self._pool.submit(self._done, batch, number, item)
        return True

    def _done(self, batch: Batch, number: int, item: Item | None) -> None:
        """Everything that becomes of one photo."""
        try:
            job_id = item.job_id if item is not None and item.job_id is not None else self._sent(batch, number)
            if job_id is not None:
                self._app.batches.keep_item(batch.id, number, self._followed(job_id))
        except (_StoppedError, BatchUnknownError):
            pass
        except Exception:
            logger.exception("batch %s: photo %d failed; it is tried again", batch.id, number)
            self._stop.wait(_FOLLOW_S)
            if batch.id in self._waiting:
                self._waiting[batch.id].append((number, None))
        finally:
            with self._lock:
                self._taken.discard((batch.id, number))
            self._again.set()

    def _sent(self, batch: Batch, number: int) -> str | None:
        """Id of the job of a photo, or None if there can be none, and the batch says why."""
        try:
            request = batch.request(self._key(batch.sources[number]))
        except BlobStoreUnavailableError:
            raise  # it is tried again
        except ServiceError as error:
            failed = Item(state=ItemState.FAILED, code=error.code, detail=str(error))
            self._app.batches.keep_item(batch.id, number, failed)
            return None
        while not self._stop.is_set():
            try:
                job, _ = submit(
                    self._app,
                    self._app.jobs,
                    request,
                    client=batch.client,
                    idempotency_key=f"batch {batch.id} {number}",
                )
            except (QueueFullError, BrokerUnavailableError):
                self._stop.wait(_FOLLOW_S)
                continue
            self._app.batches.keep_item(batch.id, number, Item.of(job))
            if self._app.batches.get(batch.id).cancelled:
                with contextlib.suppress(ServiceError):
                    self._app.jobs.cancel(job.id)
            return job.id
        raise _StoppedError

    def _key(self, source: Source) -> str:
        """Key of a photo's bytes, which are fetched if it has only an address. Raises: ServiceError."""
        if source.key is not None:
            return source.key
        return asyncio.run(self._fetched(source.url or ""))

    async def _fetched(self, url: str) -> str:
        settings = self._app.settings
        with self._app.blobs.writer() as writer:
            pieces = fetched(self._guard, url, max_bytes=settings.max_upload_bytes, limit_s=settings.fetch_limit_s)
            async with aclosing(pieces):
                async for piece in pieces:
                    writer.write(piece)
            return writer.commit()

    def _followed(self, job_id: str) -> Item:
        """What a photo's job has come to, once it has ended."""
        while not self._stop.is_set():
            try:
                job: Job = asyncio.run(self._app.jobs.wait(job_id, _FOLLOW_S))
            except BrokerUnavailableError:
                self._stop.wait(_FOLLOW_S)
                continue
            except (JobUnknownError, JobExpiredError) as error:
                return Item(state=ItemState.FAILED, job_id=job_id, code=error.code, detail=str(error))
            if job.finished:
                return Item.of(job)
        raise _StoppedError
