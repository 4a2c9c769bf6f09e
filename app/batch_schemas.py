"""Bodies of replies about batches, as OpenAPI shows them."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from app.http.problems import problem_body
from app.schemas import JobFailure, job_failure, job_path, result_body
from workers.batches.record import Batch, Item, ItemState
from workers.jobs.record import Job


class BatchItem(BaseModel):
    """One image of a batch."""

    number: int = Field(description="from 0, in the order in which they were sent")
    state: ItemState = Field(description="where it stands")
    job: str | None = Field(description="path of its job, once it has one")
    failure: JobFailure | None = Field(description="why it failed, where it did")


class BatchLinks(BaseModel):
    """Where to go from here."""

    self: str = Field(description="path of the batch")
    results: str = Field(description="path of its results, as JSON lines or as a ZIP archive")


class BatchStatus(BaseModel):
    """Where a batch stands."""

    id: str = Field(description="id of the batch")
    capability: str = Field(description="what is done with each image")
    cancelled: bool = Field(description="whether no further image is begun with")
    created_at: datetime = Field(description="when it was sent")
    finished_at: datetime | None = Field(description="when the last image was done; null until then")
    counts: dict[ItemState, int] = Field(description="how many images are in each state")
    items: list[BatchItem] = Field(description="each image, in the order in which they were sent")
    links: BatchLinks = Field(description="where to go from here")

    @classmethod
    def of(cls, batch: Batch, known: Mapping[int, Item]) -> "BatchStatus":
        """What the records say to a client."""
        items = [_item(number, batch.item(known.get(number))) for number in range(len(batch.sources))]
        counted = Counter(item.state for item in items)
        return cls(
            id=batch.id,
            capability=batch.capability,
            cancelled=batch.cancelled,
            created_at=datetime.fromtimestamp(batch.created_at, UTC),
            finished_at=None if batch.finished_at is None else datetime.fromtimestamp(batch.finished_at, UTC),
            counts={state: counted[state] for state in ItemState},
            items=items,
            links=BatchLinks(self=f"/v1/batch/{batch.id}", results=f"/v1/batch/{batch.id}/results"),
        )


def result_line(number: int, item: Item, job: Job | None) -> dict[str, Any]:
    """One image that is done, as a line of JSON: its result as its job answers it, or its problem."""
    problem = None
    if item.code is not None:
        instance = "/v1/batch" if item.job_id is None else job_path(item.job_id)
        problem = problem_body(item.code, item.detail or "", instance=instance)
    return {
        "number": number,
        "state": str(item.state),
        "job": None if item.job_id is None else job_path(item.job_id),
        "result": None if job is None or job.result is None else result_body(job.id, job.result),
        "problem": problem,
    }


def _item(number: int, item: Item) -> BatchItem:
    return BatchItem(
        number=number,
        state=item.state,
        job=None if item.job_id is None else job_path(item.job_id),
        failure=None if item.code is None else job_failure(item.code, item.detail or ""),
    )
