"""One task per capability: what the queue runs. A message delivered twice does no harm."""

from typing import Any

from celery import Task, shared_task

import workers.run.loaded_models  # noqa: F401 - opens the models when a pool process starts
from models.graphs.artefacts import load_manifest
from workers import capabilities
from workers.blobs import BlobStore
from workers.capabilities import Inputs, Outcome, size_limits
from workers.contracts import (
    AnyRequest,
    Artefact,
    FullReferenceScoreRequest,
    JndMapRequest,
    JobResult,
    PatchQualityMapRequest,
    QualityScoreRequest,
    SurCurveRequest,
    VarJpegDecodeRequest,
    VarJpegRequest,
)
from workers.run.running import running
from workers.settings import WorkerSettings

Payload = dict[str, Any]
PREDICTED = 0.9
"""Part of the progress bar that the prediction takes; rendering and storing take the rest."""


@shared_task(name="limen.jnd_map", bind=True)
def jnd_map(task: Task, job_id: str, payload: Payload) -> None:
    """Visibility threshold of each pixel."""
    _run(task, job_id, JndMapRequest, payload)


@shared_task(name="limen.patch_quality_map", bind=True)
def patch_quality_map(task: Task, job_id: str, payload: Payload) -> None:
    """Local quality, with or without a reference."""
    _run(task, job_id, PatchQualityMapRequest, payload)


@shared_task(name="limen.quality_score", bind=True)
def quality_score(task: Task, job_id: str, payload: Payload) -> None:
    """Global quality without a reference."""
    _run(task, job_id, QualityScoreRequest, payload)


@shared_task(name="limen.full_reference_score", bind=True)
def full_reference_score(task: Task, job_id: str, payload: Payload) -> None:
    """Closeness of a distorted image to its reference."""
    _run(task, job_id, FullReferenceScoreRequest, payload)


@shared_task(name="limen.sur_curve", bind=True)
def sur_curve(task: Task, job_id: str, payload: Payload) -> None:
    """Share of viewers who see no difference at each JPEG quality."""
    _run(task, job_id, SurCurveRequest, payload)


@shared_task(name="limen.varjpeg", bind=True)
def varjpeg(task: Task, job_id: str, payload: Payload) -> None:
    """The smallest file that a share of viewers cannot tell from the photo."""
    _run(task, job_id, VarJpegRequest, payload)


@shared_task(name="limen.varjpeg_decode", bind=True)
def varjpeg_decode(task: Task, job_id: str, payload: Payload) -> None:
    """A VarJPEG container as PNG."""
    _run(task, job_id, VarJpegDecodeRequest, payload)


def _run(task: Task, job_id: str, asked: type[AnyRequest], payload: Payload) -> None:
    """Do what the payload asks for under the job's lease, store its files, and end the job."""
    settings = task.app.settings
    assert isinstance(settings, WorkerSettings)  # tasks run in workers only
    with running(task.app.jobs, job_id) as job:
        request = asked.model_validate(payload)
        inputs = Inputs(task.app.blobs.get, size_limits(settings))
        outcome = capabilities.COMPUTE[request.capability](request, inputs, job.part(0, PREDICTED))
        job.succeed(_stored(task.app.blobs, outcome))


def _stored(blobs: BlobStore, outcome: Outcome) -> JobResult:
    """The result with its files in the store, and which version of which weights had a part in it."""
    artefacts = []
    for file in outcome.files:
        data = file.render()
        artefacts.append(
            Artefact(name=file.name, media_type=file.media_type, key=blobs.put(data), size_bytes=len(data))
        )
    versions = {name: load_manifest()[name].version for name in outcome.models}
    return JobResult(body=outcome.body, artefacts=artefacts, model_versions=versions)
