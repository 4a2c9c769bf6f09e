"""``limen keys``: made once, listed without secrets, ended by id."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workers.cli.program import app
from workers.keys.opened import opened_keys
from workers.keys.record import id_and_secret, opens
from workers.keys.scope import Scope
from workers.settings import BrokerSettings


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("LIMEN_DATA_DIR", str(tmp_path))
    return CliRunner()


def test_a_key_is_made_listed_and_revoked(run: CliRunner, tmp_path: Path) -> None:
    limits = ["--requests-per-minute", "60", "--megapixels-per-hour", "1000"]
    text = run.invoke(app, ["keys", "create", "web shop", *limits]).stdout.strip()
    parts = id_and_secret(text)
    assert parts is not None
    listed = run.invoke(app, ["keys", "list"]).stdout
    assert "web shop" in listed
    assert parts[0] in listed
    assert parts[1] not in listed
    (told,) = json.loads(run.invoke(app, ["keys", "list", "--json"]).stdout)["keys"]
    assert (told["scopes"], told["requests_per_minute"], told["revoked_at"]) == (["read", "submit"], 60, None)
    assert run.invoke(app, ["keys", "revoke", parts[0]]).exit_code == 0
    with opened_keys(BrokerSettings(data_dir=tmp_path)) as store:
        key = store.find(parts[0])
    assert key is not None
    assert key.revoked_at is not None
    assert not opens(key, parts[1])


def test_scopes_are_those_given(run: CliRunner, tmp_path: Path) -> None:
    run.invoke(app, ["keys", "create", "prometheus", "--scope", "admin", "--scope", "study"])
    with opened_keys(BrokerSettings(data_dir=tmp_path)) as store:
        assert store.all()[0].scopes == {Scope.ADMIN, Scope.STUDY}


@pytest.mark.parametrize(
    "words",
    [
        ["keys", "revoke", "0123456789abcdef"],
        ["keys", "create", "x", "--scope", "everything"],
        ["keys", "create", " "],
        ["keys", "create", "x", "--requests-per-minute", "0"],
    ],
)
def test_what_cannot_be_is_an_error(run: CliRunner, words: list[str]) -> None:
    assert run.invoke(app, words).exit_code == 2


def test_a_service_that_others_reach_does_not_start_without_keys(run: CliRunner) -> None:
    result = run.invoke(app, ["serve", "--host", "0.0.0.0"])
    assert result.exit_code == 2
    assert "limen keys create" in result.stderr
    assert result.stderr.count("\n") == 2  # where the data is kept, and why it does not start
