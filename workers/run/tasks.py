"""One task per capability: what the queue runs. A message delivered twice does no harm."""

from typing import Any

from celery import Task, shared_task

import workers.run.loaded_models  # noqa: F401 - opens the models when a pool process starts
from models.graphs.artefacts import load_manifest
from workers.blobs import BlobStore
from workers.capabilities import Inputs, Outcome, compute
from workers.contracts import CAPABILITIES, Artefact, JobResult, Request
from workers.run.running import running
from workers.settings import WorkerSettings

PREDICTED = 0.9
"""Part of the progress bar that the prediction takes; rendering and storing take the rest."""


def _add_task(asked: type[Request]) -> None:
    """A task that does what its payload asks for under the job's lease, stores its files, and ends the job."""

    @shared_task(name=asked.task(), bind=True)
    def work(task: Task, job_id: str, payload: dict[str, Any]) -> None:
        settings = task.app.settings
        assert isinstance(settings, WorkerSettings)  # tasks run in workers only
        with running(task.app.jobs, job_id) as job:
            inputs = Inputs.under(settings, task.app.blobs.get)
            outcome = compute(asked.model_validate(payload), inputs, job.part(0, PREDICTED))
            job.succeed(_stored(task.app.blobs, outcome))


for capability in CAPABILITIES:
    _add_task(capability)


def _stored(blobs: BlobStore, outcome: Outcome) -> JobResult:
    """The result with its files in the store, and which version of which weights had a part in it."""
    artefacts = []
    for file in outcome.files:
        data = file.render()
        artefacts.append(
            Artefact(name=file.name, media_type=file.media_type, key=blobs.put(data), size_bytes=len(data))
        )
    versions = {name: load_manifest()[name].version for name in outcome.models}
    return JobResult(body=outcome.result, artefacts=artefacts, model_versions=versions)
