"""The ways by which ``mutated_files`` sends its files through Limen beside the function itself.

Each yields the number of a file and what came of it: ``done``, the code or words of a typed refusal, or words that
begin with a capital for what may not be.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.assets.redis_server import RedisServer
from tests.assets.service_process import ROOT, ServiceProcess

Made = Callable[[int], bytes]
Outcome = tuple[int, str]

WISHES = {"quality": "70", "metadata": "keep-all", "steering": "none"}
_OPTIONS = [part for name, value in WISHES.items() for part in (f"--{name}", value)]
_PROGRAM_EVERY = 100
"""Every so many files are given to a program of their own; the others to one that goes on."""
_LOST = ("died", "unexpected")
"""Words of the command line for a lost process and for an error without a type."""


def by_command_line(made: Made, numbers: range, suffix: str) -> Iterator[Outcome]:
    """One file a call of ``limen varjpeg``."""
    from typer.testing import CliRunner

    from workers.cli.program import app

    runner = CliRunner()
    with tempfile.TemporaryDirectory() as folder:
        photo, result = Path(folder) / f"a.{suffix}", Path(folder) / "result.jpg"
        for number in numbers:
            photo.write_bytes(made(number))
            arguments = ["varjpeg", str(photo), "-o", str(result), *_OPTIONS]
            if number % _PROGRAM_EVERY == 0:
                status, said = _program(arguments)
            else:
                answer = runner.invoke(app, arguments)
                status, said = answer.exit_code, answer.stderr
            yield number, _of_command_line(status, said, photo, result)
            result.unlink(missing_ok=True)


def _program(arguments: list[str]) -> tuple[int, str]:
    command = [sys.executable, "-m", "workers.cli.program", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def _of_command_line(status: int, said: str, photo: Path, result: Path) -> str:
    if status == 0 and result.is_file():
        return _compared(photo.suffix, photo.stat().st_size, result.stat().st_size)
    if status != 2 or any(word in said for word in _LOST) or "Traceback" in said:
        return f"FAILED with status {status}: {said[-200:]}"
    return "refused"


def by_folder(made: Made, numbers: range, suffix: str, *, jobs: int) -> Iterator[Outcome]:
    """All files in one folder, by ``limen varjpeg FOLDER --jobs N``."""
    with tempfile.TemporaryDirectory() as folder:
        photos, results = Path(folder) / "photos", Path(folder) / "results"
        photos.mkdir()
        for number in numbers:
            (photos / f"{number:05}.{suffix}").write_bytes(made(number))
        command = [sys.executable, "-m", "workers.cli.program", "varjpeg", str(photos), "-o", str(results), *_OPTIONS]
        done = subprocess.run(
            [*command, "--jobs", str(jobs), "--json"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 2):
            yield numbers.start, f"FAILED with status {done.returncode}: {done.stderr[-500:]}"
            return
        body = json.loads(done.stdout)
        found = {photo["photo"]: _of_photo(photo, suffix) for photo in body["photos"]}
        found |= {entry["photo"]: "skipped" for entry in body["skipped"]}
        found |= {entry["photo"]: _of_error(entry["error"]) for entry in body["failed"]}
        by_number = {int(Path(name).stem): outcome for name, outcome in found.items()}
        for number in numbers:
            yield number, by_number.get(number, "MISSING in the table")


def _of_photo(photo: dict[str, object], suffix: str) -> str:
    return _compared(f".{suffix}", int(str(photo["input_bytes"])), int(str(photo["size_bytes"])))


def _of_error(error: str) -> str:
    return f"FAILED: {error}" if any(word in error for word in _LOST) else "refused"


def _compared(suffix: str, came_in: int, made: int) -> str:
    return f"LARGER: {came_in} -> {made}" if suffix == ".jpg" and made > came_in else "done"


def by_service(made: Made, numbers: range, suffix: str, *, with_redis: bool) -> Iterator[Outcome]:
    """One file an upload; the service's processes, those of the pool too, have to be the same at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        redis = RedisServer(folder) if with_redis else None
        if redis is not None:
            redis.start()
        try:
            url = None if redis is None else redis.url
            with ServiceProcess(folder, redis_url=url, real=True, max_tasks_per_child=100_000) as service:
                before = service.family()
                for number in numbers:
                    yield number, _of_upload(service, made(number), suffix)
                if service.family() != before:
                    yield numbers.stop - 1, "FAILED: other processes than at the start"
        finally:
            if redis is not None:
                redis.kill()


def _of_upload(service: ServiceProcess, data: bytes, suffix: str) -> str:
    headers = {"Prefer": "wait=60", "Accept": "image/jpeg"}
    reply = service.client.post(
        "/v1/varjpeg", files={"image": (f"a.{suffix}", data, "image/jpeg")}, data=WISHES, headers=headers
    )
    if reply.status_code == 200:
        return _compared(f".{suffix}", len(data), len(reply.content))
    if not 400 <= reply.status_code < 500:
        return f"STATUS {reply.status_code}: {reply.text[:200]}"
    return str(reply.json()["type"].removeprefix("/problems/"))
