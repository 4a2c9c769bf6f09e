"""``traced_request.py FOLDER PHOTO...``: one real ``POST /v1/varjpeg`` a photo, in a process of its own.

What a request sends to the queue is done by the task of that name, here and now. Prints as JSON, of the last photo, the
file of its request's type and the files whose functions ran, in the order of first calls.
"""

import inspect
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import ApiSettings
from workers.run.celery_app import create_celery
from workers.settings import WorkerSettings


def main(folder: Path, photos: list[Path]) -> dict[str, object]:
    """See above; all photos but the last compile and load what would take long under observation."""
    celery = create_celery(WorkerSettings(blob_dir=folder))
    celery.loader.import_default_modules()
    celery.finalize()
    sent: list[tuple[str, tuple[Any, ...]]] = []
    celery.send_task = lambda name, args, **_: sent.append((name, args))

    def ask(photo: Path) -> str:
        with TestClient(create_app(ApiSettings(blob_dir=folder), celery=celery)) as client:
            reply = client.post("/v1/varjpeg", files={"image": photo.read_bytes()})
            assert reply.status_code == 202, reply.text
            name, arguments = sent.pop()
            celery.tasks[name](*arguments)
            job = celery.jobs.get(arguments[0])
            assert job.state == "succeeded", job
            return inspect.getfile(type(job.request))

    for photo in photos[:-1]:
        message = ask(photo)
    return {"message": message, "called": files_called(lambda: ask(photos[-1]))}


def files_called(work: Callable[[], object]) -> list[str]:
    """Files whose functions run while ``work`` does, here or in threads that it starts, in the order of first calls."""
    called: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            called.setdefault(frame.f_code.co_filename)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return list(called)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])))
