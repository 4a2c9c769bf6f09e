"""The TypeScript client that ``openapi-typescript`` makes of the API's description: its types hold, and it works.

``make tests`` puts its packages, which ``typescript/package.json`` names, into the folder ``.npm-clients``.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.assets.photos import scene_png
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PACKAGES = ROOT / ".npm-clients" / "node_modules"
COMPILE = ("--strict", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext")


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_submits_waits_and_fetches(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not PACKAGES.is_dir():
        pytest.skip("needs the programs node and npm, and `make tests` to install its packages")
    for name in ("package.json", "use.ts"):
        shutil.copy(HERE / "typescript" / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    programs = PACKAGES / ".bin"
    run(tmp_path, str(programs / "openapi-typescript"), str(ROOT / "tests/assets/openapi.json"), "-o", "limen.ts")
    run(tmp_path, str(programs / "tsc"), *COMPILE, "use.ts")
    (tmp_path / "photo.png").write_bytes(scene_png())
    with ServiceProcess(tmp_path) as service:
        got = json.loads(run(tmp_path, node, "use.js", service.url, "photo.png"))
    size_bytes = got.pop("size_bytes")
    assert size_bytes[0] == size_bytes[1]
    assert got == {"at_once": 0.75, "state": "succeeded", "begins": "ffd8", "problem": "/problems/job-unknown"}
