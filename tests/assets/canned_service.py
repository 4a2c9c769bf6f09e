"""Runs Limen with canned tasks in place of the models: ``canned_service.py embedded|api|worker``, settings as always.

The port of the web process is in LIMEN_TEST_PORT. What takes the place of the models is said in ``canned_tasks``.
"""

import os
import sys
import threading

import uvicorn

from app.main import create_app
from app.settings import ApiSettings
from workers.jobs.worker_info import ObserverInfo, WorkerInfo
from workers.run.celery_app import LimenCelery, create_celery
from workers.run.data_folder import opened_data_folder
from workers.run.embedded import EmbeddedWorker
from workers.run.process import run_worker
from workers.settings import WorkerSettings

TASKS = ("tests.assets.canned_tasks", "workers.run.study_tasks")
OBSERVERS = [
    ObserverInfo(name="aic-3", title="close comparison on a desktop", description="Original and JPEG, closely."),
    ObserverInfo(name="flicker", description="Original and JPEG alternating in place."),
    ObserverInfo(name="mcl-jci", description="Original and JPEG side by side."),
]


def _publish_for_ever(celery: LimenCelery) -> None:
    def publish() -> None:
        while True:
            info = WorkerInfo(name="canned", model_version="canned-1", models=[], observers=OBSERVERS)
            celery.jobs.publish_worker(info)
            if stop.wait(3):
                return

    stop = threading.Event()
    threading.Thread(target=publish, daemon=True).start()


def _serve(celery: LimenCelery | None) -> None:
    app = create_app(ApiSettings(), celery=celery)
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["LIMEN_TEST_PORT"]), log_level="warning", access_log=False)


def _embedded() -> None:
    settings = WorkerSettings()
    with opened_data_folder(settings) as stores:
        worker = EmbeddedWorker(settings, stores, task_modules=TASKS)
        worker.start()
        _publish_for_ever(worker.celery)
        _serve(worker.celery)
        worker.stop()


def _worker() -> None:
    settings = WorkerSettings()
    celery = create_celery(settings, task_modules=TASKS)
    _publish_for_ever(celery)
    run_worker(celery, settings)


if __name__ == "__main__":
    {"embedded": _embedded, "api": lambda: _serve(None), "worker": _worker}[sys.argv[1]]()
