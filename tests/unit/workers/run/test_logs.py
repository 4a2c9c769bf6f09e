"""Log lines: JSON, and about the job that runs."""

import json
import logging
from collections.abc import Iterator

import pytest

from workers.contracts import QualityScoreRequest
from workers.jobs.memory import MemoryJobStore
from workers.run.logs import JsonLines, about, write_json_lines
from workers.run.running import running
from workers.settings import BrokerSettings


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[dict[str, str]]]:
    """What is logged, as it would be written."""
    found: list[dict[str, str]] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(json.loads(JsonLines().format(record)))

    caplog.set_level(logging.INFO, "workers")
    logging.getLogger("workers").addHandler(handler := Keeping())
    yield found
    logging.getLogger("workers").removeHandler(handler)


def test_a_run_names_its_job_and_its_request(lines: list[dict[str, str]]) -> None:
    jobs = MemoryJobStore(BrokerSettings())
    job, _ = jobs.create(QualityScoreRequest(image_key="a" * 64), request_id="req-1")
    with running(jobs, job.id):
        raise ValueError("of the work")
    failed, ran = lines
    assert (failed["level"], failed["job_id"], failed["request_id"]) == ("ERROR", job.id, "req-1")
    assert "ValueError: of the work" in failed["traceback"]
    assert (ran["job_id"], ran["request_id"]) == (job.id, "req-1")
    logging.getLogger("workers.x").warning("two\nlines")
    assert lines[-1]["message"] == "two\nlines"
    assert "job_id" not in lines[-1]


def test_what_is_about_one_job_is_not_about_the_next() -> None:
    record = logging.LogRecord("workers", logging.INFO, "", 0, "done", None, None)
    with about("one", "req"):
        with about("two"):
            inner = json.loads(JsonLines().format(record))
        outer = json.loads(JsonLines().format(record))
    assert inner["job_id"] == "two"
    assert "request_id" not in inner
    assert (outer["job_id"], outer["request_id"]) == ("one", "req")


def test_asked_for_twice_each_line_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])  # another test may have asked for lines in this process
    level = root.level
    try:
        write_json_lines()
        write_json_lines()
        assert len(root.handlers) == 1
    finally:
        root.setLevel(level)
