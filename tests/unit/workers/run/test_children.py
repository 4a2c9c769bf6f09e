"""Work in child processes: what it gives, what it says on its way, and what ends it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.errors import ImageUndecodableError
from models.threads import processors, thread_count
from workers.contracts import FailureCode, JobResult, QualityScoreRequest, StudyLadderResult
from workers.jobs.worker_info import WorkerInfo
from workers.run.children import Children, Work
from workers.run.running import DeadlineExceededError, RunFailedError, RunLostError, RunStoppedError
from workers.settings import WorkerSettings

REQUEST = QualityScoreRequest(image_key="a" * 64)
MUCH = 600 << 20
HELD: list[bytearray] = []
INFO = WorkerInfo(name="child", model_version="1", models=[], observers=[])


def result(width: int) -> JobResult:
    return JobResult(body=StudyLadderResult(width=width, height=os.getpid()))


def begin() -> tuple[WorkerInfo, Work]:
    return INFO, scripted


def scripted(request: object, progress: Callable[[float], None]) -> JobResult:
    """The image's key says what to do."""
    match getattr(request, "image_key", "")[0]:
        case "b":
            raise ImageUndecodableError("broken at byte 3")
        case "c":
            raise RuntimeError("a private cause")
        case "d":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "e":
            time.sleep(60)
        case "f":
            for step in range(3000):
                time.sleep(0.01)
                progress(step / 3000)
        case "1":
            bytearray(MUCH)
        case "2":
            HELD.append(bytearray(MUCH))
    return result(thread_count())


def asking(letter: str) -> QualityScoreRequest:
    return QualityScoreRequest(image_key=letter * 64)


def ignored(_: float) -> None:
    pass


@pytest.fixture
def children() -> Iterator[Children]:
    made = Children(begin, WorkerSettings(soft_limit_s=2, hard_limit_s=2))
    yield made
    made.stop()


def body(found: JobResult) -> StudyLadderResult:
    assert isinstance(found.body, StudyLadderResult)
    return found.body


def test_one_child_does_one_job_after_the_other_with_all_threads(children: Children) -> None:
    assert children.start() == INFO
    first, second = (body(children.perform("j", REQUEST, ignored)) for _ in range(2))
    assert first == second
    assert first.height != os.getpid()
    assert first.width == processors()


def test_failures_come_with_their_codes(children: Children) -> None:
    with pytest.raises(RunFailedError) as known:
        children.perform("j", asking("b"), ignored)
    assert (known.value.failure.code, known.value.failure.detail) == (
        FailureCode.IMAGE_UNDECODABLE,
        "broken at byte 3",
    )
    with pytest.raises(RunFailedError) as unknown:
        children.perform("j", asking("c"), ignored)
    assert unknown.value.failure.code is FailureCode.INTERNAL
    assert "private" not in unknown.value.failure.detail


def test_a_child_that_dies_is_told_of_and_another_takes_its_place(children: Children) -> None:
    before = body(children.perform("j", REQUEST, ignored)).height
    with pytest.raises(RunLostError):
        children.perform("j", asking("d"), ignored)
    assert [child._process.is_alive() for child in children._idle] == [True]  # begun before anybody asks for it
    assert body(children.perform("j", REQUEST, ignored)).height != before


def test_a_call_that_never_returns_is_killed_at_the_hard_limit(children: Children) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError, match="longer than 2 s"):
        children.perform("j", asking("e"), ignored)
    assert time.monotonic() - began < 20
    assert children.perform("j", REQUEST, ignored)


def test_who_wants_no_more_stops_the_work_and_keeps_the_child(children: Children) -> None:
    before = body(children.perform("j", REQUEST, ignored)).height
    seen: list[float] = []

    def enough(fraction: float) -> None:
        seen.append(fraction)
        if len(seen) == 3:
            raise KeyError("cancelled")

    with pytest.raises(KeyError):
        children.perform("j", asking("f"), enough)
    assert seen == sorted(seen)
    assert body(children.perform("j", REQUEST, ignored)).height == before


def test_two_at_once_share_the_processors(children: Children) -> None:
    begun, done = threading.Event(), threading.Event()

    def slow(_: float) -> None:
        begun.set()
        if done.is_set():
            raise KeyError

    def work() -> None:
        with pytest.raises(KeyError):
            children.perform("j", asking("f"), slow)

    other = threading.Thread(target=work)
    other.start()
    assert begun.wait(30)
    assert body(children.perform("k", REQUEST, ignored)).width == max(1, processors() // 2)
    done.set()
    other.join()


def test_stopping_ends_whoever_waits(children: Children) -> None:
    threading.Timer(1.0, children.stop).start()
    with pytest.raises(RunStoppedError):
        children.perform("j", asking("e"), ignored)
    with pytest.raises(RunStoppedError):
        children.perform("j", REQUEST, ignored)


def test_a_child_is_replaced_after_its_share_of_jobs() -> None:
    children = Children(begin, WorkerSettings(max_tasks_per_child=2))
    seen = [body(children.perform("j", REQUEST, ignored)).height for _ in range(4)]
    children.stop()
    assert seen[0] == seen[1] != seen[2] == seen[3]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells what a process holds")
def test_a_child_is_replaced_for_what_it_holds_not_for_what_it_or_its_parent_once_held() -> None:
    once = bytearray(MUCH)
    del once
    children = Children(begin, WorkerSettings(max_memory_per_child_mb=500))
    first, after_much, holding, fresh = (
        body(children.perform("j", asking(letter), ignored)).height for letter in ("a", "1", "2", "a")
    )
    children.stop()
    assert first == after_much == holding != fresh
