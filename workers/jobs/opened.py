"""The store of job records that the settings ask for."""

from workers.jobs.memory import MemoryJobStore
from workers.jobs.redis import RedisJobStore
from workers.jobs.store import JobStore
from workers.settings import BrokerSettings


def open_job_store(settings: BrokerSettings) -> JobStore:
    """The store that the settings ask for: Redis if there is a URL, else this process's memory."""
    if settings.redis_url is None:
        return MemoryJobStore(settings)
    return RedisJobStore(settings, settings.redis_url.get_secret_value())
