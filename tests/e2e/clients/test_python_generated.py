"""The Python client that ``openapi-python-client`` makes of the API's description: it submits, waits, fetches an image.

The generator asks for another version of a library than Limen does, so it has an environment of its own:
``pipx install openapi-python-client``, or any that puts the program on the PATH.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assets.photos import scene_png
from tests.assets.service_process import ServiceProcess
from workers.keys.opened import opened_keys
from workers.keys.record import new_key
from workers.keys.scope import Scope
from workers.settings import BrokerSettings

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
AGREED = HERE.parents[1] / "assets" / "openapi.json"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder with the client, and the Python that can run it."""
    program = shutil.which("openapi-python-client")
    if program is None:
        pytest.skip("needs the program openapi-python-client")
    folder = tmp_path_factory.mktemp("client") / "client"
    made = subprocess.run(
        [program, "generate", "--path", str(AGREED), "--output-path", str(folder)], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stdout
    assert "Error" not in made.stdout
    return folder, Path(program).resolve().with_name("python")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("service")) as running:
        yield running


def used(generated: tuple[Path, Path], *arguments: str) -> dict[str, object]:
    folder, python = generated
    command = [str(python), str(HERE / "python_generated.py"), *arguments]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_it_submits_waits_and_fetches(generated: tuple[Path, Path], service: ServiceProcess, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(scene_png())
    got = used(generated, service.url, str(photo))
    size_bytes = got.pop("size_bytes")
    assert isinstance(size_bytes, list)
    assert size_bytes[0] == size_bytes[1]
    assert got == {"at_once": 0.75, "state": "succeeded", "begins": "ffd8", "problem": "/problems/job-unknown"}


def test_so_it_does_with_a_key(generated: tuple[Path, Path], tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(scene_png())
    key, text = new_key("client", frozenset({Scope.SUBMIT, Scope.READ}), 1.0)
    with opened_keys(BrokerSettings(data_dir=tmp_path / "data")) as keys:
        keys.put(key)
    with ServiceProcess(tmp_path) as locked:
        assert used(generated, locked.url, str(photo), text)["state"] == "succeeded"
