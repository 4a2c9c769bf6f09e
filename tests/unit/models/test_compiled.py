"""Compiled loops, with and without a place for their machine code."""

import subprocess
import sys

import pytest
from numba.core.caching import CacheImpl

from models.compiled import compiled


def total(count: int) -> int:
    result = 0
    for i in range(count):
        result += i
    return result


def test_loops_compute_what_python_computes() -> None:
    assert compiled(total)(10) == total(10)


def test_loops_work_where_nothing_can_be_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    assert compiled(total)(10) == total(10)


def test_a_short_process_starts_without_scipys_blas() -> None:
    script = (
        "import sys; from models.compiled import leave_blas_out; leave_blas_out(); import numpy as np; "
        "from models.jnd.feature_maps import feature_maps; feature_maps(np.zeros((16, 16, 3), np.uint8)); "
        "print('scipy.linalg' in sys.modules); import scipy.linalg.cython_blas; leave_blas_out(); print('there')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "there"]
