"""Batches: many photos for one capability with the same parameters. Times are Unix times in seconds."""

import secrets
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from workers.contracts import CAPABILITIES, AnyRequest, Request
from workers.errors import IdempotencyConflictError
from workers.jobs.record import Job, JobState

MAX_ITEMS = 1000
IMAGE = "image"
BATCHED: dict[str, type[Request]] = {asked.name(): asked for asked in CAPABILITIES if IMAGE in asked.files}
"""What can be asked of many photos, by name: all that needs one image for each."""


class ItemState(StrEnum):
    """Where one photo of a batch stands; the last three are ends."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Source(BaseModel):
    """Where a photo comes from: the ``key`` of its bytes, or the ``url`` to fetch it from."""

    model_config = ConfigDict(frozen=True)

    key: str | None = None
    url: str | None = None


class Item(BaseModel):
    """What has become of one photo so far; ``code`` and ``detail`` say why there is no job, or why it failed."""

    model_config = ConfigDict(frozen=True)

    state: ItemState = ItemState.WAITING
    job_id: str | None = None
    code: str | None = None
    detail: str | None = None

    @property
    def finished(self) -> bool:
        """Whether this photo is done with."""
        return self.state not in (ItemState.WAITING, ItemState.RUNNING)

    @classmethod
    def of(cls, job: Job) -> "Item":
        """What its job says."""
        state = ItemState.RUNNING if job.state is JobState.QUEUED else ItemState(job.state)
        failure = job.failure
        return cls(
            state=state,
            job_id=job.id,
            code=None if failure is None else str(failure.code),
            detail=None if failure is None else failure.detail,
        )


class Batch(BaseModel):
    """One batch; what becomes of its photos is kept beside it."""

    model_config = ConfigDict(frozen=True)

    id: str
    client: str | None
    capability: str
    fields: dict[str, str]
    observer: str
    sources: tuple[Source, ...]
    created_at: float
    cancelled: bool = False
    finished_at: float | None = None
    repeated_by: str | None = None
    """The client and its idempotency key; the same again is this batch."""

    def repeated(self, other: "Batch") -> "Batch":
        """This one, for another under the same key. Raises: IdempotencyConflictError if it asks for anything else."""
        asked = {"capability", "fields", "observer", "sources"}
        if self.model_dump(include=asked) != other.model_dump(include=asked):
            raise IdempotencyConflictError("this idempotency key was used for another batch")
        return self

    def request(self, key: str) -> AnyRequest:
        """What is asked for the photo under ``key``. Raises: ValidationError."""
        asked = BATCHED[self.capability].of_form(self.fields, {IMAGE: key}, observer=self.observer)
        return asked  # type: ignore[return-value]  # of_form gives one of the capabilities

    def item(self, known: Item | None) -> Item:
        """What is said of a photo of which ``known`` is known: in a cancelled batch nothing waits."""
        found = known or Item()
        return Item(state=ItemState.CANCELLED) if self.cancelled and found.state is ItemState.WAITING else found


def new_batch_id() -> str:
    """128 random bits."""
    return secrets.token_hex(16)
