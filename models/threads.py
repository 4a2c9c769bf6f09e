"""Work on parts of one photo at once, with the same result on any number of threads.

Parts never depend on each other, and what is added up is added in their order by whoever asked. Compiled loops and ONNX
Runtime hold no lock while they work. A part that asks for parts of its own does them itself.
"""

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_NAME = "limen-part"
_LEAST_ROWS = 16
"""A band is not made of fewer rows: under about a tenth of a millisecond a thread costs more than it gains."""


_share: ContextVar[int | None] = ContextVar("limen-threads", default=None)


def thread_count() -> int:
    """Threads for one photo: as ``shared`` says, else ``LIMEN_THREADS``, else the processors of this process."""
    return _share.get() or _own_count()


@contextmanager
def shared(threads: int) -> Iterator[None]:
    """Work inside on so many threads, as the processors are shared with other processes."""
    before = _share.set(threads)
    try:
        yield
    finally:
        _share.reset(before)


def processors() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """``work`` of each item, in order; a few items ahead are worked on while one is taken."""
    threads = thread_count()
    if threads == 1 or threading.current_thread().name.startswith(_NAME):
        yield from map(work, items)
        return
    remaining = iter(items)
    submit = _pool_of(os.getpid(), threads).submit
    pending: deque[Future[Result]] = deque(submit(work, item) for item in itertools.islice(remaining, 2 * threads))
    try:
        while pending:
            yield pending.popleft().result()
            pending.extend(submit(work, item) for item in itertools.islice(remaining, 1))
    finally:
        for future in pending:
            future.cancel()


class Meanwhile:
    """Work on another thread, if there is one; what still waits when the block ends is left out."""

    def __init__(self) -> None:
        self._threads = thread_count()
        self._alone = self._threads == 1 or threading.current_thread().name.startswith(_NAME)
        self._begun: list[Callable[[], bool]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for cancel in self._begun:
            cancel()

    def begin(self, work: Callable[[Item], Result], item: Item) -> Future[Result]:
        """``work`` of an item, whose result or error is there when it is asked for."""
        if self._alone:
            done: Future[Result] = Future()
            try:
                done.set_result(work(item))
            except Exception as error:
                done.set_exception(error)
            return done
        future = _pool_of(os.getpid(), self._threads).submit(work, item)
        self._begun.append(future.cancel)
        return future


def in_bands(work: Callable[[slice], Result], rows: int) -> list[Result]:
    """``work`` of bands of rows that make up all of them, in order."""
    bands = max(1, min(thread_count(), rows // _LEAST_ROWS))
    edges = [rows * band // bands for band in range(bands + 1)]
    return list(in_order(work, itertools.starmap(slice, itertools.pairwise(edges))))


@cache
def _own_count() -> int:
    return int(os.environ.get("LIMEN_THREADS") or processors())


@cache
def _pool_of(_process: int, threads: int) -> ThreadPoolExecutor:
    """One for each process: a fork would inherit a pool without its threads."""
    return ThreadPoolExecutor(threads, thread_name_prefix=_NAME)
