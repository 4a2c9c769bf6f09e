"""Work done elsewhere: what becomes of its job when the process that did it is lost, or the service ends."""

from collections.abc import Callable
from typing import Any

from workers.contracts import FailureCode, JobResult, StudyLadderRequest, StudyLadderResult
from workers.jobs.memory import MemoryJobStore
from workers.jobs.record import MAX_ATTEMPTS, Job, JobState
from workers.run.celery_app import create_celery
from workers.run.running import RunLostError, RunStoppedError
from workers.settings import WorkerSettings

REQUEST = StudyLadderRequest(study_id="a" * 32, photo_id="b" * 16, upload_key="c" * 64, max_width=1, max_height=1)
RESULT = JobResult(body=StudyLadderResult(width=1, height=1))


def after(perform: Callable[..., JobResult]) -> Job:
    """The record after one message, with the work done by ``perform``."""
    app = create_celery(WorkerSettings(), task_modules=("workers.run.study_tasks",))
    app.loader.import_default_modules()
    app.jobs, app.perform = MemoryJobStore(app.settings), perform
    job, _ = app.jobs.create(REQUEST)
    app.finalize()
    app.tasks[REQUEST.task()](job.id, REQUEST.model_dump(mode="json"))
    return app.jobs.get(job.id)


def test_a_lost_run_is_followed_by_another() -> None:
    outcomes: list[Any] = [RunLostError(), RunLostError(), RESULT]

    def perform(job_id: str, request: object, progress: Callable[[float], None]) -> JobResult:
        assert request == REQUEST
        progress(0.5)
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, JobResult)
        return outcome

    ended = after(perform)
    assert (ended.state, ended.attempts, ended.result) == (JobState.SUCCEEDED, 3, RESULT)


def test_a_job_that_is_the_end_of_every_process_fails_as_worker_lost() -> None:
    runs: list[str] = []

    def perform(job_id: str, *_: object) -> JobResult:
        runs.append(job_id)
        raise RunLostError

    ended = after(perform)
    assert ended.failure is not None
    assert (len(runs), ended.failure.code) == (MAX_ATTEMPTS, FailureCode.WORKER_LOST)


def test_a_run_that_is_stopped_with_the_service_waits_for_the_next() -> None:
    def perform(*_: object) -> JobResult:
        raise RunStoppedError

    waiting = after(perform)
    assert (waiting.state, waiting.attempts, waiting.owner) == (JobState.QUEUED, 0, None)
