"""``limen serve`` in a data folder that it cannot have: one line, and no traceback."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workers.cli.program import app
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
