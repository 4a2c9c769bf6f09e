"""The one place that compiles Python loops to machine code (numba), with a cache on disk where one can be kept."""

import importlib
import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., Any])
_BLAS = "scipy.linalg.cython_blas"


def compiled(loop: Loop) -> Loop:
    """``loop`` compiled at its first call, free of the GIL, in strict IEEE arithmetic (no re-ordering, no fused steps).

    Division by zero gives infinity, as in NumPy: a test before each division would keep loops from using vector units.

    numba keeps the machine code beside the source, in the user's cache folder or in ``NUMBA_CACHE_DIR``. Where none of
    them can be written it refuses to decorate with a cache; then every process compiles for itself.
    """
    try:
        return cast(Loop, numba.njit(nogil=True, cache=True, error_model="numpy")(loop))
    except RuntimeError:
        return cast(Loop, numba.njit(nogil=True, error_model="numpy")(loop))


def inlined(step: Loop) -> Loop:
    """``step`` of compiled loops, put into each of them where it is called: the inmost loops go a third faster."""
    return cast(Loop, numba.njit(inline="always", error_model="numpy")(step))


def leave_blas_out() -> None:
    """For a short process of our own: numba looks for SciPy's BLAS when it starts, which takes 0.4 s.

    No loop of this project calls it; in this process no other compiled by numba can either.
    """
    if _BLAS in sys.modules:
        return
    sys.modules[_BLAS] = cast(Any, None)
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[_BLAS]
