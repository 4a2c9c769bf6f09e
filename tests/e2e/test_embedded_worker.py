"""The embedded worker, in a process of its own: threads and memory in place of processes and Redis."""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_an_embedded_worker_is_quick_and_ends_every_job(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parents[1]}"}
    done = subprocess.run(
        [sys.executable, str(HERE / "embedded_script.py"), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["median_trip_ms"] < 25  # kombu polls memory once a second by default
    assert report["after"] == "succeeded"
    assert report["freed_s"] < 2
    assert report["late"] == "deadline-exceeded"
    assert report["cancelled"] == ["cancelled", "cancelled"]
    assert report["stopped_s"] < 5
    assert report["bad"] == "image-undecodable"
