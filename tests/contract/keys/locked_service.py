"""A web process that asks for keys, without a worker: a finished job of one key, and keys that may do this or that."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import ApiSettings
from tests.assets.photos import noise, png
from tests.contract.quality_figures import FIGURES
from workers.contracts import Artefact, JobResult
from workers.keys.record import ApiKey, new_key
from workers.keys.scope import Scope
from workers.run.celery_app import LimenCelery, create_celery

PHOTO = png(noise(4, 4, 1))


@dataclass
class LockedService:
    """The service, its keys by name with their texts, and the ids of the jobs of ``owner``."""

    client: TestClient
    celery: LimenCelery
    keys: dict[str, ApiKey] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    finished: str = ""
    waiting: str = ""

    def make_key(self, name: str, *scopes: Scope, **limits: int) -> str:
        self.keys[name], self.texts[name] = new_key(name, frozenset(scopes), 1.0, **limits)
        self.celery.keys.put(self.keys[name])
        return self.texts[name]

    def bearer(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.texts[name]}"}

    def posted(self, name: str, photo: bytes, **headers: str) -> str:
        """Id of the job that a key's photo became."""
        reply = self.client.post(
            "/v1/quality-score", files={"image": photo}, headers=self.bearer(name) | {"X-Request-Id": "t"} | headers
        )
        assert reply.status_code == 202, reply.text
        return str(reply.json()["id"])


def opened_service(folder: Path, **settings: object) -> LockedService:
    """Under ``settings``, on an address that others reach, with the keys that the tests use."""
    chosen = ApiSettings(blob_dir=folder, access_log=False, **settings)  # type: ignore[arg-type]
    celery = create_celery(chosen)
    celery.keys.put(new_key("first", frozenset(), 0.0)[0])
    service = LockedService(TestClient(create_app(chosen, celery=celery, host="0.0.0.0")), celery)
    service.make_key("owner", Scope.SUBMIT, Scope.READ)
    service.make_key("other", Scope.SUBMIT, Scope.READ)
    service.make_key("revoked", Scope.SUBMIT, Scope.READ)
    for scope in Scope:
        service.make_key(scope, scope)
    service.finished = service.posted("owner", PHOTO)
    artefact = Artefact(name="map.png", media_type="image/png", key=celery.blobs.put(PHOTO), size_bytes=len(PHOTO))
    jobs = celery.jobs
    jobs.update(service.finished, lambda job, now: job.started("one", now, owner_dead=lambda _: False))
    result = JobResult(body=FIGURES, artefacts=[artefact])
    jobs.update(service.finished, lambda job, now: job.succeeded("one", now, result))
    service.waiting = service.posted("owner", png(noise(4, 4, 2)))
    celery.keys.put(service.keys["revoked"].revoked(2.0))
    return service


Send = Callable[[LockedService], object]
