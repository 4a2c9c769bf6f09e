"""Every graph of the manifest, opened and warmed when a pool process starts, and what the process says of itself."""

import contextlib
import hashlib
import logging
import os
import resource
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from celery import Celery, current_app
from celery.signals import worker_init, worker_process_init
from celery.worker import WorkController

from models.decode import decode_image
from models.errors import LimenError, ModelArtefactError
from models.graphs.artefacts import check_file, load_manifest, load_model
from models.graphs.onnx_model import CUDA, OnnxModel, cuda_available
from models.graphs.parity import check_against_cpu
from models.jnd import predict_jnd_map
from models.rendering import grey16_png, overlay_png, sur_plot
from models.sur.observers import find_profile, load_profiles, profiles_digest
from models.sur.prediction import predict_sur_curve
from models.types import RgbImage
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions
from models.varjpeg.warm_up import warm_up as compile_codec
from workers.errors import BrokerUnavailableError
from workers.jobs.worker_info import WORKER_SEEN_S, ModelInfo, ObserverInfo, WorkerInfo
from workers.run.celery_app import TASK_MODULES, LimenCelery
from workers.settings import WorkerSettings

logger = logging.getLogger(__name__)

ANNOUNCE_S = WORKER_SEEN_S / 3
WARM_SIDE = 64
"""Pixels: enough for every scale of the metrics."""


def check_weights(sender: WorkController, **_: Any) -> None:
    """Refuse to start a worker whose pool processes could not: without good files, or without the device asked for."""
    if not _serves_models(sender.app):
        return
    with _exit_if_unable():
        for entry in load_manifest().values():
            check_file(entry)
        find_profile(sender.app.settings.profile, sender.app.settings.profiles)
        _check_device(sender.app.settings)


def prepare_process(**_: Any) -> None:
    """Make a pool process ready, and begin to announce it."""
    celery: LimenCelery = current_app._get_current_object()
    settings = celery.settings
    if not _serves_models(celery) or not isinstance(settings, WorkerSettings):
        return
    announce(celery, ready(settings))


def ready(settings: WorkerSettings) -> WorkerInfo:
    """Limit this process's memory, open all models and warm them. A process that cannot ends and says why."""
    if settings.max_address_space_mb is not None:
        limit = settings.max_address_space_mb << 20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with _exit_if_unable():
        find_profile(settings.profile, settings.profiles)
        models = open_models(settings)
        warm_up()
        info = worker_info(models, settings.profiles)
    providers = sorted({model.provider for model in models})
    logger.info("ready with %d models on %s", len(models), ", ".join(providers))
    return info


def announce(celery: LimenCelery, worker: WorkerInfo) -> None:
    """Say from now on, as long as this process lives, that ``worker`` is ready."""

    def repeat() -> None:
        while True:
            try:
                celery.jobs.publish_worker(worker)
            except BrokerUnavailableError as error:
                logger.warning("announcer: %s", error)
            threading.Event().wait(ANNOUNCE_S)

    threading.Thread(target=repeat, name="announcer", daemon=True).start()


worker_init.connect(check_weights)
worker_process_init.connect(prepare_process)


def _serves_models(app: Celery) -> bool:
    """Whether the application runs Limen's own tasks; one with others needs no models."""
    return set(TASK_MODULES) <= set(app.conf.include)


@contextlib.contextmanager
def _exit_if_unable() -> Iterator[None]:
    try:
        yield
    except LimenError as error:
        logger.critical("this worker cannot serve: %s", error)
        raise SystemExit(1) from error


def _check_device(settings: WorkerSettings) -> None:
    if settings.device == "cuda" and not cuda_available():
        raise ModelArtefactError("LIMEN_DEVICE is cuda, but this ONNX Runtime is built without CUDA")


def open_models(settings: WorkerSettings) -> list[OnnxModel]:
    """Every model of the manifest on the device that the settings ask for.

    Raises: ModelArtefactError, also if CUDA is demanded and a session did not get it, or says what the CPU does not.
    """
    _check_device(settings)
    cuda = settings.device == "cuda" or (settings.device == "auto" and cuda_available())
    models = [load_model(name, cuda=cuda) for name in sorted(load_manifest())]
    if settings.device == "cuda" and any(model.provider != CUDA for model in models):
        raise ModelArtefactError("LIMEN_DEVICE is cuda, but a session runs elsewhere: see ONNX Runtime's messages")
    for model in models:
        if model.provider == CUDA:
            check_against_cpu(model)
    return models


def warm_up() -> None:
    """Do each kind of work once on a small image, so that no request waits for a compiler, a plan or an import.

    Pixels, a JPEG's own coefficients in colour and in grey, both metrics as targets, the container, a curve and its
    plot, a map and its pictures: half a minute where nothing is compiled yet, 3 s with numba's cache on disc.
    """
    compile_codec()
    noise = np.random.default_rng(0).integers(0, 256, (WARM_SIDE, WARM_SIDE, 3), dtype=np.uint8)
    grey = np.repeat(noise[:, :, :1], 3, axis=2)
    for pixels in (noise, grey):
        file = optimise_photo(RgbImage(pixels, pixels)).data
        photo = decode_image(file)
        optimise_photo(photo, original=file)
        optimise_photo(photo, VarJpegOptions(quality=50), original=file)
    optimise_photo(photo, VarJpegOptions(target_metric="ssimulacra2", target_value=50), original=file)
    optimise_photo(photo, VarJpegOptions(target_metric="butteraugli", target_value=2), original=file)
    sur_plot(predict_sur_curve(photo), "svg")
    thresholds = predict_jnd_map(photo).values
    grey16_png(thresholds, scale=1)
    overlay_png(photo.pixels, thresholds, low=0, high=1)


def model_version(profiles: Path | None) -> str:
    """One name for all weights and observer profiles together: SHA-256 over their hashes."""
    hashes = [f"{name} {entry.sha256}\n" for name, entry in sorted(load_manifest().items())]
    return hashlib.sha256("".join([*hashes, profiles_digest(profiles)]).encode()).hexdigest()[:16]


def worker_info(models: list[OnnxModel], profiles: Path | None) -> WorkerInfo:
    """This process as it will be announced, with the provider that each session really got."""
    manifest = load_manifest()
    infos = [
        ModelInfo(
            name=model.name,
            version=model.version,
            sha256=manifest[model.name].sha256,
            preset=manifest[model.name].preset,
            provider=model.provider,
            training_data=manifest[model.name].training_data,
            licence=manifest[model.name].licence,
            metrics=manifest[model.name].metrics,
            card=manifest[model.name].card,
        )
        for model in models
    ]
    observers = [
        ObserverInfo(
            name=name,
            title=profile.title,
            description=profile.description,
            pixels_per_degree=profile.pixels_per_degree,
        )
        for name, profile in sorted(load_profiles(profiles).items())
    ]
    return WorkerInfo(
        name=f"{socket.gethostname()}/{os.getpid()}",
        model_version=model_version(profiles),
        models=infos,
        observers=observers,
    )
