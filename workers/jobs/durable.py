"""Job records that outlive the process: the embedded mode."""

import logging
import time
from collections.abc import Callable, Mapping

from pydantic import ValidationError

from workers.jobs.memory import MemoryJobStore
from workers.jobs.record import Job, request_digest
from workers.record_file import RecordFile
from workers.settings import BrokerSettings

logger = logging.getLogger(__name__)


class DurableJobStore(MemoryJobStore):
    """``JobStore`` in memory, every step of which is in a file before anybody sees it.

    Progress and leases are not: they mean nothing to the next process.
    """

    def __init__(
        self, settings: BrokerSettings, records: RecordFile, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, clock=clock)
        self._records = records
        for job in sorted(self._read(), key=lambda job: job.created_at):
            self._add(job.put_back())  # the run, if there was one, ended with its process
        for key, job_id in self._keys("dedup").items():
            self._by_dedup_key[key] = job_id
        for key, job_id in self._keys("idempotency").items():
            self._by_idempotency_key[key] = job_id, request_digest(self._entries[job_id].job.request)

    def _read(self) -> list[Job]:
        jobs = []
        for job_id, text in self._records.all("job").items():
            try:
                jobs.append(Job.model_validate_json(text))
            except ValidationError as error:
                logger.warning("job %s: a record of another version, dropped: %s", job_id, error)
                self._records.delete(("job", job_id))
        return jobs

    def _keys(self, kind: str) -> dict[str, str]:
        """Job by key, without jobs that are no more."""
        return {key: job_id for key, job_id in self._records.all(kind).items() if job_id in self._entries}

    def _keep(self, job: Job, keys: Mapping[str, str]) -> None:
        rows = [(kind, key, job.id) for kind, key in keys.items()]
        known = self._entries.get(job.id)
        if known is None or _lasting(known.job) != _lasting(job):
            rows.append(("job", job.id, job.model_dump_json()))
        self._records.put(*rows)

    def _drop(self, job_ids: list[str]) -> None:
        gone = set(job_ids)
        rows = [("job", job_id) for job_id in job_ids]
        rows += [("dedup", str(key)) for key, job_id in self._by_dedup_key.items() if job_id in gone]
        rows += [("idempotency", str(key)) for key, (job_id, _) in self._by_idempotency_key.items() if job_id in gone]
        self._records.delete(*rows)


def _lasting(job: Job) -> tuple[object, ...]:
    """What makes a step of a job worth writing down."""
    return job.state, job.attempts, job.sent_at, job.wanted
