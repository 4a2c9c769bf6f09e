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
from functools import cache
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_NAME = "limen-part"
_LEAST_ROWS = 16
"""A band is not made of fewer rows: under about a tenth of a millisecond a thread costs more than it gains."""


@cache
def thread_count() -> int:
    """``LIMEN_THREADS``, else the processors that this process may use."""
    return int(os.environ.get("LIMEN_THREADS") or _processors())


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """``work`` of each item, in order; a few items ahead are worked on while one is taken."""
    threads = thread_count()
    if threads == 1 or threading.current_thread().name.startswith(_NAME):
        yield from map(work, items)
        return
    remaining = iter(items)
    submit = _pool_of(os.getpid()).submit
    pending: deque[Future[Result]] = deque(submit(work, item) for item in itertools.islice(remaining, 2 * threads))
    try:
        while pending:
            yield pending.popleft().result()
            pending.extend(submit(work, item) for item in itertools.islice(remaining, 1))
    finally:
        for future in pending:
            future.cancel()


def in_bands(work: Callable[[slice], Result], rows: int) -> list[Result]:
    """``work`` of bands of rows that make up all of them, in order."""
    bands = max(1, min(thread_count(), rows // _LEAST_ROWS))
    edges = [rows * band // bands for band in range(bands + 1)]
    return list(in_order(work, itertools.starmap(slice, itertools.pairwise(edges))))


@cache
def _pool_of(_process: int) -> ThreadPoolExecutor:
    """One for each process: a fork would inherit a pool without its threads."""
    return ThreadPoolExecutor(thread_count(), thread_name_prefix=_NAME)


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1
