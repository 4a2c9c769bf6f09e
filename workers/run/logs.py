"""Logs as JSON lines on standard error; inside a run each line names its job and the request that asked for it."""

import contextlib
import json
import logging
import time
from collections.abc import Iterator
from contextvars import ContextVar

from celery.signals import setup_logging

_OURS = ("app", "workers", "celery")
_about: ContextVar[dict[str, str]] = ContextVar("limen-log", default={})  # noqa: B039 - never changed, only replaced


@contextlib.contextmanager
def about(job_id: str, request_id: str | None = None) -> Iterator[None]:
    """Whatever is logged inside the block, by this thread, is about that job."""
    named = {"job_id": job_id} | ({} if request_id is None else {"request_id": request_id})
    token = _about.set(named)
    try:
        yield
    finally:
        _about.reset(token)


class JsonLines(logging.Formatter):
    """One JSON object a line: level, time (UTC), logger, message, what it is about, and a traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "level": record.levelname,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "logger": record.name,
            "message": record.getMessage(),
            **_about.get(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def write_json_lines(**_: object) -> None:
    """Log so from now on: this service's own from INFO, libraries' from WARNING; a second call changes nothing."""
    root = logging.getLogger()
    if any(isinstance(handler.formatter, JsonLines) for handler in root.handlers):
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)


setup_logging.connect(write_json_lines, weak=False)  # Celery then does nothing of its own, here and in pool processes
