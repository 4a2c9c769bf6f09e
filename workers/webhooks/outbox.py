"""Letters that are still to be sent, and dead ones; in memory, or in the records of the embedded mode."""

import threading
from abc import ABC, abstractmethod

from workers.record_file import RecordFile
from workers.webhooks.record import Letter

CLAIM_S = 60.0
"""A letter that was taken and not put back by then is due again: who took it is gone."""
DEAD_KEPT = 1000


class Outbox(ABC):
    """Letters by id. Any method may raise BrokerUnavailableError."""

    @abstractmethod
    def put(self, letter: Letter) -> None:
        """Keep a letter that is new or changed."""

    @abstractmethod
    def drop(self, letter: Letter) -> None:
        """Forget a letter that was sent."""

    @abstractmethod
    def ended(self, job_id: str, now: float) -> None:
        """Make the letters about a job due."""

    @abstractmethod
    def claim(self, now: float) -> Letter | None:
        """A letter that is due, which nobody else gets for CLAIM_S; None if there is none."""

    @abstractmethod
    def dead(self) -> list[Letter]:
        """Letters that were given up, newest first, DEAD_KEPT at most."""


class MemoryOutbox(Outbox):
    """Letters of this process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._letters: dict[str, Letter] = {}

    def put(self, letter: Letter) -> None:
        """See ``Outbox.put``."""
        with self._lock:
            self._keep(letter)
            self._letters[letter.id] = letter
            for old in self.dead()[DEAD_KEPT:]:
                self.drop(old)

    def drop(self, letter: Letter) -> None:
        """See ``Outbox.drop``."""
        with self._lock:
            self._forget(letter)
            self._letters.pop(letter.id, None)

    def ended(self, job_id: str, now: float) -> None:
        """See ``Outbox.ended``."""
        with self._lock:
            for letter in [one for one in self._letters.values() if one.job_id == job_id and one.attempts == 0]:
                self._letters[letter.id] = letter.model_copy(update={"due_at": min(letter.due_at, now)})

    def claim(self, now: float) -> Letter | None:
        """See ``Outbox.claim``."""
        with self._lock:
            due = [one for one in self._letters.values() if one.died_at is None and one.due_at <= now]
            if not due:
                return None
            first = min(due, key=lambda one: one.due_at)
            self._letters[first.id] = first.model_copy(update={"due_at": now + CLAIM_S})
            return first

    def dead(self) -> list[Letter]:
        """See ``Outbox.dead``."""
        with self._lock:
            dead = [one for one in self._letters.values() if one.died_at is not None]
        return sorted(dead, key=lambda one: one.died_at or 0.0, reverse=True)

    def _keep(self, letter: Letter) -> None:
        """Called before a letter is new or changed for anybody."""

    def _forget(self, letter: Letter) -> None:
        """Called before a letter is forgotten."""


class DurableOutbox(MemoryOutbox):
    """Letters that outlive the process. When they are due the next process finds out by itself."""

    def __init__(self, records: RecordFile) -> None:
        super().__init__()
        self._records = records
        for letter_id, text in records.all("letter").items():
            letter = Letter.model_validate_json(text)
            self._letters[letter_id] = letter.model_copy(update={"due_at": 0.0}) if letter.attempts == 0 else letter

    def _keep(self, letter: Letter) -> None:
        self._records.put(("letter", letter.id, letter.model_dump_json()))

    def _forget(self, letter: Letter) -> None:
        self._records.delete(("letter", letter.id))
