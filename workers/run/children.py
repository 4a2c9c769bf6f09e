"""Child processes that do the work of the embedded mode: what ends one of them costs one run of one job.

Over a pipe go down: job, request, threads to work on and the trace; up: how much is done, each answered by whether to
go on, and at last the result, the failure, or nothing if it was told to stop.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from models.threads import processors, shared
from models.types import Progress
from workers.contracts import AnyRequest, Failure, JobResult
from workers.jobs.worker_info import WorkerInfo
from workers.run.logs import about, write_json_lines
from workers.run.memory import held_mb
from workers.run.running import DeadlineExceededError, RunFailedError, RunLostError, RunStoppedError, failure_of
from workers.run.tracing import going_on, span_to_go_on
from workers.settings import WorkerSettings
from workers.spawning import end_with_parent, sigint_left_to_this_process

Work = Callable[[AnyRequest, Progress], JobResult]
Begin = Callable[[], tuple[WorkerInfo, Work]]
"""First thing in a child: what it says of itself, and what it does from then on. Has to be picklable."""

START_S = 300.0
"""A fresh process opens its models, and may compile, before it reports."""
STOP_S = 5.0
"""How long a child may take to its next tile when it is told to stop; then it is killed."""


class Children:
    """As many children as jobs are done at once: the first from ``start`` on, others when they are needed."""

    def __init__(self, begin: Begin, settings: WorkerSettings) -> None:
        self._begin = begin
        self._settings = settings
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._busy: list[_Child] = []
        self._stopped = False

    def start(self) -> WorkerInfo:
        """What the first child says of itself, once it can work. Raises: RunLostError, RunStoppedError."""
        with self._borrowed() as child:
            return child.ready()

    def perform(self, job_id: str, request: AnyRequest, progress: Progress) -> JobResult:
        """The work of a job, in a child.

        Raises: RunFailedError; RunLostError if the child ends; RunStoppedError; DeadlineExceededError at the hard
        limit, when the child is killed; what ``progress`` raises.
        """
        with self._borrowed() as child:
            threads = self._settings.threads or max(1, processors() // len(self._busy))
            asked = (job_id, request, threads, span_to_go_on())
            return child.perform(asked, progress, self._settings.hard_limit_s)

    def stop(self) -> None:
        """Kill all children; whoever waits for one gets RunStoppedError."""
        with self._lock:
            self._stopped = True
            for child in (*self._idle, *self._busy):
                child.kill()

    @contextlib.contextmanager
    def _borrowed(self) -> "Iterator[_Child]":
        with self._lock:
            if self._stopped:
                raise RunStoppedError
            child = self._idle.pop() if self._idle else _Child(self._begin, self._settings)
            self._busy.append(child)
        try:
            yield child
        except RunLostError:
            if self._stopped:
                raise RunStoppedError from None
            raise
        finally:
            with self._lock:
                self._busy.remove(child)
                if child.idle and not self._stopped:
                    self._idle.append(child)
                else:
                    child.kill()
                    if not (self._stopped or self._idle):  # gets ready while nobody waits for it
                        self._idle.append(_Child(self._begin, self._settings))


class _Child:
    """One child, as its parent sees it; ``idle`` while it waits for work."""

    def __init__(self, begin: Begin, settings: WorkerSettings) -> None:
        context = get_context("spawn")
        self._connection, of_child = context.Pipe()
        self._process = context.Process(target=_serve, args=(of_child, begin, settings), daemon=True)
        self._info: WorkerInfo | None = None
        self.idle = False
        with sigint_left_to_this_process():
            self._process.start()
        of_child.close()

    def ready(self) -> WorkerInfo:
        """What it says of itself, once it can work. Raises: RunLostError."""
        if self._info is None:
            try:
                self._info = self._next(START_S)
            except TimeoutError as error:
                raise RunLostError(f"a child was not ready in {START_S:.0f} s") from error
            self.idle = True
        return self._info

    def perform(self, asked: tuple[str, AnyRequest, int, str | None], progress: Progress, limit_s: float) -> JobResult:
        """The result for job, request, threads and trace. Raises: see ``Children.perform``."""
        self.ready()
        self.idle = False
        end = time.monotonic() + limit_s
        self._send(asked)
        try:
            while not isinstance(message := self._next(end - time.monotonic()), _End):
                self._report(message, progress)
        except TimeoutError as error:
            raise DeadlineExceededError(f"the job took longer than {limit_s} s") from error
        self.idle = not message.retires
        if isinstance(message.outcome, Failure):
            raise RunFailedError(message.outcome)
        assert message.outcome is not None  # it was not told to stop
        return message.outcome

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join()

    def _report(self, fraction: float, progress: Progress) -> None:
        try:
            progress(fraction)
        except BaseException:
            with contextlib.suppress(RunLostError, TimeoutError):
                self._send(False)
                self.idle = not self._next(STOP_S).retires
            raise
        self._send(True)

    def _send(self, message: object) -> None:
        try:
            self._connection.send(message)
        except OSError as error:
            raise RunLostError("the child has ended") from error

    def _next(self, timeout_s: float) -> Any:
        try:
            if self._connection.poll(max(0.0, timeout_s)):
                return self._connection.recv()
        except (EOFError, OSError) as error:
            raise RunLostError("the child has ended") from error
        raise TimeoutError


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a run; the child ``retires`` if it has done its share of jobs or has taken too much memory."""

    outcome: JobResult | Failure | None
    retires: bool


class _StopError(Exception):
    """The parent wants no result any more."""


def _serve(parent: Connection, begin: Begin, settings: WorkerSettings) -> None:
    """The life of a child."""
    end_with_parent()
    write_json_lines()
    info, work = begin()
    parent.send(info)
    for number in range(settings.max_tasks_per_child):
        job_id, request, threads, traceparent = parent.recv()
        with shared(threads), about(job_id), going_on(traceparent):
            outcome = _outcome(work, job_id, request, parent)
        retires = number + 1 == settings.max_tasks_per_child or held_mb() > settings.max_memory_per_child_mb
        parent.send(_End(outcome, retires))


def _outcome(work: Work, job_id: str, request: AnyRequest, parent: Connection) -> JobResult | Failure | None:
    def progress(fraction: float) -> None:
        parent.send(fraction)
        if not parent.recv():
            raise _StopError

    try:
        return work(request, progress)
    except _StopError:
        return None
    except Exception as error:  # the child's edge: its parent gets a code, the log the cause
        return failure_of(error, job_id)
