"""What is done for a job between its lease and its result, in whichever process: of records it knows nothing."""

import time
from dataclasses import dataclass, field

from models.decode import decode_image
from models.errors import InvalidParameterError
from models.graphs.artefacts import load_manifest
from models.rendering import rgb_png
from models.sur.gev import LEVELS
from models.sur.ladder import display_copy, encode_level, ladder_distances
from models.sur.observers import distance_version
from models.types import Progress
from workers.blobs.storage import ServedAs
from workers.blobs.store import BlobStore
from workers.capabilities import Inputs, Outcome, compute, size_limits
from workers.contracts import (
    AnyRequest,
    Artefact,
    JobResult,
    StudyCurve,
    StudyLadderRequest,
    StudyLadderResult,
    StudyProfileRequest,
    StudyProfileResult,
)
from workers.run.tracing import Tracing
from workers.settings import WorkerSettings
from workers.studies.files import Ladder, StudyFiles

PREDICTED = 0.9
"""Part of the progress bar that the prediction takes; rendering and storing take the rest."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What the work needs besides its request."""

    settings: WorkerSettings
    blobs: BlobStore
    studies: StudyFiles
    tracing: Tracing = field(default_factory=Tracing)


def perform(request: AnyRequest, bench: Bench, progress: Progress) -> JobResult:
    """What a request asks for; its files are stored. Done twice, also at once, it does no harm.

    Raises: LimenError; BlobMissingError; BlobStoreFullError; BlobStoreUnavailableError; what ``progress`` raises.
    """
    began = time.process_time()
    result = _performed(request, bench, progress)
    return result.model_copy(update={"cpu_s": round(time.process_time() - began, 3)})


def _performed(request: AnyRequest, bench: Bench, progress: Progress) -> JobResult:
    if isinstance(request, StudyLadderRequest):
        with bench.tracing.step("ladder"):
            return _ladder(request, bench, progress)
    if isinstance(request, StudyProfileRequest):
        return _profile(request, bench)
    inputs = Inputs.under(bench.settings, bench.blobs.get)
    with bench.tracing.step("compute"):
        outcome = compute(request, inputs, lambda fraction: progress(PREDICTED * fraction))
    with bench.tracing.step("store"):
        return _stored(bench.blobs, outcome)


def _stored(blobs: BlobStore, outcome: Outcome) -> JobResult:
    """The result with its files in the store, and which version of which weights had a part in it."""
    artefacts = []
    for file in outcome.files:
        data = file.render()
        key = blobs.put(data, ServedAs(file.media_type, file.name))
        artefacts.append(Artefact(name=file.name, media_type=file.media_type, key=key, size_bytes=len(data)))
    versions = {name: load_manifest()[name].version for name in outcome.models}
    return JobResult(body=outcome.result, artefacts=artefacts, model_versions=versions)


def _ladder(request: StudyLadderRequest, bench: Bench, progress: Progress) -> JobResult:
    """The display copy of a photo, its JPEG at every distortion level, and the distances that are predicted."""
    files = bench.studies
    upload = files.uploads(request.study_id).get(request.upload_key)
    image = decode_image(upload, limits=size_limits(bench.settings))
    pixels = display_copy(image, max_width=request.max_width, max_height=request.max_height)
    files.put_version(request.study_id, request.photo_id, 0, rgb_png(pixels))
    for level in LEVELS.tolist():
        files.put_version(request.study_id, request.photo_id, level, encode_level(pixels, level))
        progress(0.6 * level / len(LEVELS))
    distances = ladder_distances(pixels, progress=lambda fraction: progress(0.6 + 0.38 * fraction))
    ladder = Ladder(
        width=pixels.shape[1],
        height=pixels.shape[0],
        log_distances=tuple(distances.tolist()),
        distance_version=distance_version(),
    )
    files.finish_photo(request.study_id, request.photo_id, ladder)
    return JobResult(body=StudyLadderResult(width=ladder.width, height=ladder.height))


def _profile(request: StudyProfileRequest, bench: Bench) -> JobResult:
    """The profile that fits the answers of a study, by the same engine as ``limen calibrate``."""
    from workers.studies.calibration import CalibrationError, calibrate, study_curve
    from workers.studies.samples import samples_of

    text = bench.studies.uploads(request.study_id).get(request.samples_key).decode()
    try:
        document = calibrate(samples_of(text.splitlines(), "the study"), request.profile_name)
    except CalibrationError as error:
        raise InvalidParameterError(str(error)) from error
    found = [bench.studies.ladder(request.study_id, photo_id) for photo_id in request.photo_ids]
    ladders = [ladder.log_distances for ladder in found if ladder is not None]
    threshold = document["profiles"][request.profile_name]["thresholds"]["1"]
    curve = study_curve(threshold, ladders, document["calibration"]["observers"])
    return JobResult(body=StudyProfileResult(**document, curve=StudyCurve(**curve)))
