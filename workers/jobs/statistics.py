"""Figures of the queue for monitoring: counters that each step of a job changes, so that reading them costs the same
however many jobs there are.
"""

from collections.abc import Mapping

from pydantic import BaseModel

from workers.jobs.record import Job

LATENCY_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 600.0)
_SECONDS, _CPU, _LATENCY, _WITHIN = "seconds", "cpu", "latency", "within"


class Latency(BaseModel):
    """Time from the request to the end of its job: how many ended within each of the bounds, and the sum."""

    within: dict[float, int]
    sum_s: float


class QueueStatistics(BaseModel):
    """Numbers for monitoring; what ended is counted from the beginning, by ``capability:state``."""

    queued: int
    running: int
    oldest_queued_s: float
    ended: dict[str, int]
    run_seconds: dict[str, float]
    cpu_seconds: dict[str, float]
    latency: dict[str, Latency]


def counts_of(job: Job) -> dict[str, float]:
    """What a job that has just ended adds to the totals, by the total's name."""
    name = f"{job.request.capability}:{job.state}"
    counts = {name: 1.0}
    if job.finished_at is None:
        return counts
    latency_s = job.finished_at - job.created_at
    counts[f"{name}:{_LATENCY}"] = latency_s
    within = next((bound for bound in LATENCY_BOUNDS_S if latency_s <= bound), None)
    if within is not None:
        counts[f"{name}:{_WITHIN}:{within}"] = 1.0
    if job.started_at is not None:
        counts[f"{name}:{_SECONDS}"] = job.finished_at - job.started_at
    if job.result is not None and job.result.cpu_s is not None:
        counts[f"{name}:{_CPU}"] = job.result.cpu_s
    return counts


def statistics_of(totals: Mapping[str, float], *, queued: int, running: int, oldest_queued_s: float) -> QueueStatistics:
    """The totals that ``counts_of`` names, in order."""
    ended = {name: int(value) for name, value in totals.items() if name.count(":") == 1}
    return QueueStatistics(
        queued=queued,
        running=running,
        oldest_queued_s=oldest_queued_s,
        ended=ended,
        run_seconds=_parts(totals, ended, _SECONDS),
        cpu_seconds=_parts(totals, ended, _CPU),
        latency={name: _latency(totals, name) for name in ended},
    )


def _parts(totals: Mapping[str, float], names: Mapping[str, int], part: str) -> dict[str, float]:
    return {name: totals[f"{name}:{part}"] for name in names if f"{name}:{part}" in totals}


def _latency(totals: Mapping[str, float], name: str) -> Latency:
    within, below = {}, 0
    for bound in LATENCY_BOUNDS_S:
        below += int(totals.get(f"{name}:{_WITHIN}:{bound}", 0))
        within[bound] = below
    return Latency(within=within, sum_s=totals.get(f"{name}:{_LATENCY}", 0.0))
