"""Tasks under Limen's names that decode what was uploaded, as the real ones do, and then answer at once.

For tests of the HTTP side: the queue, the stores and the decoder are real, only the models are not. The width of the
image steers one task: ``quality-score`` of an image SLOW_WIDTH wide takes five seconds and says how far it is.
"""

import io
import time
from typing import Any

import numpy as np
from celery import shared_task
from PIL import Image
from pydantic import TypeAdapter

from models.decode import decode_image
from models.errors import ImageSizesDifferError, TargetUnreachableError
from workers.blobs import BlobStore
from workers.celery_app import LimenCelery
from workers.contracts import AnyRequest, Artefact, JobResult
from workers.running import RunningJob, running

SLOW_WIDTH = 333
_REQUESTS: TypeAdapter[AnyRequest] = TypeAdapter(AnyRequest)


def _run(app: LimenCelery, job_id: str, payload: dict[str, Any]) -> None:
    request: Any = _REQUESTS.validate_python(payload)
    with running(app.jobs, job_id) as job:
        keys = [getattr(request, name) for name in type(request).model_fields if name.endswith("_key")]
        if request.capability == "varjpeg-decode":
            job.succeed(_decoded(app.blobs))
            return
        images = [decode_image(app.blobs.get(key)).pixels for key in keys if key is not None]
        if len({image.shape for image in images}) > 1:
            raise ImageSizesDifferError("the images differ in size")
        if request.capability == "quality-score" and images[0].shape[1] == SLOW_WIDTH:
            _work_slowly(job)
        if request.capability == "varjpeg" and request.max_bytes is not None and request.max_bytes < 100:
            raise TargetUnreachableError("no setting makes a file of that size")
        job.succeed(_result(app.blobs, request, images[0]))


def _work_slowly(job: RunningJob) -> None:
    for step in range(100):
        time.sleep(0.05)
        job.progress((step + 1) / 100)


def _result(blobs: BlobStore, request: Any, pixels: np.ndarray[Any, Any]) -> JobResult:
    height, width = pixels.shape[:2]
    body: dict[str, Any] = {"height": height, "width": width}
    artefacts = []
    if request.capability == "varjpeg":
        body |= {"sur": request.target_sur or 0.75, "quality": request.quality or 70}
        artefacts = [_artefact(blobs, "varjpeg.jpg", "image/jpeg", _file(pixels, "JPEG"))]
    elif request.capability == "sur-curve":
        body |= {"sur": [1.0] * 100}
        artefacts = [_artefact(blobs, "sur-curve.svg", "image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"/>')]
    elif request.capability.endswith("map"):
        artefacts = [_artefact(blobs, "overlay.png", "image/png", _file(pixels[:64, :64], "PNG"))]
    return JobResult(body=body, artefacts=artefacts, model_versions={"canned": "1"})


def _decoded(blobs: BlobStore) -> JobResult:
    picture = _file(np.zeros((8, 8, 3), np.uint8), "PNG")
    return JobResult(body={"height": 8, "width": 8}, artefacts=[_artefact(blobs, "decoded.png", "image/png", picture)])


def _artefact(blobs: BlobStore, name: str, media_type: str, data: bytes) -> Artefact:
    return Artefact(name=name, media_type=media_type, key=blobs.put(data), size_bytes=len(data))


def _file(pixels: np.ndarray[Any, Any], image_format: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, image_format)
    return buffer.getvalue()


@shared_task(name="limen.jnd_map", bind=True)
def jnd_map(self: Any, job_id: str, payload: dict[str, Any]) -> None:
    _run(self.app, job_id, payload)


@shared_task(name="limen.patch_quality_map", bind=True)
def patch_quality_map(self: Any, job_id: str, payload: dict[str, Any]) -> None:
    _run(self.app, job_id, payload)


@shared_task(name="limen.quality_score", bind=True)
def quality_score(self: Any, job_id: str, payload: dict[str, Any]) -> None:
    _run(self.app, job_id, payload)


@shared_task(name="limen.full_reference_score", bind=True)
def full_reference_score(self: Any, job_id: str, payload: dict[str, Any]) -> None:
    _run(self.app, job_id, payload)


@shared_task(name="limen.sur_curve", bind=True)
def sur_curve(self: Any, job_id: str, payload: dict[str, Any]) -> None:
    _run(self.app, job_id, payload)


@shared_task(name="limen.varjpeg", bind=True)
def varjpeg(self: Any, job_id: str, payload: dict[str, Any]) -> None:
    _run(self.app, job_id, payload)


@shared_task(name="limen.varjpeg_decode", bind=True)
def varjpeg_decode(self: Any, job_id: str, payload: dict[str, Any]) -> None:
    _run(self.app, job_id, payload)
