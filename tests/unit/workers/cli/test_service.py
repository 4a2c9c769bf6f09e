"""``limen serve`` in a data folder that it cannot have: one line, and no traceback."""

import contextlib
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workers.cli.program import app
from workers.cli.verbs.service import listening
from workers.record_file import RecordFile

HELD: list[RecordFile] = []


def damaged(folder: Path) -> None:
    (folder / "records.sqlite").write_bytes(b"no database" * 1000)


def of_a_newer_version(folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(folder / "records.sqlite")) as newer:
        newer.execute("PRAGMA user_version = 999")


def with_another_table(folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(folder / "records.sqlite")) as other:
        other.execute("CREATE TABLE records (name TEXT)")


def in_use(folder: Path) -> None:
    HELD.append(RecordFile(folder / "records.sqlite"))


def with_a_folder_in_the_way(folder: Path) -> None:
    (folder / "records.sqlite").mkdir()


def with_a_file_in_the_way(folder: Path) -> None:
    (folder / "blobs").write_text("no folder")


def test_a_misspelt_setting_is_named_and_what_is_none_of_ours_is_let_be(tmp_path: Path) -> None:
    damaged(tmp_path)  # so that it ends
    others = {"LIMEN_SERVICE_HOST": "10.0.0.1", "LIMEN_PORT_8000_TCP_PORT": "8000", "LIMEN_API_KEY": "key"}
    misspelt = {"LIMEN_DATA_DIR": str(tmp_path), "LIMEN_THREDS": "1", "limen_queue_limits": "9"}
    run = CliRunner().invoke(app, ["serve"], env=others | misspelt)
    assert run.stderr.splitlines()[:-1] == [
        "limen: LIMEN_THREDS means nothing; is LIMEN_THREADS meant?",
        "limen: limen_queue_limits means nothing; is LIMEN_QUEUE_LIMIT meant?",
    ]


def test_answers_leave_at_once() -> None:
    """asyncio sets TCP_NODELAY only where the socket names its protocol; else a body waits 40 ms behind its head."""
    with listening("127.0.0.1", 0) as sockets:
        assert [each.proto for each in sockets] == [socket.IPPROTO_TCP]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (damaged, "is damaged (file is not a database); move it away to begin with an empty one"),
        (of_a_newer_version, "is of a newer Limen (layout 999, this one knows 1)"),
        (with_another_table, "is damaged (no such column: kind)"),
        (in_use, "; LIMEN_DATA_DIR gives this one its own"),
        (with_a_folder_in_the_way, "cannot be written: unable to open database file"),
        (with_a_file_in_the_way, "blobs: File exists"),
    ],
)
def test_it_says_in_one_line_why_it_does_not_start(spoil: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    spoil(tmp_path)
    run = CliRunner().invoke(app, ["serve"], env={"LIMEN_DATA_DIR": str(tmp_path)})
    while HELD:
        HELD.pop().close()
    assert run.exit_code == 2
    assert run.stderr.count("\n") == 1, run.stderr
    assert run.stderr.startswith("limen: ")
    assert str(tmp_path) in run.stderr
    assert said in run.stderr


def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        run = CliRunner().invoke(app, ["serve", "--port", str(port)], env={"LIMEN_DATA_DIR": str(tmp_path)})
    assert run.exit_code == 2
    assert run.stderr == f"limen: cannot listen on 127.0.0.1, port {port}: address already in use\n"


@pytest.mark.parametrize("verb", ["serve", "worker"])
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"LIMEN_REDIS_URL": "nonsense", "LIMEN_BLOB_DIR": "b"}, "LIMEN_REDIS_URL: begins with none of redis://"),
        ({"LIMEN_REDIS_URL": "redis://localhost:1"}, "LIMEN_BLOB_URL or LIMEN_BLOB_DIR is needed"),
        ({"LIMEN_BLOB_URL": "nonsense"}, "LIMEN_BLOB_URL: 'nonsense' is none of s3://"),
        ({"LIMEN_PROFILES": "/nosuch"}, "LIMEN_PROFILES: /nosuch is no folder"),
        ({"LIMEN_OUTBOUND_NETWORKS": "nonsense"}, "LIMEN_OUTBOUND_NETWORKS: Input is not a valid IPv4 network"),
    ],
)
def test_a_wrong_setting_is_named_by_its_variable(
    verb: str, settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    run = CliRunner().invoke(app, [verb], env={"LIMEN_DATA_DIR": str(tmp_path)} | settings)
    assert run.exit_code == 2
    assert run.stderr.startswith(f"limen: {said}")
    assert run.stderr.count("\n") == 1
