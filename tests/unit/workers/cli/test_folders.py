"""The verbs of ``limen`` over folders: what is read and written, the journal, failures, and a report."""

import json
import os
import pickle
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.assets.phone_files import video
from tests.assets.photos import jpeg
from tests.unit.workers.cli.test_verbs import RUNNER, _fake_models, limen, limen_json, picture  # noqa: F401 - a fixture
from workers.cli import pool, work
from workers.cli.program import app
from workers.contracts import VarJpegRequest

pytestmark = pytest.mark.usefixtures("_fake_models", "_threads_for_processes")


@pytest.fixture
def _threads_for_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake models live in this process only."""
    monkeypatch.setattr(pool, "process_pool", ThreadPoolExecutor)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photos, one below another folder, beside what is none of a program's business."""
    photos = tmp_path / "photos"
    (photos / "deep").mkdir(parents=True)
    for index, name in enumerate(("a.png", "b.webp", "deep/c.png")):
        Image.fromarray(picture()[index * 8 :]).save(photos / name)
    (photos / ".hidden.png").write_bytes(b"no photo either")
    return photos


@pytest.fixture
def performed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the photos that work was really done on."""
    names: list[str] = []
    real = work.perform

    def counting(item: work.Item, progress: Any = None, note: Any = None) -> Any:
        names.append(item.photo.name)
        return real(item, progress, note)

    monkeypatch.setattr(pool, "perform", counting)
    return names


def test_a_folder_becomes_a_folder(folder: Path, tmp_path: Path) -> None:
    body = limen_json("varjpeg", folder, "-o", tmp_path / "out", "--quality", 50)
    assert [Path(photo["photo"]).name for photo in body["photos"]] == ["a.png", "b.webp", "c.png"]
    for photo in body["photos"]:
        written = Path(photo["files"]["photo.jpg"])
        assert written.stat().st_size == photo["size_bytes"]
        assert photo["input_bytes"] == Path(photo["photo"]).stat().st_size
    assert (tmp_path / "out" / "deep" / "c.png.jpg").is_file()


def test_a_program_that_cannot_start_processes_says_so_in_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.undo()
    monkeypatch.setattr(pool, "ProcessPoolExecutor", broken)
    ended = RUNNER.invoke(app, ["varjpeg", str(folder), "-o", str(tmp_path / "out")])
    assert ended.exit_code == 2
    assert re.fullmatch(r"limen: \S+ ends at once when started anew; may this user read it\?\n", ended.stderr)


def test_what_a_photo_of_a_folder_loses_is_said(tmp_path: Path) -> None:
    data = jpeg(picture(), quality=95)
    (tmp_path / "a.jpg").write_bytes(data + video())
    (tmp_path / "b.jpg").write_bytes(data)
    command = ("varjpeg", tmp_path, "--quality", 50, "-o")
    said = limen(*command, tmp_path / "out").stderr.splitlines()
    assert len(said) == 1
    assert said[0].startswith("limen: a.jpg: the video behind the picture")
    assert not limen(*command, tmp_path / "quiet", "--quiet").stderr


def test_the_summary_says_bytes_before_and_after(folder: Path, tmp_path: Path) -> None:
    text = limen("varjpeg", folder, "-o", tmp_path / "out", "--quality", 50).stdout
    before = sum(path.stat().st_size for path in folder.rglob("[abc].*"))
    after = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.jpg"))
    assert f"3 photos: {before} bytes before, {after} bytes after" in text
    assert "a.png" in text


def test_the_same_command_does_nothing_twice(folder: Path, tmp_path: Path, performed: list[str]) -> None:
    arguments = ("varjpeg", folder, "-o", tmp_path / "out", "--quality", 50)
    first = limen_json(*arguments)
    assert sorted(performed) == ["a.png", "b.webp", "c.png"]
    again = limen_json(*arguments)
    assert len(performed) == 3
    assert all(photo.pop("already_done") for photo in again["photos"])
    assert [photo | {"already_done": False} for photo in again["photos"]] == first["photos"]
    assert "3 were there already" in limen(*arguments).stdout


def test_what_has_changed_is_done_again(folder: Path, tmp_path: Path, performed: list[str]) -> None:
    out = tmp_path / "out"
    limen("varjpeg", folder, "-o", out, "--quality", 50)
    performed.clear()
    (out / "a.png.jpg").write_bytes(b"cut")
    Image.fromarray(picture()[40:]).save(folder / "deep" / "c.png")
    limen("varjpeg", folder, "-o", out, "--quality", 50)
    assert sorted(performed) == ["a.png", "c.png"]
    limen("varjpeg", folder, "-o", out, "--quality", 60)
    assert len(performed) == 5


def test_an_interrupted_run_goes_on(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = work.perform
    seen: list[str] = []

    def interrupted_at_the_second(item: work.Item, progress: Any = None, note: Any = None) -> Any:
        seen.append(item.photo.name)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)  # until the program has seen it and taken back what is waiting
        return real(item, progress, note)

    monkeypatch.setattr(pool, "perform", interrupted_at_the_second)
    arguments = [str(part) for part in ("varjpeg", folder, "-o", tmp_path / "out", "--quality", 50)]
    stopped = RUNNER.invoke(app, arguments)
    assert stopped.exit_code == 130
    assert "interrupted, 2 of 3 done" in stopped.stderr
    done = seen[:]
    seen[:] = ["", ""]
    limen(*arguments)
    assert len(done) == 2
    assert not set(done) & set(seen)
    assert len(seen) == 3


def test_a_photo_that_fails_stops_no_other(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no jpeg")
    result = RUNNER.invoke(app, ["varjpeg", str(folder), "-o", str(tmp_path / "out"), "--quality", "50", "--json"])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "broken.jpg" in result.stderr
    body = json.loads(result.stdout)
    assert len(body["photos"]) == 3
    assert [failure["photo"] for failure in body["failed"]] == ["broken.jpg"]


def _no_permission(photo: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    photo.chmod(0)


def _no_memory_there(photo: Path) -> None:
    """A plain file for whoever asks, of which no byte can be read by anybody: Linux maps nothing at address 0."""
    photo.unlink()
    photo.symlink_to("/proc/self/mem")


def _a_link_to_itself(photo: Path) -> None:
    photo.unlink()
    photo.symlink_to(photo.name)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("made_unreadable", [_no_permission, _no_memory_there, _a_link_to_itself])
def test_a_photo_that_cannot_be_read_is_named_and_the_others_are_done(
    tmp_path: Path, made_unreadable: Callable[[Path], None], jobs: int
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for index, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        Image.fromarray(picture()[index * 8 :]).save(photos / name)
    made_unreadable(photos / "b.jpg")
    done = RUNNER.invoke(app, ["varjpeg", str(photos), "-o", str(out), "--quality", "60", "--jobs", str(jobs)])
    assert done.exit_code == 2
    assert sorted(path.name for path in out.glob("*.jpg")) == ["a.jpg", "c.jpg"]
    states = dict(line.split()[:2] for line in done.stdout.splitlines()[:3])
    unread = states.pop("b.jpg")
    assert unread == "skipped" or (unread == "failed" and str(photos / "b.jpg") in done.stderr)
    assert states == {"a.jpg": "done", "c.jpg": "done"}


def test_results_inside_the_folder_are_not_read_again(folder: Path, performed: list[str]) -> None:
    for _ in range(2):
        limen("varjpeg", folder, "-o", folder / "small", "--quality", 50)
    assert len(performed) == 3


def test_results_never_replace_their_photos(folder: Path) -> None:
    Image.fromarray(picture()).save(folder / "d.jpg")
    assert "is the input" in limen("varjpeg", folder, "-o", folder, fails=True).stderr


def test_maps_scores_and_curves_of_a_folder(folder: Path, tmp_path: Path) -> None:
    limen("jnd-map", folder, "-o", tmp_path / "maps", "--npz", tmp_path / "arrays")
    assert (tmp_path / "maps" / "a.png").is_file()
    assert (tmp_path / "arrays" / "deep" / "c.png.npz").is_file()
    assert len(limen_json("quality-score", folder)["photos"]) == 3
    limen("sur-curve", folder, "-o", tmp_path / "curves")
    assert (tmp_path / "curves" / "b.webp.svg").is_file()


def test_two_folders_are_compared_by_name(folder: Path, tmp_path: Path) -> None:
    limen("varjpeg", folder, "-o", tmp_path / "out", "--quality", 50)
    body = limen_json("full-reference-score", folder, tmp_path / "out", "-o", tmp_path / "scores")
    assert [Path(photo["photo"]).name for photo in body["photos"]] == ["a.png.jpg", "b.webp.jpg", "c.png.jpg"]
    assert (tmp_path / "scores" / "limen.jsonl").is_file()
    (folder / "b.webp").unlink()
    result = RUNNER.invoke(app, ["full-reference-score", str(folder), str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "no file for b.webp.jpg" in result.stderr
    assert "2 photos (1 failed)" in result.stdout


def test_a_container_folder_and_back(folder: Path, tmp_path: Path) -> None:
    limen("varjpeg", folder, "-o", tmp_path / "small", "--format", "varjpeg", "--quality", 50)
    limen("varjpeg-decode", tmp_path / "small", "-o", tmp_path / "back")
    assert sorted(path.name for path in (tmp_path / "back").rglob("*.png")) == [
        "a.png.vjpg.png",
        "b.webp.vjpg.png",
        "c.png.vjpg.png",
    ]


def test_a_journal_cut_off_by_a_crash_is_read_as_far_as_it_goes(
    folder: Path, tmp_path: Path, performed: list[str]
) -> None:
    arguments = ("varjpeg", folder, "-o", tmp_path / "out", "--quality", 50)
    limen(*arguments)
    journal = tmp_path / "out" / "limen.jsonl"
    journal.write_text(journal.read_text()[:-40])
    performed.clear()
    limen(*arguments)
    assert len(performed) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["varjpeg", "empty", "-o", "out"], "no file there"),
        (["varjpeg", "photos", "nowhere", "-o", "out"], "nowhere"),
        (["varjpeg", "photos", "-", "-o", "out"], "one photo"),
        (["varjpeg", "photos", "-o", "small.jpg"], "ends with a slash"),
        (["varjpeg", "photos", "other", "-o", "out"], "both be written as a.png"),
        (["varjpeg", "photos", "-o", "out", "--protect", "photos/a.png"], "goes a folder"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(folder.parent)
    Path("empty").mkdir()
    Path("other").mkdir()
    Image.fromarray(picture()).save("other/a.png")
    assert said in limen(*arguments, fails=True).stderr


def test_a_report_is_one_file_that_needs_nothing_else(folder: Path, tmp_path: Path) -> None:
    limen("report", folder / "a.png", "-o", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    for part in ("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/svg+xml;base64,", "SUR curve"):
        assert part in text
    assert "<script" not in text
    assert 'src="http' not in text
    assert 'href="' not in text


def test_what_a_process_hands_back_needs_no_model_to_be_read(folder: Path, tmp_path: Path) -> None:
    request = VarJpegRequest(image_key=work.UNREAD, target_sur=0.75)
    item = work.Item(request, {"image_key": folder / "a.png"}, {"photo.jpg": tmp_path / "a.jpg"})
    assert b"models" not in pickle.dumps(work.perform(item))
