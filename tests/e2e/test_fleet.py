"""Hosts of a fleet are switched off in turn, and nothing that was accepted is lost or done twice."""

from pathlib import Path
from typing import Any

import pytest

from tests.assets.fleet.fleet import Fleet
from tests.assets.fleet.s3_server import S3Server
from tests.assets.photos import SLOW_WIDTH, noise, png
from tests.benchmarks.soak.fleet import soak

pytestmark = [pytest.mark.redis, pytest.mark.slow]


def ask(number: int) -> tuple[str, bytes, dict[str, str]]:
    """Every fourth takes five seconds, so that it is under way when a worker is killed."""
    if number // 1000 % 4 == 0:
        return "/v1/quality-score", png(noise(24, SLOW_WIDTH, number)), {}
    return "/v1/varjpeg", png(noise(24, 24, number)), {"target_sur": "0.75"}


def test_killed_workers_and_web_processes_cost_no_photo(own_redis: Any, own_s3: S3Server, tmp_path: Path) -> None:
    with Fleet(tmp_path, own_redis.url, own_s3, concurrency=2) as fleet:
        report = soak(fleet, own_redis.url, ask, seconds=15, clients=6, kill_every_s=7)
    assert report.good, report.lines()
    assert min(report.kills["worker"], report.kills["api"]) >= 1
