"""A service that works without a pause keeps its size; ``tests.benchmarks.soak.steady`` looks for an hour."""

import time
from pathlib import Path

import pytest

from tests.assets.redis_server import RedisServer
from tests.assets.service_process import ServiceProcess
from tests.benchmarks.soak.steady import Size, growth, soak, too_large

pytestmark = pytest.mark.slow
SOAK_S = 30.0
EVERY_S = 0.1
"""Between photos. At full speed the many jobs of the first half minute, whose ids are remembered, look like growth."""
KEPT_S = 3
ENDLESS = 100_000
"""No process is replaced: for three seconds out of ten the new one would be smaller, by chance in one quarter only."""


@pytest.mark.parametrize("mode", ["embedded", pytest.param("redis", marks=pytest.mark.redis)])
def test_memory_files_and_keys_stay_as_many(
    mode: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    redis = RedisServer(tmp_path_factory.mktemp("redis")) if mode == "redis" else None
    if redis is not None:
        redis.start()
    try:
        url = None if redis is None else redis.url
        with ServiceProcess(
            tmp_path, redis_url=url, job_expiry_s=KEPT_S, access_log=False, max_tasks_per_child=ENDLESS
        ) as service:
            sizes, load = soak(service, tmp_path, redis, SOAK_S, EVERY_S)
            time.sleep(2 * KEPT_S)
            left = Size.of(service, tmp_path, redis)
    finally:
        if redis is not None:
            redis.kill()
    assert load.failed == []
    assert load.done > 20
    grown = growth(sizes)
    del grown["redis_keys"], grown["redis_mb"]  # as many as the jobs of three seconds, which are now more, now fewer
    assert too_large(grown) == []
    assert left.redis_keys < 30


def test_what_grows_is_named() -> None:
    sizes = [Size(100 + number, 10, 5, 1, 0, 0) for number in range(40)]
    assert growth(sizes)["memory_mb"] == (124.5, 134.5)
    assert too_large(growth(sizes)) == ["memory_mb"]
    assert too_large(growth([Size(100, 10, 5, 1, 0, 0)] * 8)) == []
