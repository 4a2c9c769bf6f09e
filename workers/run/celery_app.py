"""The Celery application of both modes. Each setting answers a measured failure, named beside it."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from workers.batches.redis import RedisBatchStore
from workers.batches.store import BatchStore, MemoryBatchStore
from workers.blobs.opened import open_blobs, open_storage
from workers.blobs.storage import Storage
from workers.blobs.store import BlobStore
from workers.contracts import AnyRequest, JobResult
from workers.jobs.opened import open_job_store
from workers.jobs.record import MAX_ATTEMPTS
from workers.jobs.store import JobStore
from workers.keys.store import KeyStore, MemoryKeyStore, RedisKeyStore
from workers.run.memory import replace_by_what_is_held
from workers.run.tracing import Tracing, opened_tracing
from workers.settings import BrokerSettings, WorkerSettings
from workers.studies.opened import open_study_store
from workers.studies.store import StudyStore
from workers.webhooks.outbox import MemoryOutbox, Outbox
from workers.webhooks.redis import RedisOutbox

QUEUE = "limen"
TASK_MODULES = ("workers.run.tasks", "workers.run.study_tasks")

worker_process_init.connect(replace_by_what_is_held)


class LimenCelery(Celery):  # type: ignore[misc]  # celery has no type hints
    """A Celery application that carries its settings to pool processes, and opens the stores there."""

    perform: Callable[[str, AnyRequest, Callable[[float], None]], JobResult] | None = None
    """Does the work of a job in another process; the embedded mode puts its children here. None: tasks do it."""

    @cached_property
    def settings(self) -> BrokerSettings:
        """The settings given to ``create_celery``; travels inside the configuration."""
        settings: BrokerSettings = self.conf["limen_settings"]
        return settings

    @cached_property
    def jobs(self) -> JobStore:
        """Job records, opened once per process; the embedded mode puts the web process's own here."""
        store = open_job_store(self.settings)
        if self.settings.sends_webhooks:
            store.on_end = self.outbox.ended
        return store

    @cached_property
    def outbox(self) -> Outbox:
        """Webhooks to be sent, opened once per process; the embedded mode puts the web process's own here."""
        url = self.settings.redis_url
        return MemoryOutbox() if url is None else RedisOutbox(url.get_secret_value())

    @cached_property
    def storage(self) -> Storage:
        """Where images, results and the photos of studies are kept, unless the stores of these are given."""
        storage = open_storage(self.settings)
        return storage.patient() if isinstance(self.settings, WorkerSettings) else storage

    @cached_property
    def tracing(self) -> Tracing:
        """Where spans go, opened once per process."""
        return opened_tracing(self.settings.otlp_endpoint)

    @cached_property
    def blobs(self) -> BlobStore:
        """Image and result bytes, opened once per process; the embedded mode puts the web process's own here."""
        return open_blobs(self.settings, self.storage)

    @cached_property
    def keys(self) -> KeyStore:
        """API keys, opened once per process; the embedded mode puts those of its data folder here."""
        url = self.settings.redis_url
        return MemoryKeyStore() if url is None else RedisKeyStore(url.get_secret_value())

    @cached_property
    def batches(self) -> BatchStore:
        """Batches, opened once per process; the embedded mode puts the web process's own here."""
        url = self.settings.redis_url
        if url is None:
            return MemoryBatchStore(self.settings)
        return RedisBatchStore(self.settings, url.get_secret_value())

    @cached_property
    def studies(self) -> StudyStore:
        """Observer studies; their images lie beside the blobs."""
        return open_study_store(self.settings, self.storage)


def create_celery(settings: BrokerSettings, *, task_modules: Sequence[str] = TASK_MODULES) -> LimenCelery:
    """An application for the broker of ``settings``; ``task_modules`` are imported by workers only."""
    app = LimenCelery("limen", set_as_current=False)
    app.conf.update(_common(settings, task_modules))
    app.conf.update(_memory_transport() if settings.redis_url is None else _redis_transport(settings))
    return app


def _common(settings: BrokerSettings, task_modules: Sequence[str]) -> dict[str, Any]:
    return {
        "limen_settings": settings,
        "include": tuple(task_modules),
        "task_default_queue": QUEUE,
        "task_serializer": "json",
        "accept_content": ["json"],  # never pickle: whoever reaches the broker would own the workers
        "task_ignore_result": True,  # jobs have their own records; Celery calls an unknown id PENDING
        "task_acks_late": True,  # a message is done when its job is
        "worker_prefetch_multiplier": 1,  # waiting messages stay where any worker can take them
        "task_retry_on_worker_lost": True,  # reject_on_worker_lost ran a poison job 8 times in 22 s, with no end
        "task_annotations": {"*": {"max_retries": MAX_ATTEMPTS - 1, "default_retry_delay": 0}},
        "task_time_limit": settings.hard_limit_s,  # the soft limit never fires inside one long call of C code
        "task_soft_time_limit": settings.soft_limit_s,
        "worker_pool_start_method": "spawn",  # CUDA does not survive fork
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # a worker outlasts any outage of Redis
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # their results do not need the broker
        "worker_proc_alive_timeout": 300,  # a fresh process opens its models, and may compile, before it reports
        "worker_send_task_events": False,
        "worker_enable_remote_control": False,  # whoever reaches the broker could stop the workers
        "worker_redirect_stdouts": False,
        "enable_utc": True,
    }


def _memory_transport() -> dict[str, Any]:
    return {
        "broker_url": "memory://localhost/",
        "broker_transport_options": {"polling_interval": 0.005},  # 5.6 ms from send to run
    }


def _redis_transport(settings: BrokerSettings) -> dict[str, Any]:
    assert settings.redis_url is not None  # the caller chose this transport by it
    return {
        "broker_url": settings.redis_url.get_secret_value(),
        "worker_disable_prefetch": True,  # a worker takes a message only when it can start it
        "broker_transport_options": {
            "visibility_timeout": settings.visibility_timeout_s,  # 5 s against a task of 30 s started it 6 times
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 2,
            "socket_timeout": 10,
            "socket_keepalive": True,
            "health_check_interval": 25,  # a worker that lost its connection without a FIN notices
        },
    }
