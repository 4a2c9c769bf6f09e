"""Where batches are kept: in memory, and in the records of the embedded mode."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from workers.batches.record import Batch, Item
from workers.errors import BatchLimitError, BatchUnknownError
from workers.record_file import RecordFile
from workers.settings import BrokerSettings

Change = Callable[[Batch], Batch]
LEAD_S = 10.0
"""How long whoever hands out photos may be silent before another does."""


class BatchStore(ABC):
    """Batches, and what has become of their photos. Any method may raise BrokerUnavailableError."""

    def __init__(self, settings: BrokerSettings) -> None:
        self.settings = settings

    @abstractmethod
    def create(self, batch: Batch) -> Batch:
        """Keep a new batch, and return it or the earlier one that it repeats.

        Raises: BatchLimitError when as many are unfinished as the settings allow; IdempotencyConflictError.
        """

    @abstractmethod
    def get(self, batch_id: str) -> Batch:
        """The batch. Raises: BatchUnknownError."""

    @abstractmethod
    def update(self, batch_id: str, change: Change) -> Batch:
        """Replace a batch. Raises: BatchUnknownError."""

    @abstractmethod
    def unfinished(self) -> list[Batch]:
        """Batches with photos still to do, oldest first."""

    @abstractmethod
    def keep_item(self, batch_id: str, number: int, item: Item) -> None:
        """Keep what has become of photo ``number``, from 0."""

    @abstractmethod
    def items(self, batch_id: str) -> dict[int, Item]:
        """What has become of photos by number; of those that are not there nothing yet."""

    @abstractmethod
    def lead(self, owner: str) -> bool:
        """Whether ``owner`` may hand out photos; it has to ask again within LEAD_S."""


class MemoryBatchStore(BatchStore):
    """Batches of this process. Ended ones are forgotten with their jobs."""

    def __init__(self, settings: BrokerSettings, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(settings)
        self._clock = clock
        self._lock = threading.RLock()
        self._batches: dict[str, Batch] = {}
        self._items: dict[str, dict[int, Item]] = {}

    def create(self, batch: Batch) -> Batch:
        """See ``BatchStore.create``."""
        with self._lock:
            self._forget_expired()
            for earlier in self._batches.values():
                if batch.repeated_by is not None and earlier.repeated_by == batch.repeated_by:
                    return earlier.repeated(batch)
            if len(self.unfinished()) >= self.settings.batch_limit:
                raise BatchLimitError(f"{self.settings.batch_limit} batches are unfinished")
            self._keep(batch)
            self._batches[batch.id] = batch
            self._items[batch.id] = {}
            return batch

    def get(self, batch_id: str) -> Batch:
        """See ``BatchStore.get``."""
        with self._lock:
            batch = self._batches.get(batch_id)
            if batch is None or self._expired(batch):
                raise BatchUnknownError(f"no batch {batch_id[:64]}")
            return batch

    def update(self, batch_id: str, change: Change) -> Batch:
        """See ``BatchStore.update``."""
        with self._lock:
            batch = change(self.get(batch_id))
            self._keep(batch)
            self._batches[batch_id] = batch
            return batch

    def unfinished(self) -> list[Batch]:
        """See ``BatchStore.unfinished``."""
        with self._lock:
            return [batch for batch in self._batches.values() if batch.finished_at is None]

    def keep_item(self, batch_id: str, number: int, item: Item) -> None:
        """See ``BatchStore.keep_item``."""
        with self._lock:
            self._keep_item(batch_id, number, item)
            self._items[batch_id][number] = item

    def items(self, batch_id: str) -> dict[int, Item]:
        """See ``BatchStore.items``."""
        with self._lock:
            return dict(self._items[batch_id])

    def lead(self, owner: str) -> bool:
        """See ``BatchStore.lead``: no other process has this memory."""
        return True

    def _keep(self, batch: Batch) -> None:
        """Called before anybody sees a batch that is new or changed."""

    def _keep_item(self, batch_id: str, number: int, item: Item) -> None:
        """Called before anybody sees what has become of a photo."""

    def _drop(self, batch_id: str, numbers: list[int]) -> None:
        """Called before a batch is forgotten, with its photos."""

    def _expired(self, batch: Batch) -> bool:
        return batch.finished_at is not None and batch.finished_at + self.settings.job_expiry_s <= self._clock()

    def _forget_expired(self) -> None:
        for batch_id in [batch.id for batch in self._batches.values() if self._expired(batch)]:
            self._drop(batch_id, list(self._items[batch_id]))
            del self._batches[batch_id], self._items[batch_id]


class DurableBatchStore(MemoryBatchStore):
    """Batches that outlive the process."""

    def __init__(
        self, settings: BrokerSettings, records: RecordFile, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, clock=clock)
        self._records = records
        for batch_id, text in records.all("batch").items():
            self._batches[batch_id] = Batch.model_validate_json(text)
            self._items[batch_id] = {}
        for key, text in records.all("batch-item").items():
            batch_id, number = key.split("/")
            self._items[batch_id][int(number)] = Item.model_validate_json(text)

    def _keep(self, batch: Batch) -> None:
        self._records.put(("batch", batch.id, batch.model_dump_json()))

    def _keep_item(self, batch_id: str, number: int, item: Item) -> None:
        self._records.put(("batch-item", f"{batch_id}/{number}", item.model_dump_json()))

    def _drop(self, batch_id: str, numbers: list[int]) -> None:
        self._records.delete(("batch", batch_id), *(("batch-item", f"{batch_id}/{number}") for number in numbers))
