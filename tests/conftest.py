"""A real Redis on a free port, with the durability settings that Limen asks for."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assets.redis_server import RedisServer


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for all tests that keep to their own database or flush it."""
    server = _started(tmp_path_factory.mktemp("redis"))
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
