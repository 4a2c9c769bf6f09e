"""What every task is. A message delivered twice does no harm."""

from typing import Any

from celery import Task, shared_task

from workers.contracts import JobResult, Request
from workers.run.celery_app import LimenCelery
from workers.run.perform import Bench, perform
from workers.run.running import RunLostError, RunningJob, running
from workers.settings import WorkerSettings


def add_task(asked: type[Request]) -> None:
    """A task that does what its payload asks for under the job's lease, and ends the job."""

    @shared_task(name=asked.task(), bind=True)
    def work(task: Task, job_id: str, payload: dict[str, Any]) -> None:
        with running(task.app.jobs, job_id, task.app.tracing) as job:
            job.succeed(_result(task.app, asked.model_validate(payload), job))


def _result(app: LimenCelery, request: Any, job: RunningJob) -> JobResult:
    if app.perform is None:
        assert isinstance(app.settings, WorkerSettings)  # tasks run in workers only
        return perform(request, Bench(app.settings, app.blobs, app.studies.files, app.tracing), job.progress)
    while True:
        try:
            return app.perform(job.id, request, job.progress)
        except RunLostError:
            job.begin_again()
