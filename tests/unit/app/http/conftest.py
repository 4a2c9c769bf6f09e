"""An application with small limits and a queue that no worker serves."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import ApiSettings
from workers.run.celery_app import create_celery


@pytest.fixture
def settings(tmp_path: Path) -> ApiSettings:
    return ApiSettings(
        blob_dir=tmp_path / "blobs",
        max_upload_bytes=20_000,
        queue_limit=3,
        receive_idle_s=0.3,
        receive_total_s=1.0,
        access_log=False,
    )


@pytest.fixture
def app(settings: ApiSettings) -> FastAPI:
    return create_app(settings, celery=create_celery(settings))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client
