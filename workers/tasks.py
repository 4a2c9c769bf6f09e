"""One short function per capability: fetch, decode, predict, store. A message delivered twice does no harm."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from celery import Task, shared_task
from numpy.typing import NDArray

import workers.loaded_models  # noqa: F401 - opens the models when a pool process starts
from models.artefacts import load_manifest
from models.decode import decode_image
from models.full_reference import predict_full_reference_score
from models.jnd import predict_jnd_map
from models.patch_quality import predict_patch_dmos_map, predict_patch_quality_map
from models.quality_score import predict_quality_score
from models.rendering import (
    DMOS_PNG_SCALE,
    JND_OVERLAY_RANGE,
    JND_PNG_SCALE,
    NO_REFERENCE_PNG_SCALE,
    grey16_png,
    npz,
    overlay_png,
    rgb_png,
    spread_over_photo,
    sur_csv,
    sur_plot,
)
from models.reports import (
    full_reference_report,
    image_report,
    jnd_map_report,
    patch_quality_report,
    quality_score_report,
    sur_curve_report,
)
from models.sur_prediction import predict_sur_curve
from models.types import RgbImage
from models.varjpeg import decode_varjpeg
from models.varjpeg_request import optimise_photo
from workers.blobs import BlobStore
from workers.celery_app import LimenCelery
from workers.contracts import (
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
from workers.running import running
from workers.settings import WorkerSettings

Payload = dict[str, Any]
NamedFile = tuple[str, str, bytes]
"""Name, media type and bytes."""
PNG = "image/png"


@shared_task(name="limen.jnd_map", bind=True)
def jnd_map(task: Task, job_id: str, payload: Payload) -> None:
    """Visibility threshold of each pixel: 16-bit PNG, overlay, npz."""
    with running(task.app.jobs, job_id) as job:
        request = JndMapRequest.model_validate(payload)
        image = _image(task.app, request.image_key)
        jnd = predict_jnd_map(image, progress=job.part(0, 0.9))
        low, high = JND_OVERLAY_RANGE
        files = [
            ("jnd-map.png", PNG, grey16_png(jnd.values, scale=JND_PNG_SCALE)),
            ("overlay.png", PNG, overlay_png(image.pixels, jnd.values, low=low, high=high)),
            ("jnd-map.npz", "application/x-npz", npz(jnd.values)),
        ]
        body = image_report(image) | jnd_map_report(jnd)
        job.succeed(_result(task.app.blobs, body, files, models=["fpsnet"]))


@shared_task(name="limen.patch_quality_map", bind=True)
def patch_quality_map(task: Task, job_id: str, payload: Payload) -> None:
    """Local quality, no-reference in [0, 1] or DMOS 1..5 against a reference: 16-bit PNG, overlay, npz."""
    with running(task.app.jobs, job_id) as job:
        request = PatchQualityMapRequest.model_validate(payload)
        image = _image(task.app, request.image_key)
        if request.reference_key is None:
            quality = predict_patch_quality_map(image, stride=request.stride, progress=job.part(0, 0.9))
            scale, png_scale, low, high, models = "0..1", NO_REFERENCE_PNG_SCALE, 0.0, 1.0, ["patchnet", "patchnet_map"]
        else:
            reference = _image(task.app, request.reference_key)
            quality = predict_patch_dmos_map(
                reference, image, patch_size=request.patch_size, stride=request.stride, progress=job.part(0, 0.9)
            )
            scale, png_scale, low, high, models = "dmos 1..5", DMOS_PNG_SCALE, 1.0, 5.0, [f"dipqa_{request.patch_size}"]
        spread = spread_over_photo(quality, image.height, image.width)
        files = [
            ("patch-quality-map.png", PNG, grey16_png(quality.values, scale=png_scale)),
            ("overlay.png", PNG, overlay_png(image.pixels, spread, low=low, high=high)),
            ("patch-quality-map.npz", "application/x-npz", npz(quality.values)),
        ]
        body = image_report(image) | patch_quality_report(quality, scale=scale, png_scale=png_scale)
        job.succeed(_result(task.app.blobs, body, files, models=models))


@shared_task(name="limen.quality_score", bind=True)
def quality_score(task: Task, job_id: str, payload: Payload) -> None:
    """Global quality without a reference."""
    with running(task.app.jobs, job_id) as job:
        request = QualityScoreRequest.model_validate(payload)
        image = _image(task.app, request.image_key)
        score = predict_quality_score(image, progress=job.part(0, 0.95))
        body = image_report(image) | quality_score_report(score)
        job.succeed(_result(task.app.blobs, body, models=["quality_score", "patchnet_map"]))


@shared_task(name="limen.full_reference_score", bind=True)
def full_reference_score(task: Task, job_id: str, payload: Payload) -> None:
    """Closeness of a distorted image to its reference."""
    with running(task.app.jobs, job_id) as job:
        request = FullReferenceScoreRequest.model_validate(payload)
        reference = _image(task.app, request.reference_key)
        distorted = _image(task.app, request.distorted_key)
        score = predict_full_reference_score(reference, distorted, progress=job.part(0, 0.95))
        body = image_report(distorted) | full_reference_report(score)
        job.succeed(_result(task.app.blobs, body, models=["full_reference"]))


@shared_task(name="limen.sur_curve", bind=True)
def sur_curve(task: Task, job_id: str, payload: Payload) -> None:
    """Share of viewers who see no difference at each JPEG quality: plot and table."""
    with running(task.app.jobs, job_id) as job:
        request = SurCurveRequest.model_validate(payload)
        image = _image(task.app, request.image_key)
        prediction = predict_sur_curve(
            image, jnd=request.jnd, percent=request.percent, observer=request.observer, progress=job.part(0, 0.9)
        )
        files = [
            ("sur-curve.svg", "image/svg+xml", sur_plot(prediction, "svg")),
            ("sur-curve.png", PNG, sur_plot(prediction, "png")),
            ("sur-curve.csv", "text/csv", sur_csv(prediction)),
        ]
        body = image_report(image) | sur_curve_report(prediction)
        job.succeed(_result(task.app.blobs, body, files, models=["sur_features", "sur_head"]))


@shared_task(name="limen.varjpeg", bind=True)
def varjpeg(task: Task, job_id: str, payload: Payload) -> None:
    """The smallest file that a share of viewers cannot tell from the photo, or the best of a given size."""
    with running(task.app.jobs, job_id) as job:
        request = VarJpegRequest.model_validate(payload)
        original = task.app.blobs.get(request.image_key)
        optimised = optimise_photo(
            decode_image(original, max_pixels=_max_pixels(task.app)),
            original=original,
            quality=request.quality,
            target_sur=request.target_sur,
            max_bytes=request.max_bytes,
            format=request.format,
            protect=None if request.protect_key is None else _mask(task.app, request.protect_key),
            subsampling=request.subsampling,
            metadata=request.metadata,
            observer=request.observer,
            jnd=request.jnd,
            progress=job.part(0, 0.95),
        )
        name = "photo.jpg" if request.format == "jpeg" else "photo.vjpg"
        files = [(name, optimised.media_type, optimised.data)]
        shaping = "fpsnet" if request.format == "jpeg" else "patchnet_map"
        versions = [shaping, "sur_features", "sur_head"]
        job.succeed(_result(task.app.blobs, optimised.body(), files, models=versions))


@shared_task(name="limen.varjpeg_decode", bind=True)
def varjpeg_decode(task: Task, job_id: str, payload: Payload) -> None:
    """A VarJPEG container as PNG."""
    with running(task.app.jobs, job_id) as job:
        request = VarJpegDecodeRequest.model_validate(payload)
        image = decode_varjpeg(task.app.blobs.get(request.image_key), max_pixels=_max_pixels(task.app))
        files = [("decoded.png", PNG, rgb_png(image.native_pixels, icc_profile=image.icc_profile))]
        job.succeed(_result(task.app.blobs, image_report(image), files))


def _image(app: LimenCelery, key: str) -> RgbImage:
    return decode_image(app.blobs.get(key), max_pixels=_max_pixels(app))


def _mask(app: LimenCelery, key: str) -> NDArray[np.bool_]:
    """(H, W), True where a mask image is lighter than middle grey."""
    return np.asarray(_image(app, key).pixels.max(axis=2) >= 128)


def _max_pixels(app: LimenCelery) -> int:
    assert isinstance(app.settings, WorkerSettings)  # tasks run in workers only
    return app.settings.max_pixels


def _result(
    blobs: BlobStore, body: dict[str, Any], files: Iterable[NamedFile] = (), *, models: Iterable[str] = ()
) -> JobResult:
    """Store the files and say which weights had a part in the result."""
    artefacts = [
        Artefact(name=name, media_type=media_type, key=blobs.put(data), size_bytes=len(data))
        for name, media_type, data in files
    ]
    versions = {name: load_manifest()[name].version for name in models}
    return JobResult(body=body, artefacts=artefacts, model_versions=versions)
