"""Tasks under Limen's names that do what the uploaded bytes say, so that tests can make work slow, deadly or wrong.

A worker gets them in place of ``workers.run.tasks``; the rest of it is the real thing. The image is a JSON script:
``seconds`` of work in steps of 20 ms, ``die`` kills the process with SIGSEGV, ``block`` hangs in one call that holds
the interpreter, ``nap`` in one that does not, ``megabytes`` are taken and given back, or kept with ``keep``, ``error``
raises, ``log`` is a file that gets a line at each start.
"""

import ctypes
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import shared_task

from models.errors import ImageUndecodableError
from workers.contracts import Artefact, JobResult, QualityScoreRequest, QualityScoreResult
from workers.run.celery_app import LimenCelery
from workers.run.running import RunningJob, running

KEPT: list[bytearray] = []


@shared_task(name="limen.quality_score", bind=True)
def quality_score(self: Any, job_id: str, payload: dict[str, Any]) -> None:
    app: LimenCelery = self.app
    request = QualityScoreRequest.model_validate(payload)
    with running(app.jobs, job_id) as job:
        script = json.loads(app.blobs.get(request.image_key))
        if "log" in script:
            with Path(script["log"]).open("a") as log:
                log.write(f"{job_id} {os.getpid()}\n")
        _act(script, job)
        key = app.blobs.put(json.dumps(script).encode())
        artefact = Artefact(name="script.json", media_type="application/json", key=key, size_bytes=1)
        job.succeed(JobResult(body=_named(str(script.get("name"))), artefacts=[artefact]))


def _named(name: str) -> QualityScoreResult:
    """Figures that mean nothing, with the name of the script as their only warning."""
    return QualityScoreResult(
        height=1,
        width=1,
        source_format="script",
        bit_depth=8,
        warnings=[name],
        mos=50.0,
        scale="mos 0..100",
        higher_is_better=True,
        patchnet_mean=0.0,
        fish_mean=0.0,
        fish=0.0,
    )


def _act(script: dict[str, Any], job: RunningJob) -> None:
    if script.get("die"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if script.get("block"):
        ctypes.PyDLL(None).sleep(int(script["block"]))  # holds the interpreter's lock, as bad C code does
    taken = bytearray(script.get("megabytes", 0) << 20)
    taken[::4096] = b"x" * len(taken[::4096])
    if script.get("keep"):
        KEPT.append(taken)
    del taken
    time.sleep(script.get("nap", 0))
    if script.get("error") == "undecodable":
        raise ImageUndecodableError("broken at byte 3")
    if script.get("error"):
        raise RuntimeError("a private cause")
    steps = round(script.get("seconds", 0) / 0.02)
    for step in range(steps):
        time.sleep(0.02)
        job.progress((step + 1) / steps)
