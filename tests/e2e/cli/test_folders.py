"""``limen`` on folders as a program: interrupted in mid-work by a signal, and as the client of a running service."""

import contextlib
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.assets.draw_sample import draw_sample
from tests.e2e.cli.test_serve import PROGRAM, environment, service

pytestmark = pytest.mark.slow
PHOTOS = 24


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    sample = draw_sample()
    for index in range(PHOTOS):
        row, column = divmod(index, 6)
        Image.fromarray(sample[40 * row :, 30 * column :][:160, :192]).save(folder / f"{index:02d}.png")
    return folder


def lines(journal: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return [json.loads(line)["photo"] for line in journal.read_text().splitlines()]
    return []


def test_a_folder_goes_on_after_sigint_without_redoing_work(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [*PROGRAM, "varjpeg", str(photos), "-o", str(out), "--target-sur", "0.75", "--jobs", "2"]
    first = subprocess.Popen(command, env=environment(tmp_path), stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while len(lines(out / "limen.jsonl")) < 3 and first.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 130, said
    before = lines(out / "limen.jsonl")
    assert 3 <= len(before) < PHOTOS
    assert f"interrupted, {len(before)} of {PHOTOS} done" in said
    assert "Traceback" not in said
    assert not list(out.glob(".*.part"))
    times = {name: (out / f"{name}.jpg").stat().st_mtime_ns for name in before}
    second = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, timeout=300)
    assert second.returncode == 0, second.stderr
    after = lines(out / "limen.jsonl")
    assert after[: len(before)] == before
    assert sorted(after) == [f"{index:02d}.png" for index in range(PHOTOS)]
    assert {name: (out / f"{name}.jpg").stat().st_mtime_ns for name in before} == times
    weight = sum(path.stat().st_size for path in photos.iterdir())
    assert f"{PHOTOS} photos: {weight} bytes before" in second.stdout
    assert f"{len(before)} were there already" in second.stdout


def test_a_server_gives_the_same_files(photos: Path, tmp_path: Path) -> None:
    for path in sorted(photos.iterdir())[4:]:
        path.unlink()
    temporary = tmp_path / "service"
    temporary.mkdir()
    common = [str(photos), "--quality", "60", "--json"]
    here = subprocess.run(
        [*PROGRAM, "varjpeg", *common, "-o", str(tmp_path / "here")],
        env=environment(tmp_path), capture_output=True, text=True, check=True,
    )  # fmt: skip
    with service(temporary) as (client, _):
        address = str(client.base_url)
        there = subprocess.run(
            [*PROGRAM, "varjpeg", *common, "-o", str(tmp_path / "there"), "--server", address, "--jobs", "2"],
            env=environment(tmp_path), capture_output=True, text=True, check=True,
        )  # fmt: skip
        report = tmp_path / "report.html"
        subprocess.run(
            [*PROGRAM, "report", str(photos / "00.png"), "-o", str(report), "--server", address],
            env=environment(tmp_path), check=True,
        )  # fmt: skip
        refused = subprocess.run(
            [*PROGRAM, "sur-curve", str(photos / "00.png"), "--observer", "nobody", "--server", address],
            env=environment(tmp_path), capture_output=True, text=True, check=False,
        )  # fmt: skip
    for path in sorted((tmp_path / "here").glob("*.jpg")):
        assert (tmp_path / "there" / path.name).read_bytes() == path.read_bytes()
    figures = [
        [{key: value for key, value in photo.items() if key != "files"} for photo in json.loads(run.stdout)["photos"]]
        for run in (here, there)
    ]
    assert figures[0] == figures[1]
    assert "data:image/svg+xml;base64," in report.read_text()
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "nobody" in refused.stderr


def test_a_server_that_is_not_there_is_one_line(photos: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [*PROGRAM, "quality-score", str(photos / "00.png"), "--server", "http://127.0.0.1:9"],
        env=environment(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "127.0.0.1:9" in run.stderr


def test_completion_for_the_shell(tmp_path: Path) -> None:
    run = subprocess.run(
        [*PROGRAM[:-1], "workers.cli.program", "--show-completion", "bash"],
        env=environment(tmp_path) | {"SHELL": "/bin/bash"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "complete" in run.stdout
