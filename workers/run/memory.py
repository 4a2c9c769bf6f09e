"""What this process holds in memory, by which processes that do work are replaced."""

import resource
import sys
from pathlib import Path


def held_mb() -> int:
    """What this process holds now, where Linux tells; elsewhere the most that it ever held.

    The most is no measure on Linux: there a process begins with that of the program that started it.
    """
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)
    return pages * resource.getpagesize() >> 20


def replace_by_what_is_held(**_: object) -> None:
    """Celery's pool, in one of its processes, replaces it for the most that it ever held; from now on for this."""
    from billiard import pool

    pool.mem_rss = lambda: held_mb() << 10
