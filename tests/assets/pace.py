"""Promises in seconds, held to the pace of the machine that tests them.

A promise is kept if it is kept as it stands. Where it is not, a fixed piece of work says whether the machine is slower,
just then, than the one on which promises were measured, and how many times; only by that much may an answer be later.
"""

import time
import zlib

PROBES = 8
PROBE_S = 0.012
"""What one probe takes on the machine of the promises: a Xeon at 2.5 GHz with nothing else to do."""
SLOWEST = 5.0
"""No machine is taken for slower than this, so that a hang stays one."""
DATA = bytes(range(256)) * 2000


def in_time(taken_s: float, promised_s: float) -> bool:
    """Whether ``taken_s`` keeps the promise at this machine's pace."""
    return taken_s < promised_s or taken_s < promised_s * times_slower()


def times_slower() -> float:
    """Wall time of the slowest probe over ``PROBE_S``, 1 to ``SLOWEST``."""
    return min(max(max(_probe() for _ in range(PROBES)) / PROBE_S, 1.0), SLOWEST)


def _probe() -> float:
    """Seconds for some interpreted arithmetic and some compression."""
    began, value = time.perf_counter(), 0
    for number in range(200_000):
        value = (value * 31 + number) & 0xFFFF
    zlib.compress(DATA, 6)
    return time.perf_counter() - began
