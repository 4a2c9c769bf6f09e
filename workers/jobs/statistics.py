"""Figures of the queue for monitoring."""

from pydantic import BaseModel


class QueueStatistics(BaseModel):
    """Numbers for monitoring; what ended and its run time are counted from the beginning, by ``capability:state``."""

    queued: int
    running: int
    oldest_queued_s: float
    ended: dict[str, int]
    run_seconds: dict[str, float]
