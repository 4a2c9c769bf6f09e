"""Where a setting is turned, for ``test_settings``."""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.main import create_app
from app.settings import ApiSettings
from workers.capabilities import Inputs
from workers.contracts import QualityScoreRequest
from workers.jobs.opened import open_job_store
from workers.jobs.record import Job
from workers.keys.record import new_key
from workers.keys.scope import Scope
from workers.run.celery_app import create_celery
from workers.settings import BrokerSettings, WorkerSettings

REQUEST = QualityScoreRequest(image_key="a" * 64)


def png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Bench:
    """Where a setting is turned."""

    folder: Path
    patch: pytest.MonkeyPatch

    @contextlib.contextmanager
    def service(self, **settings: Any) -> Any:
        """A client of the web process under such settings, without a worker; ``jobs`` is its store."""
        chosen: dict[str, Any] = {"access_log": False, "blob_dir": self.folder}
        turned = ApiSettings(**(chosen | settings))
        with TestClient(create_app(turned, celery=create_celery(turned))) as client:
            yield client

    def posted(self, path: str, data: bytes, headers: dict[str, str] | None = None, **settings: Any) -> Any:
        with self.service(**settings) as client:
            return client.post(path, files={"image": data}, headers=headers)

    def closed(self, *scopes: Scope, **settings: Any) -> tuple[TestClient, dict[str, str]]:
        """A client of a service that others reach, with a header for a key of such scopes if there are any."""
        turned = ApiSettings(blob_dir=self.folder, access_log=False, **settings)
        celery = create_celery(turned)
        key, text = new_key("bench", frozenset(scopes), 1.0)
        if scopes:
            celery.keys.put(key)
        client = TestClient(create_app(turned, celery=celery, host="0.0.0.0"))
        return client, {"Authorization": f"Bearer {text}"}

    def job(self, **settings: Any) -> tuple[Any, Job]:
        store = open_job_store(BrokerSettings(**settings))
        return store, store.create(REQUEST)[0]

    def decoded(self, data: bytes, **settings: Any) -> object:
        return Inputs.under(WorkerSettings(**settings), lambda _: data).image("")
