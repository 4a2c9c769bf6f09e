"""Every capability with its real models, in both modes: the same photo gives the same numbers and the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


def run_script(blob_dir: Path, environment: dict[str, str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(HERE / "capabilities_script.py"), str(blob_dir)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


@pytest.fixture(scope="module")
def embedded_results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return run_script(tmp_path_factory.mktemp("blobs"), {})


def test_the_embedded_mode_gives_the_same_results_twice(embedded_results: list[Any], tmp_path: Path) -> None:
    assert run_script(tmp_path, {}) == embedded_results


@pytest.mark.redis
def test_the_redis_mode_gives_the_same_results(embedded_results: list[Any], own_redis: Any, tmp_path: Path) -> None:
    environment = {"LIMEN_REDIS_URL": own_redis.url, "LIMEN_BLOB_DIR": str(tmp_path / "blobs")}
    log = tmp_path / "worker.log"
    with log.open("wb") as file:
        limen = Path(sys.executable).with_name("limen")
        worker = subprocess.Popen([limen, "worker"], env={**os.environ, **environment}, stdout=file, stderr=file)
    try:
        assert run_script(tmp_path / "blobs", environment) == embedded_results, log.read_text()
    finally:
        worker.terminate()
        worker.wait(30)


def test_each_capability_makes_its_files_and_a_small_body(embedded_results: list[Any]) -> None:
    files = {
        "jnd-map": ["jnd-map.png", "overlay.png", "jnd-map.npz"],
        "patch-quality-map": ["patch-quality-map.png", "overlay.png", "patch-quality-map.npz"],
        "quality-score": [],
        "full-reference-score": [],
        "sur-curve": ["sur-curve.svg", "sur-curve.png", "sur-curve.csv"],
        "varjpeg-decode": ["decoded.png"],
        "plain-encoding": ["plain.avif"],
    }
    for result in embedded_results:
        names = [artefact["name"] for artefact in result["artefacts"]]
        assert names == files.get(result["capability"], names)
        assert len(json.dumps(result["body"], allow_nan=False)) < 64 * 1024
        assert all(artefact["size_bytes"] > 0 for artefact in result["artefacts"])
        assert (result["body"]["height"], result["body"]["width"]) == (160, 240)
    media_types = [result["artefacts"][0]["media_type"] for result in embedded_results if result["artefacts"]]
    assert media_types[-4:] == ["image/jpeg", "image/jpeg", "application/vnd.limen.varjpeg", "image/png"]
