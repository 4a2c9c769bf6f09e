"""Who is let in where: on this machine, on others', with and without keys."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.access.gate import Gate, is_loopback, opened_gate
from app.http.problems import ProblemError
from app.main import create_app
from app.settings import ApiSettings
from workers.keys.record import new_key
from workers.keys.scope import Scope
from workers.keys.store import MemoryKeyStore, RedisKeyStore
from workers.run.celery_app import create_celery


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("example.org", False),
        ("127.0.0.1.example.org", False),
        ("", False),
    ],
)
def test_only_this_machine_reaches_a_loopback_address(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


def test_a_service_that_others_reach_does_not_start_without_saying_for_whom() -> None:
    keys = MemoryKeyStore()
    with pytest.raises(ValueError, match=r"limen keys create NAME.*LIMEN_ALLOW_ANONYMOUS=1"):
        opened_gate(keys, ApiSettings(), "0.0.0.0")
    assert opened_gate(keys, ApiSettings(), "127.0.0.1").admit([], Scope.SUBMIT).id is None
    assert opened_gate(keys, ApiSettings(allow_anonymous=True), "0.0.0.0").admit([], Scope.SUBMIT).id is None
    keys.put(new_key("shop", frozenset({Scope.READ}), 1.0)[0])
    with pytest.raises(ProblemError) as refused:
        opened_gate(keys, ApiSettings(), "0.0.0.0").admit([], Scope.READ)
    assert refused.value.code == "key-missing"


def test_while_redis_is_away_such_a_service_starts_and_lets_nobody_in(tmp_path: Path) -> None:
    url = "redis://127.0.0.1:1/0"
    settings = ApiSettings(redis_url=SecretStr(url), blob_dir=tmp_path, access_log=False)
    assert isinstance(opened_gate(RedisKeyStore(url), settings, "0.0.0.0"), Gate)
    with TestClient(create_app(settings, celery=create_celery(settings), host="0.0.0.0")) as client:
        assert client.get("/v1/models").status_code == 401
        key = f"limen_{'a' * 16}_{'A' * 43}"
        assert client.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code == 503


def test_without_keys_a_header_is_not_looked_at_and_with_the_first_one_it_counts() -> None:
    keys = MemoryKeyStore()
    gate = opened_gate(keys, ApiSettings(), "127.0.0.1")
    assert gate.admit(["Bearer of a service elsewhere"], Scope.READ).id is None
    key, text = new_key("shop", frozenset({Scope.READ}), 1.0)
    keys.put(key)
    assert gate.admit([f"Bearer {text}"], Scope.READ).id == key.id
    with pytest.raises(ProblemError):
        gate.admit([], Scope.READ)


def test_with_anyone_let_in_a_key_still_has_to_be_a_good_one() -> None:
    keys = MemoryKeyStore()
    key, text = new_key("shop", frozenset({Scope.READ}), 1.0)
    keys.put(key)
    gate = opened_gate(keys, ApiSettings(allow_anonymous=True), "0.0.0.0")
    assert gate.admit([], Scope.SUBMIT).id is None
    assert gate.admit([f"Bearer {text}"], Scope.READ).id == key.id
    for header, scope in (("Bearer x", Scope.READ), (f"Bearer {text}", Scope.SUBMIT)):
        with pytest.raises(ProblemError):
            gate.admit([header], scope)
