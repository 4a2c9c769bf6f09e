"""Jobs whose run was lost: time in which nobody worked on them is no run time."""

import pytest

from workers.contracts import FailureCode, QualityScoreRequest
from workers.jobs.memory import MemoryJobStore
from workers.jobs.record import Job, JobState
from workers.run import reaper
from workers.run.celery_app import LimenCelery, create_celery
from workers.run.reaper import Reaper
from workers.settings import WorkerSettings

HARD_LIMIT_S = 30
LATER_S = 10 * HARD_LIMIT_S


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def app(now: list[float]) -> LimenCelery:
    settings = WorkerSettings(soft_limit_s=HARD_LIMIT_S, hard_limit_s=HARD_LIMIT_S)
    app = create_celery(settings)
    app.jobs = MemoryJobStore(settings, clock=lambda: now[0])
    return app


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Jobs that were sent again."""
    found: list[str] = []
    monkeypatch.setattr(reaper, "send", lambda _, job: found.append(job.id))
    return found


def running(app: LimenCelery) -> Job:
    job, _ = app.jobs.create(QualityScoreRequest(image_key="a" * 64))
    return app.jobs.update(job.id, lambda job, now: job.started("w", now, owner_dead=lambda _: False))


def swept(app: LimenCelery, job: Job) -> Job:
    looking = Reaper(app)
    looking._next_blob_sweep = float("inf")
    looking.sweep()
    return app.jobs.get(job.id)


def test_a_job_that_was_running_when_all_workers_went_away_is_sent_again(
    app: LimenCelery, now: list[float], sent: list[str]
) -> None:
    job = running(app)
    now[0] += LATER_S
    assert swept(app, job).state is JobState.RUNNING
    assert sent == [job.id]
    again = app.jobs.update(job.id, lambda job, now: job.started("x", now, owner_dead=lambda _: False))
    assert (again.state, again.attempts, again.started_at) == (JobState.RUNNING, 2, now[0])
    assert swept(app, job) == again


def test_a_job_that_waits_in_memory_is_not_sent_again(app: LimenCelery, now: list[float], sent: list[str]) -> None:
    job, _ = app.jobs.create(QualityScoreRequest(image_key="a" * 64))
    now[0] += LATER_S
    assert (swept(app, job), sent) == (job, [])


def test_a_job_that_is_worked_on_for_too_long_fails(app: LimenCelery, now: list[float], sent: list[str]) -> None:
    job = running(app)
    for _ in range(HARD_LIMIT_S + 3):
        now[0] += 1
        app.jobs.update(job.id, lambda job, now: job.renewed("w", now))
    ended = swept(app, job)
    assert ended.failure is not None
    assert (ended.failure.code, sent) == (FailureCode.DEADLINE_EXCEEDED, [])
