"""Runs scripted jobs through the embedded worker, in a process of its own, and prints what it saw as JSON."""

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from workers.batches.store import MemoryBatchStore
from workers.blobs.folder import FolderStorage
from workers.blobs.store import BlobStore
from workers.contracts import QualityScoreRequest
from workers.jobs.memory import MemoryJobStore
from workers.jobs.record import Job, JobState
from workers.keys.store import MemoryKeyStore
from workers.run.data_folder import Stores
from workers.run.embedded import EmbeddedWorker
from workers.run.signatures import submit
from workers.settings import WorkerSettings
from workers.studies.opened import open_study_store
from workers.webhooks.outbox import MemoryOutbox


def main(folder: Path) -> dict[str, Any]:
    settings = WorkerSettings(soft_limit_s=2, hard_limit_s=3, concurrency=2)
    jobs, blobs = MemoryJobStore(settings), BlobStore(FolderStorage(folder), expiry_s=settings.blob_expiry_s)
    stores = Stores(
        jobs,
        blobs,
        open_study_store(settings, blobs.storage),
        MemoryKeyStore(),
        MemoryOutbox(),
        MemoryBatchStore(settings),
    )
    worker = EmbeddedWorker(settings, stores, task_modules=("scripted_tasks",))
    worker.start()

    def send(**script: Any) -> Job:
        request = QualityScoreRequest(image_key=blobs.put(json.dumps(script).encode()))
        return submit(worker.celery, jobs, request)[0]

    def wait(job: Job) -> Job:
        return asyncio.run(jobs.wait(job.id, 20))

    wait(send(name="first"))
    trips = []
    for number in range(20):
        began = time.perf_counter()
        ended = wait(send(name=number))
        trips.append(time.perf_counter() - began)
        assert ended.state is JobState.SUCCEEDED
    late = send(nap=6)
    running, cancelled = send(seconds=30), send(name="never")
    while jobs.get(running.id).state is JobState.QUEUED:
        time.sleep(0.01)
    jobs.cancel(cancelled.id)
    jobs.cancel(running.id)
    began = time.monotonic()
    after = wait(send(name="after"))
    freed_s = time.monotonic() - began
    late = wait(late)
    bad = wait(send(error="undecodable")).failure
    report = {
        "median_trip_ms": statistics.median(trips) * 1000,
        "after": after.state,
        "freed_s": freed_s,
        "late": late.failure and late.failure.code,
        "cancelled": [jobs.get(job.id).state for job in (running, cancelled)],
        "bad": bad and bad.code,
    }
    send(seconds=30)
    began = time.monotonic()
    worker.stop()
    return {**report, "stopped_s": time.monotonic() - began}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
