"""The embedded mode: a Celery worker in a thread of the web process, over the in-memory transport, and its children."""

import contextlib
import logging
import threading
from functools import partial

from models.threads import processors
from workers.blobs.storage import Storage
from workers.blobs.store import BlobStore
from workers.errors import ServiceError
from workers.jobs.worker_info import WorkerInfo
from workers.run.celery_app import TASK_MODULES, LimenCelery, create_celery
from workers.run.children import Children, Work
from workers.run.courier import Courier
from workers.run.data_folder import Stores
from workers.run.feeder import Feeder
from workers.run.loaded_models import announce, ready
from workers.run.perform import Bench, perform
from workers.run.reaper import Reaper
from workers.run.running import RunLostError, RunStoppedError
from workers.run.signatures import send
from workers.run.tracing import opened_tracing
from workers.settings import WorkerSettings
from workers.studies.files import StudyFiles

logger = logging.getLogger(__name__)

STOP_S = 10.0
"""How long the worker's thread may take to end."""


class EmbeddedWorker:
    """A worker thread, its reaper and its children; ``celery`` is the application to send work through.

    Tasks of other modules than Limen's own do their work in threads of this process.
    """

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
        self.celery.keys = stores.keys
        self.celery.outbox = stores.outbox
        self.celery.batches = stores.batches
        stores.jobs.on_end = stores.outbox.ended
        self.celery.set_default()  # pool threads look for the application there
        self._children: Children | None = None
        if task_modules == TASK_MODULES:
            begin = partial(_begin, settings, stores.blobs.storage.patient(), stores.studies.files.storage.patient())
            self._children = Children(begin, settings)
            self.celery.perform = self._children.perform
        self._controller = self.celery.WorkController(
            pool="threads",
            concurrency=settings.concurrency or processors(),
            without_gossip=True,
            without_mingle=True,
        )
        self._thread = threading.Thread(target=self._run, name="embedded-worker", daemon=True)
        self._reaper = Reaper(self.celery)
        self._courier = Courier(self.celery)
        self._feeder = Feeder(self.celery, lambda: settings.concurrency or processors())

    def start(self) -> None:
        """Begin to take work, with what an earlier process was given and has not ended."""
        for job in self.celery.jobs.unfinished():
            send(self.celery, job)
        self._thread.start()
        self._reaper.start()
        self._courier.start()
        self._feeder.start()

    def _run(self) -> None:
        if self._children is not None:
            try:
                announce(self.celery, self._children.start())
            except RunLostError as error:
                logger.critical("no work will be done: %s", error)
                return
            except RunStoppedError:
                return
        self._controller.start()

    def stop(self) -> None:
        """Stop running jobs and take no more; they wait for the next process."""
        self._feeder.stop()
        self._reaper.stop()
        self._courier.stop()
        if self._children is not None:
            self._children.stop()
        for job in self.celery.jobs.unfinished():
            with contextlib.suppress(ServiceError):  # what cannot be written now the next start does anyway
                self.celery.jobs.update(job.id, lambda job, _: job.put_back())
        self._controller.stop()
        self._thread.join(STOP_S)


def _begin(settings: WorkerSettings, blobs: Storage, studies: Storage) -> tuple[WorkerInfo, Work]:
    """A child with its models open; see ``children.Begin``."""
    info = ready(settings)
    store = BlobStore(blobs, expiry_s=settings.blob_expiry_s)
    bench = Bench(settings, store, StudyFiles(studies), opened_tracing(settings.otlp_endpoint))
    return info, lambda request, progress: perform(request, bench, progress)
