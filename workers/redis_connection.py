"""How this project talks to Redis: one way to connect, to tell that it is away, and to read its clock."""

import contextlib
from collections.abc import Iterator
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.errors import BrokerUnavailableError

TIMEOUT_S = 0.9
"""To connect and to answer, so that a request learns within two seconds that Redis is away; see ``Retry`` below."""


def connected(url: str) -> "redis.Redis":
    """A client that connects when it is first used."""
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=TIMEOUT_S,
        socket_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        health_check_interval=25,
    )


@contextlib.contextmanager
def reachable() -> Iterator[None]:
    """Any failure of Redis, also a full one that stores nothing more, as BrokerUnavailableError."""
    try:
        yield
    except redis.WatchError:
        raise
    except redis.RedisError as error:
        raise BrokerUnavailableError(f"Redis does not serve: {type(error).__name__}") from error


def seconds(time: Any) -> float:
    """Redis's answer to TIME as Unix time."""
    return float(time[0]) + float(time[1]) / 1e6
