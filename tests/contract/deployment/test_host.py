"""What runs Limen on a host without containers, and what watches it: systemd, nginx, Grafana, by their own programs."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import ApiSettings
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
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        pytest.skip("needs the program nginx")
    site = (DOCKER / "nginx" / "limen.conf").read_text().replace("/var/log/nginx/", f"{tmp_path}/")
    (tmp_path / "site.conf").write_text(site)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ include {tmp_path}/site.conf; }}"
    )
    done = subprocess.run([program, "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
