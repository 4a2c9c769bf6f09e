"""Photos worked on several at once: processes here or threads that wait for a server, and how SIGINT ends them."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import NoReturn

from workers.cli.files import remove_parts
from workers.cli.journal import Done
from workers.cli.options import RunOptions
from workers.cli.work import Item, Note, perform
from workers.spawning import end_with_parent, sigint_left_to_this_process

INTERRUPTED = 130
GRACE_S = 0.6
"""How long photos under way may still take after SIGINT."""
POLL_S = 0.1
"""How soon SIGINT is seen."""
CLIENT_THREADS = "limen-client"


def finished(
    waiting: Mapping[str, Item], notes: Mapping[str, Note | None], options: RunOptions, stop: threading.Event
) -> Iterator[tuple[str, "Future[Done]"]]:
    """Each item's future as it ends. Once ``stop`` is set nothing more is begun, and ``GRACE_S`` later all is left.

    A process that dies takes all photos with it that wait for the same processes: those that may have been its ruin are
    then tried again, each alone, and after them the others.
    """
    left = list(waiting)
    while left and not stop.is_set():
        lost = []
        for name, future in _tried(left, waiting, notes, options, stop):
            if _has_lost_its_process(future) and not stop.is_set():
                lost.append(name)
            else:
                yield name, future
        suspects, left = sorted(lost, key=left.index)[: options.jobs], sorted(lost, key=left.index)[options.jobs :]
        for suspect in suspects:
            alone = RunOptions(server=options.server)
            yield from _tried([suspect], waiting, notes, alone, stop)


def _has_lost_its_process(future: "Future[Done]") -> bool:
    return not future.cancelled() and isinstance(future.exception(), BrokenProcessPool)


def _tried(
    names: Sequence[str],
    waiting: Mapping[str, Item],
    notes: Mapping[str, Note | None],
    options: RunOptions,
    stop: threading.Event,
) -> Iterator[tuple[str, "Future[Done]"]]:
    """Each named item's future as it ends, all done by one set of workers."""
    executor = (
        process_pool(options.jobs) if options.server is None else ThreadPoolExecutor(options.jobs, CLIENT_THREADS)
    )
    try:
        with sigint_left_to_this_process():
            futures = {executor.submit(perform, waiting[name], None, notes[name]): name for name in names}
        pending, end = set(futures), None
        while pending and (end is None or time.monotonic() < end):
            ended, pending = wait(pending, timeout=POLL_S, return_when=FIRST_COMPLETED)
            for future in ended:
                yield futures[future], future
            if stop.is_set():
                end = end or time.monotonic() + GRACE_S
                pending = {future for future in pending if not future.cancel()}
    finally:
        if stop.is_set():
            _kill_children()
        executor.shutdown(wait=not stop.is_set(), cancel_futures=True)


def process_pool(jobs: int) -> Executor:
    """Processes that do the work, so that none of them can end this program. They are spawned, for ONNX Runtime and
    numba have threads of their own, and end when this one does.

    Raises:
        OSError: None can be started, as where this user may not read what the interpreter needs.
    """
    try:
        return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_begin_beside, initargs=(jobs,))
    except BrokenPipeError as error:  # the tracker of semaphores, which is started first, has ended at once
        raise OSError(f"{sys.executable} ends at once when started anew; may this user read it?") from error


def _begin_beside(jobs: int) -> None:
    """First thing in one of so many processes that share the processors."""
    os.environ.setdefault("LIMEN_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
    end_with_parent()


@contextmanager
def stopped_by_sigint(stop: threading.Event) -> Iterator[None]:
    """SIGINT sets ``stop``, so that no result is lost halfway; a second one ends the program at once."""

    def first(number: int, frame: object) -> None:
        stop.set()
        signal.signal(number, second)

    def second(number: int, frame: object) -> None:
        _kill_children()
        os._exit(INTERRUPTED)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _kill_children() -> None:
    for child in active_children():
        child.kill()
        child.join(GRACE_S)


def leave_at_once(folders: Iterable[Path]) -> NoReturn:
    """End the program by SIGINT's status though threads of it still work; nothing of theirs stays in ``folders``."""
    for folder in folders:
        remove_parts(folder, of_this_process=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)
