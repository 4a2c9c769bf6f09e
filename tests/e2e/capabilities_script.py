"""Runs every capability once on a small synthetic photo and prints each result as JSON, in the mode of the settings.

Without Redis the worker is embedded; with Redis the caller has started one.
"""

import asyncio
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from workers.batches.store import MemoryBatchStore
from workers.blobs.folder import FolderStorage
from workers.blobs.store import BlobStore
from workers.contracts import (
    FullReferenceScoreRequest,
    JndMapRequest,
    PatchQualityMapRequest,
    PlainEncodingRequest,
    QualityScoreRequest,
    SurCurveRequest,
    VarJpegDecodeRequest,
    VarJpegRequest,
)
from workers.jobs.opened import open_job_store
from workers.keys.store import MemoryKeyStore
from workers.run.celery_app import create_celery
from workers.run.data_folder import Stores
from workers.run.embedded import EmbeddedWorker
from workers.run.signatures import submit
from workers.settings import WorkerSettings
from workers.studies.opened import open_study_store
from workers.webhooks.outbox import MemoryOutbox


def smooth_scene(seed: int) -> bytes:
    """A smooth scene with some texture, 160x240."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(40, 216, (10, 15, 3), np.uint8)).resize((240, 160), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(9).normal(0, 4, (160, 240, 3))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(np.asarray(coarse) + noise, 0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def main(folder: Path) -> list[dict[str, Any]]:
    settings = WorkerSettings()
    if settings.embedded:
        blobs = BlobStore(FolderStorage(folder), expiry_s=3600)
        studies = open_study_store(settings, blobs.storage)
        worker = EmbeddedWorker(
            settings,
            Stores(
                open_job_store(settings), blobs, studies, MemoryKeyStore(), MemoryOutbox(), MemoryBatchStore(settings)
            ),
        )
        worker.start()
        celery = worker.celery
    else:
        celery = create_celery(settings)
    end = time.monotonic() + 120
    while celery.jobs.model_version() is None:
        assert time.monotonic() < end, "no worker is ready"
        time.sleep(0.05)

    def result_of(request: Any) -> dict[str, Any]:
        job, created = submit(celery, celery.jobs, request)
        assert created
        again, created_again = submit(celery, celery.jobs, request)
        assert (again.id, created_again) == (job.id, False)
        ended = asyncio.run(celery.jobs.wait(job.id, 120))
        assert ended.result is not None, ended.failure
        return {"capability": request.capability, **ended.result.model_dump(mode="json", exclude={"cpu_s"})}

    image, other = celery.blobs.put(smooth_scene(1)), celery.blobs.put(smooth_scene(2))
    results = [
        result_of(request)
        for request in (
            JndMapRequest(image_key=image),
            PatchQualityMapRequest(image_key=image),
            PatchQualityMapRequest(image_key=image, reference_key=other),
            QualityScoreRequest(image_key=image),
            FullReferenceScoreRequest(reference_key=image, distorted_key=other),
            SurCurveRequest(image_key=image),
            PlainEncodingRequest(image_key=image, codec="avif", max_bytes=6000),
            VarJpegRequest(image_key=image, quality=60),
            VarJpegRequest(image_key=image, max_bytes=6000),
            VarJpegRequest(image_key=image, format="varjpeg", quality=50),
        )
    ]
    return [*results, result_of(VarJpegDecodeRequest(image_key=results[-1]["artefacts"][0]["key"]))]


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
