"""Where API keys are kept: in memory, in a file beside the embedded mode's records, or in Redis."""

from abc import ABC, abstractmethod
from typing import cast

from workers.keys.record import ApiKey
from workers.record_file import RecordFile
from workers.redis_connection import connected, reachable

_KIND = "key"
_HASH = "limen:keys"


class KeyStore(ABC):
    """Keys by id; revoked ones stay. Any method may raise BrokerUnavailableError."""

    @abstractmethod
    def put(self, key: ApiKey) -> None:
        """Keep a key that is new or changed."""

    @abstractmethod
    def find(self, key_id: str) -> ApiKey | None:
        """The key of this id, if there is one."""

    @abstractmethod
    def all(self) -> list[ApiKey]:
        """Every key that was ever made, oldest first."""


class MemoryKeyStore(KeyStore):
    """Keys of this process alone."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    def put(self, key: ApiKey) -> None:
        """See ``KeyStore.put``."""
        self._keys[key.id] = key

    def find(self, key_id: str) -> ApiKey | None:
        """See ``KeyStore.find``."""
        return self._keys.get(key_id)

    def all(self) -> list[ApiKey]:
        """See ``KeyStore.all``."""
        return list(self._keys.values())


class FileKeyStore(KeyStore):
    """Keys in a file that the service and ``limen keys`` have open at once; asked anew each time."""

    def __init__(self, records: RecordFile) -> None:
        self._records = records

    def put(self, key: ApiKey) -> None:
        """See ``KeyStore.put``."""
        self._records.put((_KIND, key.id, key.model_dump_json()))

    def find(self, key_id: str) -> ApiKey | None:
        """See ``KeyStore.find``."""
        text = self._records.get(_KIND, key_id)
        return None if text is None else ApiKey.model_validate_json(text)

    def all(self) -> list[ApiKey]:
        """See ``KeyStore.all``."""
        return [ApiKey.model_validate_json(text) for text in self._records.all(_KIND).values()]


class RedisKeyStore(KeyStore):
    """Keys in Redis, where the jobs are."""

    def __init__(self, url: str) -> None:
        self._redis = connected(url)

    def put(self, key: ApiKey) -> None:
        """See ``KeyStore.put``."""
        with reachable():
            self._redis.hset(_HASH, key.id, key.model_dump_json())

    def find(self, key_id: str) -> ApiKey | None:
        """See ``KeyStore.find``."""
        with reachable():
            text = cast(str | None, self._redis.hget(_HASH, key_id))
        return None if text is None else ApiKey.model_validate_json(text)

    def all(self) -> list[ApiKey]:
        """See ``KeyStore.all``."""
        with reachable():
            texts = cast(list[str], self._redis.hvals(_HASH))
        return sorted((ApiKey.model_validate_json(text) for text in texts), key=lambda key: key.created_at)
