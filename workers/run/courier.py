"""Sends webhooks when jobs have ended; runs as a thread beside every worker. Any number of couriers may run at once."""

import asyncio
import contextlib
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2

from workers.errors import (
    AddressRefusedError,
    BrokerUnavailableError,
    JobExpiredError,
    JobUnknownError,
    ServiceError,
)
from workers.outbound.exchange import exchanged
from workers.outbound.guard import Guard
from workers.run.celery_app import LimenCelery
from workers.webhooks.record import Letter, body_of, signed_headers, signing_secret

logger = logging.getLogger(__name__)

INTERVAL_S = 0.2
AT_ONCE = 8
"""Letters under way; one server that never answers keeps the others waiting for nothing."""
LIMIT_S = 10.0
"""How long a server may take for one letter."""


class Courier:
    """Sends letters until it is stopped; does nothing where webhooks are not set up."""

    def __init__(self, app: LimenCelery) -> None:
        self._app = app
        settings = app.settings
        self._secret = None if settings.webhook_secret is None else settings.webhook_secret.get_secret_value()
        self._guard = Guard(settings.webhook_hosts, settings.outbound_networks)
        self._stop = threading.Event()
        self._free = threading.Semaphore(AT_ONCE)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="courier")
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Begin, in threads of its own."""
        if self._app.settings.sends_webhooks:
            self._thread.start()

    def stop(self) -> None:
        """Take no more letters, and wait for those under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown()

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            with contextlib.suppress(BrokerUnavailableError):  # the next round tries again
                self._hand_out()

    def _hand_out(self) -> None:
        while self._free.acquire(blocking=False):
            letter = None if self._stop.is_set() else self._app.outbox.claim(time.time())
            if letter is None:
                self._free.release()
                return
            self._pool.submit(self._handled, letter)

    def _handled(self, letter: Letter) -> None:
        try:
            self._deliver(letter)
        except ServiceError as error:  # the letter is due again when its claim ends
            logger.warning("webhook %s: %s", letter.id, error)
        except Exception:
            logger.exception("webhook %s failed; it is tried again", letter.id)
        finally:
            self._free.release()

    def _deliver(self, letter: Letter) -> None:
        outbox, now = self._app.outbox, time.time()
        try:
            job = self._app.jobs.get(letter.job_id)
        except (JobUnknownError, JobExpiredError):
            outbox.drop(letter)
            return
        if not job.finished:
            outbox.put(letter.waiting(now))
            return
        error = asyncio.run(self._sent(letter, body_of(job)))
        if error is None:
            outbox.drop(letter)
            return
        failed = letter.failed(time.time(), error, self._app.settings.webhook_retry_s)
        logger.info("job %s: webhook %s, attempt %d: %s", job.id, letter.id, failed.attempts, error)
        outbox.put(failed)

    async def _sent(self, letter: Letter, body: bytes) -> str | None:
        """Sends a letter once: None if it was taken, else why not, in words that hold nothing of the reply."""
        assert self._secret is not None  # ``start`` looked
        headers = signed_headers(letter, body, signing_secret(self._secret, letter.client), time.time())
        try:
            request = exchanged(self._guard, "POST", letter.url, limit_s=LIMIT_S, content=body, headers=headers)
            async with request as reply:
                return None if reply.is_success else f"it answered {reply.status_code}"
        except AddressRefusedError as error:
            return str(error)
        except TimeoutError:
            return f"no answer within {LIMIT_S:.0f} s"
        except (OSError, httpx2.HTTPError) as error:
            return f"no connection: {type(error).__name__}"
