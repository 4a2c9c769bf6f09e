"""Processes beside this one: they end when it does, however that is, and a terminal's SIGINT is left to it."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.connection import wait

ORPHANED = 130
"""Exit status of a process whose parent is gone."""


@contextmanager
def sigint_left_to_this_process() -> Iterator[None]:
    """Processes started inside never see SIGINT, which a terminal sends to all: they inherit what is blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """To be called first in a spawned process: it ends as soon as its parent has, whatever it is doing."""

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            wait([parent.sentinel])
            os._exit(ORPHANED)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
