"""A real Redis on a free port, with the durability settings that Limen asks for, and a real S3 server; which processes
are measured."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assets.fleet.s3_server import S3Server
from tests.assets.redis_server import RedisServer


def pytest_configure() -> None:
    """Services, workers and commands that tests start are measured where that costs next to nothing.

    Before Python 3.12 coverage has to trace every line of every library: a service would start at half its speed.
    """
    if sys.version_info < (3, 12) and "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for all tests that keep to their own database or flush it."""
    server = _started(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One S3 server for all tests that keep to their own prefix or empty it."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_s3(tmp_path: Path) -> Iterator[S3Server]:
    """An S3 server that the test may stop and hold up."""
    server = S3Server(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that the test may stop, kill and fill."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = _started(folder)
    yield server
    server.kill()


def _started(folder: Path) -> RedisServer:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not on the PATH")
    server = RedisServer(folder)
    server.start()
    return server
