"""The worker of the Redis mode: a process that keeps a pool of processes busy, reaper, courier and feeder."""

import logging
import os
import select
import signal
import threading

from billiard import semaphore_tracker
from celery.signals import worker_ready, worker_shutting_down

from workers.run.celery_app import LimenCelery
from workers.run.courier import Courier
from workers.run.feeder import Feeder
from workers.run.reaper import Reaper
from workers.settings import WorkerSettings

logger = logging.getLogger(__name__)


def run_worker(app: LimenCelery, settings: WorkerSettings) -> int:
    """Serve jobs until a signal ends the process; returns its exit code. SIGTERM lets running jobs end."""
    beside: list[Reaper | Courier | Feeder] = []
    crippled = threading.Event()

    def begin(**_: object) -> None:
        beside.extend((Reaper(app), Courier(app), Feeder(app, lambda: len(app.jobs.workers()))))
        for helper in beside:
            helper.start()
        threading.Thread(target=_end_with_tracker, args=(crippled,), name="tracker", daemon=True).start()

    def end(**_: object) -> None:
        for helper in beside:
            helper.stop()

    worker_ready.connect(begin, weak=False)
    worker_shutting_down.connect(end, weak=False)
    worker = app.Worker(
        pool="prefork",
        concurrency=settings.concurrency or 1,
        max_tasks_per_child=settings.max_tasks_per_child,
        max_memory_per_child=settings.max_memory_per_child_mb * 1024,
        without_gossip=True,
        without_mingle=True,
        loglevel="INFO",
        quiet=True,
    )
    worker.start()
    return 1 if crippled.is_set() else int(worker.exitcode or 0)


def _end_with_tracker(crippled: threading.Event) -> None:
    """Let running jobs end, and then this worker, once billiard's semaphore tracker has gone: no process of the pool
    could be replaced without it."""
    watched = select.poll()
    watched.register(semaphore_tracker._semaphore_tracker.getfd(), 0)
    watched.poll()  # until nobody reads the other end of its pipe
    crippled.set()
    logger.critical("this worker ends: its semaphore tracker has gone, without which no process can be replaced")
    os.kill(os.getpid(), signal.SIGTERM)
