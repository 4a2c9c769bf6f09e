"""Starts a real worker process whose tasks are the scripted ones; settings come from the environment."""

import os

from workers.run.celery_app import create_celery
from workers.run.process import run_worker
from workers.settings import WorkerSettings

if __name__ == "__main__":
    settings = WorkerSettings()
    app = create_celery(settings, task_modules=("scripted_tasks",))
    if timeout_s := os.environ.get("LIMEN_TEST_VISIBILITY_TIMEOUT_S"):  # far too short, to see what then happens
        app.conf.broker_transport_options["visibility_timeout"] = int(timeout_s)
    raise SystemExit(run_worker(app, settings))
