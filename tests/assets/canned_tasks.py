"""Tasks under Limen's names that decode what was uploaded, as the real ones do, and then answer at once.

For tests of the HTTP side: the queue, the stores and the decoder are real, only the models are not. The width of the
image steers one task: ``quality-score`` of an image SLOW_WIDTH wide takes five seconds and says how far it is.
"""

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
from celery import shared_task
from pydantic import TypeAdapter

from models.decode import decode_image
from models.errors import ContainerInvalidError, ImageSizesDifferError, TargetUnreachableError
from models.full_reference import FullReferenceScore
from models.map_summary import summarised
from models.quality_score import QualityScore
from models.rendering import DMOS_PNG_SCALE, JND_OVERLAY_RANGE, JND_PNG_SCALE, grey16_png, npz
from models.sur.gev import GevParameters
from models.sur.gev import sur_curve as sur_curve_of
from models.sur.prediction import SurPrediction
from models.sur.sampled_curve import SurBand, SurInterval
from models.types import PatchQualityMap, RgbImage
from models.varjpeg.optimise import OptimisedPhoto
from models.varjpeg.plain_encoding import encode_plainly
from models.varjpeg.search.goals import Encoder, Judgement, SearchResult
from tests.assets.photos import SLOW_WIDTH, encoded
from workers.blobs.storage import ServedAs
from workers.blobs.store import BlobStore
from workers.contracts import (
    CAPABILITIES,
    AnyRequest,
    Artefact,
    FullReferenceScoreResult,
    ImageResult,
    JndMapResult,
    JobResult,
    PatchQualityMapResult,
    PlainEncodingResult,
    QualityScoreResult,
    ResultBody,
    SurCurveResult,
    VarJpegResult,
)
from workers.contracts.image import image_figures
from workers.contracts.patch_quality_map import Scale
from workers.contracts.plain_encoding import PLAIN_FILES
from workers.run.celery_app import LimenCelery
from workers.run.running import RunningJob, running

_REQUESTS: TypeAdapter[AnyRequest] = TypeAdapter(AnyRequest)


def _run(task: Any, job_id: str, payload: dict[str, Any]) -> None:
    app: LimenCelery = task.app
    request: Any = _REQUESTS.validate_python(payload)
    with running(app.jobs, job_id, app.tracing) as job:
        keys = [getattr(request, name) for name in type(request).model_fields if name.endswith("_key")]
        if request.capability == "varjpeg-decode":
            if not app.blobs.get(request.image_key).startswith(b"\xff\xd8"):
                raise ContainerInvalidError("no VarJPEG container")
            job.succeed(_decoded(app.blobs))
            return
        images = [decode_image(app.blobs.get(key)) for key in keys if key is not None]
        if len({image.pixels.shape for image in images}) > 1:
            raise ImageSizesDifferError("the images differ in size")
        if request.capability == "quality-score" and images[0].width == SLOW_WIDTH:
            _work_slowly(job)
        if request.capability == "varjpeg" and request.max_bytes is not None and request.max_bytes < 100:
            raise TargetUnreachableError("no setting makes a file of that size")
        job.succeed(_result(app.blobs, request, images[0]))


def _work_slowly(job: RunningJob) -> None:
    for step in range(100):
        time.sleep(0.05)
        job.progress((step + 1) / 100)


def _result(blobs: BlobStore, request: Any, image: RgbImage) -> JobResult:
    """What the real task would store, with figures that mean nothing."""
    values = np.full(image.pixels.shape[:2], 3.0, np.float32)
    body: ResultBody
    artefacts: list[Artefact] = []
    match request.capability:
        case "jnd-map":
            body = JndMapResult.of(image, summarised(values), png_scale=JND_PNG_SCALE, overlay_range=JND_OVERLAY_RANGE)
            artefacts = _map_files(blobs, "jnd-map", values, JND_PNG_SCALE, image)
        case "patch-quality-map":
            scale: Scale = "0..1" if request.reference_key is None else "dmos 1..5"
            quality = PatchQualityMap(values[:3, :4], 64, request.stride)
            short = summarised(quality.values)
            body = PatchQualityMapResult.of(image, quality, short, scale=scale, png_scale=DMOS_PNG_SCALE)
            artefacts = _map_files(blobs, "patch-quality-map", quality.values, DMOS_PNG_SCALE, image)
        case "quality-score":
            body = QualityScoreResult.of(image, QualityScore(50.0, 0.5, 1.0, 1.0))
        case "full-reference-score":
            score = FullReferenceScore(100.0, values, math.inf, 1.0, 1.0)
            more = {"ssimulacra2": 88.5, "butteraugli": 0.75} if request.perceptual else {}
            body = FullReferenceScoreResult.of(image, score, summarised(values), **more)
        case "plain-encoding":
            made = encode_plainly(image, request.codec, quality=request.quality, max_bytes=request.max_bytes)
            body = PlainEncodingResult.of(image, request.codec, made)
            artefacts = [_artefact(blobs, *PLAIN_FILES[request.codec], made.data)]
        case "sur-curve":
            body = SurCurveResult.of(image, _prediction(request))
            svg = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
            artefacts = [
                _artefact(blobs, "sur-curve.svg", "image/svg+xml", svg),
                _artefact(blobs, "sur-curve.csv", "text/csv", b"distortion_level\n"),
            ]
        case _:
            body, artefacts = _optimised(blobs, request, image)
    return JobResult(body=body, artefacts=artefacts, model_versions={"canned": "1"})


def _optimised(blobs: BlobStore, request: Any, image: RgbImage) -> tuple[VarJpegResult, list[Artefact]]:
    data = encoded(image.pixels, "JPEG")
    judgement = Judgement(0.0, sur=request.target_sur or 0.75, metric=request.target_value)
    chosen = SearchResult(data, Encoder.LIMEN, request.quality or 70.0, "420", judgement)
    size = blobs.size_bytes(request.image_key)
    photo = OptimisedPhoto(
        request.format,
        image.width,
        image.height,
        size,
        request.observer,
        request.pixels_per_degree or 38.0,
        request.jnd,
        request.steering,
        request.target_metric,
        chosen,
        (),
    )
    return VarJpegResult.of(photo), [_artefact(blobs, "photo.jpg", photo.media_type, data)]


def _map_files(
    blobs: BlobStore, name: str, values: np.ndarray[Any, Any], scale: int, image: RgbImage
) -> list[Artefact]:
    return [
        _artefact(blobs, f"{name}.png", "image/png", grey16_png(values, scale=scale)),
        _artefact(blobs, "overlay.png", "image/png", encoded(image.pixels[:64, :64], "PNG")),
        _artefact(blobs, f"{name}.npz", "application/x-npz", npz(values)),
    ]


def _prediction(request: Any) -> SurPrediction:
    gev = GevParameters(40.0, 10.0, -0.1)
    return SurPrediction(
        sur=sur_curve_of(gev),
        gev=gev,
        percent_jnd=50,
        percent_sur=49,
        recommended_quality=52,
        recommended_size_bytes=1000,
        predicted_bytes=np.linspace(5000, 500, 100).round().astype(np.int64),
        interval=SurInterval((40, 60), (39, 59), 0.9),
        band=SurBand(sur_curve_of(replace(gev, location=37.0)), sur_curve_of(replace(gev, location=43.0)), 0.95),
        levels=(1, 50, 100),
        level_sur=(1.0, 0.5, 0.0),
        residual_rms=0.01,
        observer=request.observer,
        pixels_per_degree=request.pixels_per_degree or 38.0,
        jnd=request.jnd,
        percent=request.percent,
    )


def _decoded(blobs: BlobStore) -> JobResult:
    pixels = np.zeros((8, 8, 3), np.uint8)
    picture = _artefact(blobs, "decoded.png", "image/png", encoded(pixels, "PNG"))
    return JobResult(body=ImageResult(**image_figures(RgbImage(pixels, pixels))), artefacts=[picture])


def _artefact(blobs: BlobStore, name: str, media_type: str, data: bytes) -> Artefact:
    served = ServedAs(media_type, name)
    return Artefact(name=name, media_type=media_type, key=blobs.put(data, served), size_bytes=len(data))


for capability in CAPABILITIES:
    shared_task(_run, name=capability.task(), bind=True)
