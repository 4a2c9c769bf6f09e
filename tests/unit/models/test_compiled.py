"""Compiled loops, with and without a place for their machine code."""

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
