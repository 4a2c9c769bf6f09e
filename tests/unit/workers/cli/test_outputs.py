"""Where results of the verbs go: pipes, devices, folders, the photo's own place, or nowhere in a dry run."""

import errno
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image

from tests.unit.workers.cli.test_verbs import RUNNER, _fake_models, limen, limen_json, picture  # noqa: F401 - a fixture
from workers.cli import journal, pool
from workers.cli.program import app
from workers.cli.work import UNREAD, Item, Note, perform
from workers.contracts import StudyLadderResult, VarJpegRequest

pytestmark = pytest.mark.usefixtures("_fake_models")
QUALITY = ("--quality", 50)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.fromarray(picture()).save(path, quality=95)
    return path


def read_from(path: Path, into: list[bytes]) -> threading.Thread:
    """A thread that reads ``path`` to its end."""
    thread = threading.Thread(target=lambda: into.append(path.read_bytes()), daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("verb", "start"),
    [
        (("varjpeg", *QUALITY), b"\xff\xd8\xff"),
        (("jnd-map",), b"\x89PNG"),
        (("patch-quality-map",), b"\x89PNG"),
        (("sur-curve",), b"<?xml"),
        (("report",), b"<!doctype html>"),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else "",
)
def test_the_bytes_arrive_through_a_pipe_that_stays_one(
    photo: Path, tmp_path: Path, verb: tuple[object, ...], start: bytes
) -> None:
    pipe, arrived = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = read_from(pipe, arrived)
    limen(verb[0], photo, "-o", pipe, *verb[1:])
    reader.join(10)
    assert arrived[0].startswith(start)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.jpg", "pipe"]


def test_an_open_file_is_written_into(photo: Path) -> None:
    reading, writing = os.pipe()
    try:
        body = limen_json("varjpeg", photo, "-o", f"/dev/fd/{writing}", *QUALITY)
        assert os.read(reading, 1 << 20).startswith(b"\xff\xd8\xff")
        assert body["files"] == {"photo.jpg": f"/dev/fd/{writing}"}
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_stays_a_device(photo: Path, tmp_path: Path) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        device.open("wb").close()
    except OSError:
        pytest.skip("devices cannot be made or opened here")
    limen("varjpeg", photo, "-o", device, *QUALITY)
    assert stat.S_ISCHR(device.stat().st_mode)


def test_a_folder_is_made_or_written_into(photo: Path, tmp_path: Path) -> None:
    for _ in range(2):
        limen("varjpeg", photo, "-o", f"{tmp_path}/new/deep/", *QUALITY)
    assert os.listdir(tmp_path / "new" / "deep") == ["photo.jpg"]
    limen("jnd-map", photo, "-o", tmp_path / "new", "--npz", f"{tmp_path}/arrays/")
    assert (tmp_path / "new" / "photo.jpg.png").is_file()
    assert (tmp_path / "arrays" / "photo.jpg.npz").is_file()
    limen("sur-curve", photo, "-o", f"{tmp_path}/new/")
    limen("report", photo, "-o", f"{tmp_path}/new/")
    assert {"photo.jpg.svg", "photo.jpg.html"} <= set(os.listdir(tmp_path / "new"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("varjpeg", "photo.jpg", "-o", "x.png", *QUALITY), "the result is a .jpg file"),
        (("jnd-map", "photo.jpg", "-o", "x.jpg"), "the result is a .png file"),
        (("jnd-map", "photo.jpg", "-o", "m.png", "--npz", "m.png"), "the result is a .npz file"),
        (("jnd-map", "photo.jpg", "-o", "m.png", "--overlay", "m.png"), "two results"),
        (("report", "photo.jpg", "-o", "x.jpg"), "the result is a .html file"),
        (("varjpeg", "photo.jpg", "-o", ".", *QUALITY), "is the input"),
        (("varjpeg", "photo.jpg", "-o", "file/", *QUALITY), "is no folder"),
        (("varjpeg", "photo.jpg", "photo.jpg", "-o", "file", *QUALITY), "is no folder"),
        (("varjpeg", "folder", "-o", "-", *QUALITY), "is no folder"),
        (("varjpeg", "photo.jpg", *QUALITY), "--in-place"),
        (("varjpeg", "photo.jpg", "-o", "o.jpg", "--in-place", *QUALITY), "--in-place"),
        (("varjpeg", "-", "--in-place", *QUALITY), "takes files"),
        (("varjpeg", "photo.jpg", "--in-place", "--format", "varjpeg", *QUALITY), "--format"),
    ],
    ids=lambda value: " ".join(map(str, value[:5])) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_said_before_anything_is_written(
    photo: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], said: str
) -> None:
    monkeypatch.chdir(photo.parent)
    Path("file").write_text("here already")
    Path("folder").mkdir()
    before = sorted(os.listdir())
    assert said in limen(*arguments, fails=True).stderr
    assert sorted(os.listdir()) == before


def test_what_was_replaced_keeps_its_permissions(photo: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.jpg"
    output.write_bytes(b"old")
    output.chmod(0o604)
    limen("varjpeg", photo, "-o", output, *QUALITY)
    assert stat.S_IMODE(output.stat().st_mode) == 0o604


def test_a_photo_becomes_smaller_where_it_is(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = photo.stat().st_size
    limen("varjpeg", photo, "--in-place", *QUALITY)
    assert photo.read_bytes().startswith(b"\xff\xd8")
    assert photo.stat().st_size < before
    assert sorted(os.listdir(photo.parent)) == ["limen.jsonl", "photo.jpg"]


def test_a_photo_in_place_loses_once_only(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "process_pool", ThreadPoolExecutor)
    first = limen_json("varjpeg", photo, "--in-place", *QUALITY)
    once = photo.read_bytes()
    assert limen_json("varjpeg", photo, "--in-place", *QUALITY) == first
    assert photo.read_bytes() == once
    (whole,) = limen_json("varjpeg", photo.parent, "--in-place", *QUALITY)["photos"]
    assert whole["already_done"]
    assert photo.read_bytes() == once
    limen("varjpeg", photo, "--in-place", "--quality", 20)
    assert len(photo.read_bytes()) < len(once)


def test_a_photo_in_place_is_whole_whenever_the_program_ends(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = photo.read_bytes()
    left = photo.with_name(".limen-999999999-0.part")
    left.write_bytes(before[:100])

    def killed(part: Path, target: Path) -> None:
        assert target.read_bytes() == before
        assert part.read_bytes().endswith(b"\xff\xd9")
        raise OSError("no more")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        assert RUNNER.invoke(app, ["varjpeg", str(photo), "--in-place", "--quality", "50"]).exit_code == 2
    assert photo.read_bytes() == before
    assert not left.exists()
    limen("varjpeg", photo, "--in-place", *QUALITY)
    assert len(photo.read_bytes()) < len(before)


def test_a_folder_in_place_is_done_once_and_keeps_what_is_no_jpeg(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "process_pool", ThreadPoolExecutor)
    Image.fromarray(picture()).save(tmp_path / "a.png")
    drawing = (tmp_path / "a.png").read_bytes()
    first = RUNNER.invoke(app, ["varjpeg", str(tmp_path), "--in-place", "--quality", "50"])
    assert first.exit_code == 2
    assert "no JPEG" in first.stderr
    assert (tmp_path / "a.png").read_bytes() == drawing
    once = photo.read_bytes()
    limen("varjpeg", tmp_path, "--in-place", *QUALITY, "--exclude", "*.png")
    assert photo.read_bytes() == once


def test_two_runs_in_place_at_once_lose_once_only(photo: Path) -> None:
    request = VarJpegRequest(image_key=UNREAD, quality=50)
    item = Item(request, {"image_key": photo}, {"photo.jpg": photo}, in_place=True)
    slow, fast = (Note(photo.with_name("limen.jsonl"), photo.name, "the same") for _ in range(2))
    first = perform(item, note=fast)
    once = photo.read_bytes()
    assert perform(item, note=slow) == first
    assert photo.read_bytes() == once


def test_a_full_disc_is_told_with_the_name_of_the_file(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    before = photo.read_bytes()
    result = RUNNER.invoke(app, ["varjpeg", str(photo), "--in-place", "--quality", "50"])
    assert (result.exit_code, result.stderr) == (2, f"limen: {photo}: No space left on device\n")
    assert photo.read_bytes() == before
    assert not list(tmp_path.glob(".limen-*"))


def test_a_line_of_the_journal_that_is_cut_off_by_a_full_disc_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.cli.journal.os.write", lambda descriptor, line: len(line) // 2)
    done = journal.Done(StudyLadderResult(width=1, height=1), 0, {})
    with pytest.raises(OSError, match="No space"):
        journal.append(tmp_path / "limen.jsonl", "a.jpg", [], done, {})


def test_a_dry_run_writes_nothing(photo: Path, tmp_path: Path) -> None:
    assert "out.jpg" in limen("varjpeg", photo, "-o", tmp_path / "out.jpg", "--dry-run").stdout
    text = limen("varjpeg", tmp_path, "-o", tmp_path / "new", "--dry-run").stdout
    assert "1 photo to do; nothing was written" in text
    body = limen_json("varjpeg", tmp_path, "-o", tmp_path / "new", "--dry-run")
    assert [plan["photo"] for plan in body["planned"]] == [str(photo)]
    assert os.listdir(tmp_path) == ["photo.jpg"]


def test_quiet_says_nothing(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "process_pool", ThreadPoolExecutor)
    assert limen("varjpeg", photo, "-o", tmp_path / "o.jpg", *QUALITY, "--quiet").output == ""
    assert limen("varjpeg", tmp_path, "-o", tmp_path / "out", *QUALITY, "-q").output == ""
    (tmp_path / "notes.txt").write_text("no photo")
    result = RUNNER.invoke(app, ["varjpeg", str(tmp_path), "-o", str(tmp_path / "out"), "--quality", "50", "-q"])
    assert (result.exit_code, result.output) == (2, "limen: notes.txt: not an image\n")


def test_the_version_is_that_of_the_package() -> None:
    assert limen("--version").stdout == f"limen {version('limen')}\n"


@pytest.mark.parametrize("address", ["localhost:9", "127.0.0.1:9", "http://127.0.0.1:9/"])
def test_a_server_needs_no_scheme(photo: Path, address: str) -> None:
    assert "Connection refused" in limen("quality-score", photo, "--server", address, fails=True).stderr


@pytest.mark.parametrize("address", ["ftp://host", "http://", "host:port", "http://[::1"])
def test_what_is_no_address_is_refused(photo: Path, address: str) -> None:
    result = RUNNER.invoke(app, ["quality-score", str(photo), "--server", address])
    assert result.exit_code == 2
    assert "no address" in result.stderr
