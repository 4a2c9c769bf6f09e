"""A folder of forty hostile and good files: every one accounted for, once, by one job or two, and after SIGKILL."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.assets.broken_files import png_of_zeros
from tests.assets.draw_sample import draw_sample
from tests.assets.pace import in_time
from tests.assets.photos import png
from tests.e2e.cli.test_serve import PROGRAM, environment

pytestmark = pytest.mark.slow
JPEG_NAMES = (
    "a.jpg", "B.JPG", "c.jpeg", "d.jfif", "e.jpe", "f.jif", "g.mpo", "h.jpg_large", "noext", "-dash.jpg", "a b.jpg",
    "new\nline.jpg", os.fsdecode(b"M\xfcller.jpg"), "x" * 246 + ".jpg", "wrong.png", "a.png.jpg", "a[1].jpg",
    "写真.jpg",
)  # fmt: skip
OTHER_GOOD = (("a.png", "PNG"), ("a.webp", "WEBP"), ("t.tif", "TIFF"), ("g.gif", "GIF"), ("deep/down/a.bmp", "BMP"))
BAD = {
    "notes.txt": b"no photo", "text.jpg": b"no photo", "empty.jpg": b"", "start.jpg": b"\xff\xd8",
    "photo.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "drawing.svg": b"<svg/>", "paper.pdf": b"%PDF-1.7",
    "film.mp4": b"\0\0\0\x18ftypisom\0\0\0\0isomiso2", "raw.dng": b"II*\0\x08\0\0\0", "bomb.png": b"",
    "cut.png": b"", "archive.zip": b"PK\3\4",
}  # fmt: skip
NO_FILES = ("pipe.jpg", "dangling.jpg", "loop.jpg")
ON_PURPOSE = (".hidden.jpg", "Thumbs.db")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """23 photos, 12 files that are none or broken, 3 that are no files, 2 that are hidden."""
    folder = tmp_path_factory.mktemp("forty") / "in"
    (folder / "deep" / "down").mkdir(parents=True)
    sample = draw_sample()
    for number, name in enumerate(JPEG_NAMES):
        Image.fromarray(sample[20 * number :][:96, :128]).save(folder / name, "JPEG", quality=95)
    for number, (name, form) in enumerate(OTHER_GOOD):
        Image.fromarray(sample[25 * number : 25 * number + 96, 200:328]).save(folder / name, form)
    made = {"cut.png": png(sample[:96, :96])[:-3000], "bomb.png": png_of_zeros(13312, 13312)}
    for name, content in (BAD | made).items():
        (folder / name).write_bytes(content)
    for name in ON_PURPOSE:
        (folder / name).write_bytes((folder / "a.jpg").read_bytes())
    os.mkfifo(folder / "pipe.jpg")
    (folder / "dangling.jpg").symlink_to("nothing")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    return folder


def good_names() -> list[str]:
    return [*JPEG_NAMES, *(name for name, _ in OTHER_GOOD)]


def command(folder: Path, out: Path, jobs: int) -> list[str]:
    return [*PROGRAM, "varjpeg", str(folder), "-o", str(out), "--quality", "60", "--jobs", str(jobs)]


def run(arguments: list[str], tmp_path: Path) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    done = subprocess.run(
        [*arguments, "--json"], env=environment(tmp_path), capture_output=True, text=True, timeout=300, check=False
    )
    return json.loads(done.stdout), done


def results(out: Path) -> dict[Path, tuple[int, int]]:
    """Identity and time of each file of the results."""
    found = {path: path.stat() for path in out.rglob("*") if path.is_file() and path.name != "limen.jsonl"}
    return {path: (status.st_ino, status.st_mtime_ns) for path, status in found.items()}


def names_of(entries: list[dict[str, Any]], folder: Path) -> list[str]:
    return sorted(os.path.relpath(folder / entry["photo"], folder) for entry in entries)


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_file_is_done_or_named_with_its_reason(folder: Path, tmp_path: Path, jobs: int) -> None:
    out = tmp_path / "out"
    body, done = run(command(folder, out, jobs), tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert names_of(body["photos"], folder) == sorted(good_names())
    rest = {entry["photo"]: entry.get("reason", entry.get("error")) for entry in body["skipped"] + body["failed"]}
    assert sorted(rest) == sorted([*BAD, *NO_FILES, *ON_PURPOSE])
    assert all(rest.values())
    assert {entry["photo"] for entry in body["skipped"] if entry["on_purpose"]} == set(ON_PURPOSE)
    files = [entry["files"]["photo.jpg"] for entry in body["photos"]]
    assert len(set(files)) == len(files) == len(results(out))
    pictures = {Path(name).read_bytes() for name in files}
    assert len(pictures) == len(files)
    for name in files:
        with Image.open(name) as picture:
            picture.load()
            assert picture.format in ("JPEG", "MPO")
    before = results(out)
    again, done = run(command(folder, out, jobs), tmp_path)
    assert done.returncode == 2
    assert all(entry["already_done"] for entry in again["photos"])
    assert results(out) == before
    table = subprocess.run(
        command(folder, out, jobs), env=environment(tmp_path), capture_output=True, text=True, timeout=300, check=False
    ).stdout.splitlines()
    assert len(table) == 40 + 1
    assert any(line.startswith(r"M\xfcller.jpg ") for line in table)
    assert any(line.startswith(r"new\nline.jpg ") for line in table)


@pytest.mark.parametrize("jobs", [1, 2])
def test_after_sigkill_nothing_is_lost_and_nothing_repeated(folder: Path, tmp_path: Path, jobs: int) -> None:
    out = tmp_path / "out"
    journal = out / "limen.jsonl"
    first = subprocess.Popen(
        command(folder, out, jobs), env=environment(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 120
    while not journal.is_file() or journal.read_bytes().count(b"\n") < 5:
        assert first.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    time.sleep(1)  # the processes that did the work end with their parent
    before = results(out)
    assert 5 <= len([path for path in before if not path.name.startswith(".")]) < len(good_names())
    body, done = run(command(folder, out, jobs), tmp_path)
    assert done.returncode == 2
    after = results(out)
    assert names_of(body["photos"], folder) == sorted(good_names())
    assert len(after) == len(good_names())
    whole = {path: mark for path, mark in before.items() if not path.name.startswith(".")}
    assert {path: after[path] for path in whole} == whole
    lines = Counter(json.loads(line)["photo"] for line in journal.read_text().splitlines())
    assert sum(lines.values()) - len(lines) <= jobs  # a line is written just before its file gets its name


def sigint_as_in_a_terminal() -> None:
    """A shell that starts something in the background has it, and all that it starts, ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("arguments", [["a.jpg", "-o", "OUT/"], [".", "-o", "OUT"], [".", "-o", "OUT", "--jobs", "2"]])
def test_ctrl_c_is_answered_within_two_seconds(tmp_path: Path, arguments: list[str]) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    large = Image.fromarray(draw_sample()).resize((5000, 4000))
    for name in ("a.jpg", "b.jpg"):
        large.save(folder / name, quality=95)
    program = [*PROGRAM, "varjpeg", *(part.replace("OUT", str(out)) for part in arguments)]
    process = subprocess.Popen(
        program, cwd=folder, env=environment(tmp_path) | {"PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=sigint_as_in_a_terminal,
    )  # fmt: skip
    time.sleep(6)  # in the midst of the work, as long as the start takes on a busy machine
    assert process.poll() is None
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert in_time(time.monotonic() - began, 2)
    assert process.returncode == 130
    assert "limen: interrupted" in said
    assert "Traceback" not in said
    assert not out.exists() or not list(out.glob(".limen-*"))
