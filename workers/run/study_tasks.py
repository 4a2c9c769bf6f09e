"""What observer studies ask of a worker: the versions of a photo, in the study's own folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from celery import Task, shared_task

from models.decode import decode_image
from models.rendering import rgb_png
from models.sur.gev import LEVELS
from models.sur.ladder import display_copy, encode_level, ladder_distances
from models.sur.observers import distance_version
from workers.capabilities import size_limits
from workers.contracts import JobResult, StudyLadderRequest, StudyLadderResult
from workers.errors import BlobMissingError
from workers.run.running import running
from workers.settings import WorkerSettings
from workers.studies.files import Ladder, version_name


@shared_task(name="limen.study_ladder", bind=True)
def study_ladder(task: Task, job_id: str, payload: dict[str, Any]) -> None:
    """The display copy of a photo, its JPEG at every distortion level, and the distances that are predicted."""
    with running(task.app.jobs, job_id) as job, _study_may_end():
        request = StudyLadderRequest.model_validate(payload)
        assert isinstance(task.app.settings, WorkerSettings)  # tasks run in workers only
        files = task.app.studies.files
        upload = files.uploads(request.study_id).get(request.upload_key)
        image = decode_image(upload, limits=size_limits(task.app.settings))
        pixels = display_copy(image, max_width=request.max_width, max_height=request.max_height)
        folder = files.begin_photo(request.study_id, request.photo_id)
        _write(folder / version_name(0), rgb_png(pixels))
        for level in LEVELS.tolist():
            _write(folder / version_name(level), encode_level(pixels, level))
            job.progress(0.6 * level / len(LEVELS))
        distances = ladder_distances(pixels, progress=job.part(0.6, 0.98))
        ladder = Ladder(
            width=pixels.shape[1],
            height=pixels.shape[0],
            log_distances=tuple(distances.tolist()),
            distance_version=distance_version(),
        )
        files.finish_photo(request.study_id, request.photo_id, ladder)
        job.succeed(JobResult(body=StudyLadderResult(width=ladder.width, height=ladder.height)))


def _write(path: Path, content: bytes) -> None:
    """A file that is there as a whole or not at all, as a run that is lost may be followed by another."""
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


@contextlib.contextmanager
def _study_may_end() -> Iterator[None]:
    """Its folder goes when a study ends, also under a run."""
    try:
        yield
    except FileNotFoundError as error:
        raise BlobMissingError("the study has ended") from error
