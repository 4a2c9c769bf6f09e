"""``--in-place`` with the program as people run it: killed for real, and twice at once over one folder."""

import contextlib
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from tests.assets.draw_sample import draw_sample
from tests.e2e.cli.test_serve import PROGRAM, environment
from workers.cli.journal import read_journal

pytestmark = pytest.mark.slow
PHOTOS = 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos of different contents."""
    folder = tmp_path / "photos"
    folder.mkdir()
    sample = draw_sample()
    for number in range(PHOTOS):
        Image.fromarray(sample[30 * number :][:128, :192]).save(folder / f"{number}.jpg", quality=95)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.jpg"))}


def start(*inputs: Path, jobs: int = 1) -> "subprocess.Popen[str]":
    command = [*PROGRAM, "varjpeg", *map(str, inputs), "--in-place", "--quality", "60", "--jobs", str(jobs)]
    return subprocess.Popen(
        command, env=environment(inputs[0].parent), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: "subprocess.Popen[str]") -> str:
    """What it said on standard output once it has ended well."""
    said, complaints = process.communicate(timeout=300)
    assert process.returncode == 0, complaints
    assert complaints == ""
    return said


def compressed_once(folder: Path, tmp_path: Path) -> dict[str, bytes]:
    """What one run alone makes of a folder's photos, in a folder beside it."""
    alone = tmp_path / "alone"
    alone.mkdir()
    for name, data in contents(folder).items():
        (alone / name).write_bytes(data)
    ended(start(alone))
    return contents(alone)


def test_two_runs_at_once_over_one_folder_compress_each_photo_once(folder: Path, tmp_path: Path) -> None:
    before = contents(folder)
    once = compressed_once(folder, tmp_path)
    runs = [start(folder, jobs=jobs) for jobs in (1, 2)]
    for run in runs:
        assert f"{PHOTOS} photos" in ended(run)
    assert contents(folder) == once
    assert all(len(once[name]) < len(data) for name, data in before.items())
    assert not list(folder.glob(".limen-*"))
    assert f"{PHOTOS} were there already" in ended(start(folder))
    assert contents(folder) == once


@pytest.mark.parametrize("moment", ["while it works", "while it writes", "right after"])
def test_a_photo_killed_in_place_is_whole_and_the_next_run_ends_it(folder: Path, tmp_path: Path, moment: str) -> None:
    once = compressed_once(folder, tmp_path)
    photo = folder / "3.jpg"
    before = photo.read_bytes()
    run = start(photo)
    _wait_for(moment, run, folder)
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=10)
    assert photo.read_bytes() in (before, once["3.jpg"])
    ended(start(photo))
    assert photo.read_bytes() == once["3.jpg"]
    assert not list(folder.glob(".limen-*"))


def _wait_for(moment: str, run: "subprocess.Popen[str]", folder: Path) -> None:
    if moment == "while it works":
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(1.5)
        return
    pattern, end = {"while it writes": ".limen-*", "right after": "limen.jsonl"}[moment], time.monotonic() + 120
    while not list(folder.glob(pattern)) and run.poll() is None:
        assert time.monotonic() < end


def test_a_folder_killed_in_place_loses_no_photo_and_repeats_none(folder: Path, tmp_path: Path) -> None:
    before, once = contents(folder), compressed_once(folder, tmp_path)
    run, journal = start(folder, jobs=2), folder / "limen.jsonl"
    end = time.monotonic() + 120
    while len(read_journal(journal)) < 3 and run.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=30)
    time.sleep(1)  # the processes that did the work end with their parent
    left = contents(folder)
    assert Counter(left[name] in (before[name], once[name]) for name in before) == {True: PHOTOS}
    ended(start(folder))
    assert contents(folder) == once
    assert not list(folder.glob(".limen-*"))
