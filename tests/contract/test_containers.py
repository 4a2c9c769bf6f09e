"""The compose file, the images and the proxy agree with the code and with what keeps jobs safe."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import ApiSettings
from workers.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
PROXY = (ROOT / "docker" / "Caddyfile").read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_services_start_with_few_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged", False)


def test_everything_without_a_profile_runs_on_a_cpu() -> None:
    default = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert default == {"proxy", "redis", "api", "worker"}
    assert SERVICES["worker"]["environment"]["LIMEN_DEVICE"] == "cpu"
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]


def test_redis_keeps_what_was_accepted() -> None:
    command = SERVICES["redis"]["command"]
    assert "--appendonly yes" in command
    assert "--appendfsync everysec" in command
    assert "--maxmemory-policy noeviction" in command


def test_settings_in_the_compose_file_exist() -> None:
    known = {f"LIMEN_{name.upper()}" for name in (*ApiSettings.model_fields, *WorkerSettings.model_fields)}
    for service in SERVICES.values():
        assert set(service.get("environment", {})) <= known


def test_what_the_images_run_can_be_imported() -> None:
    lines = "\n".join(path.read_text() for path in DOCKERFILES)
    imports = re.findall(r"from (workers[\w.]*) import (\w+)", lines)
    assert len(imports) >= 4
    for module, name in imports:
        package = importlib.import_module(module)
        assert hasattr(package, name) or importlib.util.find_spec(f"{module}.{name}"), (module, name)


def test_only_the_proxy_has_a_port() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


def test_the_worker_may_end_its_job_when_it_is_stopped() -> None:
    grace_s = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace_s > WorkerSettings.model_fields["hard_limit_s"].default


def test_the_proxy_leaves_room_for_what_the_api_takes() -> None:
    settings = ApiSettings.model_fields
    limit = int(re.findall(r"max_size (\d+)MiB", PROXY)[0]) << 20
    assert limit > 2 * settings["max_upload_bytes"].default
    assert f"read_body {settings['receive_total_s'].default:g}s" in PROXY
    assert int(re.findall(r"response_header_timeout (\d+)s", PROXY)[0]) > settings["max_wait_s"].default


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_images_take_their_base_as_argument_and_run_as_nobody_special(path: Path) -> None:
    text = path.read_text()
    assert "ARG BASE_IMAGE=python:3.11-slim\n" in text
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${BASE_IMAGE}"}
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["10001"]
    assert "\nHEALTHCHECK " in text


def test_the_api_image_is_given_no_model_and_the_worker_no_web_process() -> None:
    api, worker = ((ROOT / "docker" / f"{name}.Dockerfile").read_text() for name in ("api", "worker"))
    assert re.findall(r"^COPY (?!--from)(.+) \S+$", api, re.MULTILINE) == [
        "pyproject.toml constraints.txt README.md LICENSE",
        "app",
        "workers",
        "models/__init__.py models/errors.py models/viewing.py",
        "models/image_files",
        "models/cards",  # the texts alone, by .dockerignore
        "models/varjpeg/__init__.py models/varjpeg/choices.py models/varjpeg/options.py",
    ]
    assert re.findall(r"^COPY (?!--from)(.+) \S+$", worker, re.MULTILINE) == [
        "pyproject.toml constraints.txt README.md LICENSE",
        "models",
        "workers",
    ]


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ("api", "import app.main; app.main.create_app(); import workers.cli.verbs.service"),
        ("worker", "import workers.run.process, workers.run.tasks; import workers.cli.verbs.service"),
    ],
)
def test_an_image_has_all_that_it_imports(image: str, code: str, tmp_path: Path) -> None:
    text = (ROOT / "docker" / f"{image}.Dockerfile").read_text()
    for sources, target in re.findall(r"^COPY (?!--from)(.+) (\S+)$", text, re.MULTILINE):
        for source in sources.split():
            place = tmp_path / target / Path(source).name if target.endswith("/") else tmp_path / target
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(ROOT / source, place)
    settings = {"LIMEN_REDIS_URL": "redis://127.0.0.1:1/0", "LIMEN_BLOB_DIR": str(tmp_path / "blobs")}
    environment = os.environ | settings | {"PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def test_docker_compose_accepts_the_file() -> None:
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("needs the program docker-compose")
    subprocess.run([program, "--profile", "gpu", "config", "--quiet"], cwd=ROOT, check=True, capture_output=True)


def test_the_proxy_accepts_its_configuration() -> None:
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("needs the program caddy")
    command = [program, "validate", "--adapter", "caddyfile", "--config", "docker/Caddyfile"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
