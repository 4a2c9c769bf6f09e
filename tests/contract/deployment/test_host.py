"""What runs Limen on a host without containers, and what watches it: systemd, nginx, Grafana, by their own programs."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import ApiSettings
from tests.assets.fleet.http_server import serving
from tests.assets.service_process import free_port
from workers.contracts import QualityScoreRequest
from workers.run.celery_app import create_celery

DOCKER = Path(__file__).parents[3] / "docker"
UNITS = sorted((DOCKER / "systemd").glob("*.service"))


@pytest.fixture
def said_by_metrics(tmp_path: Path) -> str:
    """What ``/metrics`` tells when one job has ended and one waits."""
    settings = ApiSettings(data_dir=tmp_path, blob_dir=tmp_path / "blobs", access_log=False)
    celery = create_celery(settings)
    job, _ = celery.jobs.create(QualityScoreRequest(image_key="a" * 64))
    celery.jobs.cancel(job.id)
    with TestClient(create_app(settings, celery=celery)) as client:
        client.get("/health/live")
        return client.get("/metrics").text


def test_the_dashboard_names_metrics_that_there_are(said_by_metrics: str) -> None:
    dashboard = json.loads((DOCKER / "grafana" / "limen.json").read_text())
    asked = {target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    named = {name for expression in asked for name in re.findall(r"\blimen_\w+", expression)}
    told = set(re.findall(r"^(limen_\w+)(?:\{| )", said_by_metrics, re.MULTILINE))
    families = set(re.findall(r"^# TYPE (limen_\w+) counter", said_by_metrics, re.MULTILINE))
    assert named - told - families == set()
    assert len(named) > 10
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_accepted_by_systemd(unit: Path, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs the program systemd-analyze")
    text = unit.read_text().replace("/opt/limen/bin/limen", "/bin/true").replace("redis-server.service", "")
    (tmp_path / unit.name).write_text(text)
    done = subprocess.run([program, "verify", tmp_path / unit.name], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []


def test_nginx_accepts_its_configuration(tmp_path: Path) -> None:
    program = _found("nginx")
    done = subprocess.run([program, "-t", "-c", nginx_configuration(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _found(program: str) -> str:
    found = shutil.which(program) or shutil.which(f"/usr/sbin/{program}")
    if found is None:
        pytest.skip(f"needs the program {program}")
    return found


def nginx_configuration(folder: Path, **places: str) -> Path:
    """Both sites as one whole configuration, whose files lie in ``folder``; ``places``: what stands for what."""
    for site in ("limen.conf", "people.conf"):
        text = (DOCKER / "nginx" / site).read_text()
        for before, after in ({"/var/log/nginx/": f"{folder}/", "/etc/nginx/": f"{folder}/"} | places).items():
            text = text.replace(before, after)
        (folder / site).write_text(text)
    (folder / "nginx.conf").write_text(
        f"user root; pid {folder}/pid; error_log stderr; daemon off; events {{}} "
        f"http {{ include {folder}/limen.conf; include {folder}/people.conf; }}"
    )
    return folder / "nginx.conf"


class Upstream(BaseHTTPRequestHandler):
    """Says which Authorization has come."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(self.headers.get("Authorization")).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[str]:
    with serving(Upstream) as url:
        yield url.removeprefix("http://")


PASSWORD = "{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M="
"""Of "test", as nginx takes it."""
HASH = "$2a$14$5BzUfcyl3.blR16/tp6gg.x93oAwcbP0Pa17qNPyNLWQnSwH4gh0u"


@pytest.mark.parametrize("program", ["nginx", "caddy"])
def test_people_come_with_a_password_and_the_proxy_adds_the_key(program: str, upstream: str, tmp_path: Path) -> None:
    found, port = _found(program), str(free_port())
    if program == "nginx":
        (tmp_path / "limen.people").write_text(f"anna:{PASSWORD}\n")
        places = {"127.0.0.1:8000": upstream, "8080": str(free_port()), "8081": port}
        command = [found, "-c", str(nginx_configuration(tmp_path, **places))]
    else:
        text = (DOCKER / "Caddyfile.people").read_text()
        for before, after in {"api:8000": upstream, ":8081": f":{port}", "HASH": HASH}.items():
            text = text.replace(before, after)
        (tmp_path / "Caddyfile").write_text(text)
        command = [found, "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env={"HOME": str(tmp_path)}) as proxy:
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
                assert answered(client, "/v1/models").status_code == 401
                assert client.get("/v1/models", auth=("anna", "wrong")).status_code == 401
                assert client.get("/v1/models", auth=("anna", "test")).text == "Bearer KEY"
                for path in ("/study/token", "/v1/observe/token", "/page/page.css"):
                    assert client.get(path).text == "None"
        finally:
            proxy.terminate()


def answered(client: httpx2.Client, path: str) -> httpx2.Response:
    """The first answer of a proxy that has just been started."""
    end = time.monotonic() + 10
    while True:
        try:
            return client.get(path)
        except httpx2.ConnectError:
            assert time.monotonic() < end
            time.sleep(0.05)
