"""The worker of the Redis mode: a process that keeps a pool of processes busy, reaper, courier and feeder."""

from celery.signals import worker_ready, worker_shutting_down

from workers.run.celery_app import LimenCelery
from workers.run.courier import Courier
from workers.run.feeder import Feeder
from workers.run.reaper import Reaper
from workers.settings import WorkerSettings


def run_worker(app: LimenCelery, settings: WorkerSettings) -> int:
    """Serve jobs until a signal ends the process; returns its exit code. SIGTERM lets running jobs end."""
    beside = (Reaper(app), Courier(app), Feeder(app, lambda: len(app.jobs.workers())))

    def begin(**_: object) -> None:
        for helper in beside:
            helper.start()

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
    return int(worker.exitcode or 0)
