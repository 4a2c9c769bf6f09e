"""One suite over the stores of API keys, and what ``limen keys`` and a running service do to each other."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from pydantic import SecretStr

from workers.errors import BrokerUnavailableError
from workers.keys.opened import opened_keys
from workers.keys.record import id_and_secret, new_key, opens
from workers.keys.scope import Scope
from workers.keys.store import KeyStore, MemoryKeyStore
from workers.settings import BrokerSettings

Open = Callable[[], AbstractContextManager[KeyStore]]


@pytest.fixture(params=["memory", "file", pytest.param("redis", marks=pytest.mark.redis)])
def open_keys(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    if request.param == "memory":
        store = MemoryKeyStore()
        return lambda: nullcontext(store)
    if request.param == "file":
        return lambda: opened_keys(BrokerSettings(data_dir=tmp_path))
    server = request.getfixturevalue("redis_server")
    with server.client() as client:
        client.flushall()
    return lambda: opened_keys(BrokerSettings(redis_url=SecretStr(server.url), blob_dir=tmp_path))


def test_a_key_is_found_by_its_id_alone_and_stays_after_its_end(open_keys: Open) -> None:
    with open_keys() as store:
        assert store.all() == []
        assert store.find("0" * 16) is None
        first, _ = new_key("shop", frozenset({Scope.SUBMIT, Scope.READ}), 1.0, requests_per_minute=5)
        second, _ = new_key("monitor", frozenset({Scope.ADMIN}), 2.0)
        store.put(first)
        store.put(second)
        assert store.find(first.id) == first
        store.put(first.revoked(3.0))
    with open_keys() as again:
        assert again.all() == [first.revoked(3.0), second]


def test_what_one_process_changes_another_sees_at_once(open_keys: Open) -> None:
    with open_keys() as service, open_keys() as command:
        key, text = new_key("shop", frozenset({Scope.READ}), 1.0)
        command.put(key)
        parts = id_and_secret(text)
        assert parts is not None
        assert opens(service.find(parts[0]), parts[1])
        command.put(key.revoked(2.0))
        assert not opens(service.find(parts[0]), parts[1])


def test_nothing_that_is_kept_opens_anything(open_keys: Open, tmp_path: Path) -> None:
    with open_keys() as store:
        key, text = new_key("shop", frozenset({Scope.READ}), 1.0)
        store.put(key)
        parts = id_and_secret(text)
        assert parts is not None
        kept = "".join(found.model_dump_json() for found in store.all()).encode()
        kept += b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert parts[1].encode() not in kept
        assert key.digest.encode() in kept


def test_a_redis_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    away = BrokerSettings(redis_url=SecretStr("redis://127.0.0.1:1/0"), blob_dir=tmp_path)
    with opened_keys(away) as store:
        for ask in (store.all, lambda: store.find("a"), lambda: store.put(new_key("a", frozenset(), 0)[0])):
            with pytest.raises(BrokerUnavailableError):
                ask()
