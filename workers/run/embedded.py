"""The embedded mode: a Celery worker in a thread of the web process, over the in-memory transport."""

import contextlib
import threading

from celery.signals import worker_process_init

from workers.errors import AlreadyFinishedError
from workers.run.celery_app import TASK_MODULES, LimenCelery, create_celery
from workers.run.data_folder import Stores
from workers.run.reaper import Reaper
from workers.run.signatures import send
from workers.settings import WorkerSettings

STOP_S = 10.0
"""How long the worker's thread may take to end."""


class EmbeddedWorker:
    """A worker thread and its reaper; ``celery`` is the application to send work through."""

    def __init__(
        self,
        settings: WorkerSettings,
        stores: Stores,
        *,
        task_modules: tuple[str, ...] = TASK_MODULES,
    ) -> None:
        self.celery: LimenCelery = create_celery(settings, task_modules=task_modules)
        self.celery.jobs = stores.jobs
        self.celery.blobs = stores.blobs
        self.celery.studies = stores.studies
        self.celery.set_default()  # pool threads look for the application there
        self._controller = self.celery.WorkController(
            pool="threads", concurrency=settings.concurrency, without_gossip=True, without_mingle=True
        )
        self._thread = threading.Thread(target=self._run, name="embedded-worker", daemon=True)
        self._reaper = Reaper(self.celery)

    def start(self) -> None:
        """Begin to take work, with what an earlier process was given and has not ended."""
        for job in self.celery.jobs.unfinished():
            send(self.celery, job)
        self._thread.start()
        self._reaper.start()

    def _run(self) -> None:
        worker_process_init.send(sender=self._controller.hostname, app=self.celery)  # a thread pool sends none
        self._controller.start()

    def stop(self) -> None:
        """Stop running jobs at their next tile and take no more; they wait for the next process."""
        self._reaper.stop()
        jobs = self.celery.jobs
        for job in jobs.unfinished():
            with contextlib.suppress(AlreadyFinishedError):
                jobs.update(job.id, lambda job, _: job.put_back())
        self._controller.stop()
        self._thread.join(STOP_S)
