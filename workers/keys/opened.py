"""The store of API keys that the settings ask for."""

import contextlib
from collections.abc import Iterator

from workers.keys.store import FileKeyStore, KeyStore, RedisKeyStore
from workers.record_file import RecordFile
from workers.settings import BrokerSettings


@contextlib.contextmanager
def opened_keys(settings: BrokerSettings) -> Iterator[KeyStore]:
    """Keys in Redis if there is a URL, else in ``data_dir``, also while a service works there.

    Raises: RecordFileError if the file cannot be read and written.
    """
    if settings.redis_url is not None:
        yield RedisKeyStore(settings.redis_url.get_secret_value())
        return
    with contextlib.closing(RecordFile(settings.data_dir.absolute() / "keys.sqlite", shared=True)) as records:
        yield FileKeyStore(records)
