"""Every setting acts: turned, it changes what the service or its worker does."""

import asyncio
import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

import app.main
import app.routes.jobs
from app.http.problems import ProblemError
from app.http.uploads import LimitedBody
from app.settings import ApiSettings
from models.errors import ImageTooLargeError, ModelArtefactError
from models.graphs.artefacts import WEIGHTS
from models.threads import _own_count
from tests.contract.settings import of_outside
from tests.contract.settings.bench import REQUEST, Bench, png
from workers.blobs.folder import FolderStorage
from workers.blobs.objects import ObjectStorage
from workers.blobs.opened import open_storage
from workers.blobs.store import BlobStore
from workers.capabilities import Inputs
from workers.contracts import Artefact, JobResult, StudyLadderResult, SurCurveRequest
from workers.errors import QueueFullError, StudyLimitError
from workers.run import loaded_models
from workers.run.celery_app import create_celery
from workers.run.data_folder import opened_data_folder
from workers.run.process import run_worker
from workers.run.running import DeadlineExceededError, running
from workers.settings import BrokerSettings, WorkerSettings
from workers.studies.opened import open_study_store
from workers.studies.record import StudyOptions

SETTINGS = sorted(ApiSettings.model_fields | WorkerSettings.model_fields)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_acts(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turning: Callable[[Bench], None] = (globals() | vars(of_outside))[f"turning_{name}"]
    turning(Bench(tmp_path, monkeypatch))


def turning_redis_url(bench: Bench) -> None:
    settings = BrokerSettings(redis_url="redis://127.0.0.1:1/5", blob_dir=bench.folder)  # type: ignore[arg-type]
    assert create_celery(settings).conf["broker_url"].endswith("/5")
    assert create_celery(BrokerSettings()).conf["broker_url"].startswith("memory:")


def turning_blob_dir(bench: Bench) -> None:
    assert bench.posted("/v1/quality-score", png(4, 4)).status_code == 202
    assert len([path for path in bench.folder.rglob("*") if path.is_file()]) == 1


def turning_blob_url(bench: Bench) -> None:
    reply = bench.posted("/v1/quality-score", png(4, 4), blob_dir=None, blob_url=f"file://{bench.folder}/a%20b")
    assert reply.status_code == 202
    assert len([path for path in (bench.folder / "a b").rglob("*") if path.is_file()]) == 1
    assert isinstance(open_storage(BrokerSettings(blob_url="s3://bucket/prefix")), ObjectStorage)
    for wrong in ("bucket", "s3:///prefix", "http://host/bucket", "file://host/folder", "s3://key:secret@bucket"):
        with pytest.raises(ValidationError, match="blob_url"):
            BrokerSettings(blob_url=wrong)


def turning_data_dir(bench: Bench) -> None:
    for name in ("one", "two", "one"):
        with opened_data_folder(BrokerSettings(data_dir=bench.folder / name)) as stores:
            found = len(stores.jobs.unfinished())
            stores.jobs.create(REQUEST)
    assert found == 1


def turning_queue_limit(bench: Bench) -> None:
    store, _ = bench.job(queue_limit=1)
    with pytest.raises(QueueFullError):
        store.create(REQUEST)


def turning_job_expiry_s(bench: Bench) -> None:
    store, job = bench.job(job_expiry_s=7)
    ended = store.cancel(job.id)
    assert ended.expires_at - ended.finished_at == pytest.approx(7, abs=1)
    assert create_celery(BrokerSettings(job_expiry_s=7, blob_dir=bench.folder)).blobs.expiry_s == 3607


def turning_hard_limit_s(bench: Bench) -> None:
    assert create_celery(BrokerSettings(hard_limit_s=99)).conf["task_time_limit"] == 99


def turning_soft_limit_s(bench: Bench) -> None:
    store, job = bench.job(soft_limit_s=1, hard_limit_s=1)
    bench.patch.setattr("workers.run.running.time.monotonic", iter([0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 2.0, 2.0]).__next__)
    with running(store, job.id) as run, pytest.raises(DeadlineExceededError, match="longer than 1 s"):
        run.progress(0.5)


def turning_max_pixels(bench: Bench) -> None:
    assert bench.posted("/v1/quality-score", png(9, 9), max_pixels=80).status_code == 413
    with pytest.raises(ImageTooLargeError):
        bench.decoded(png(9, 9), max_pixels=80)


def turning_max_side(bench: Bench) -> None:
    wide = png(17_000, 100)
    assert bench.posted("/v1/quality-score", wide).status_code == 413
    assert bench.posted("/v1/quality-score", wide, max_side=17_000).status_code == 202
    assert bench.decoded(wide, max_side=17_000)
    with pytest.raises(ImageTooLargeError):
        bench.decoded(wide)


def turning_max_aspect(bench: Bench) -> None:
    long = png(402, 2)
    assert bench.posted("/v1/quality-score", long).status_code == 413
    assert bench.posted("/v1/quality-score", long, max_aspect=201).status_code == 202
    assert bench.decoded(long, max_aspect=201)
    with pytest.raises(ImageTooLargeError):
        bench.decoded(long)


def turning_study_limit(bench: Bench) -> None:
    studies = open_study_store(BrokerSettings(study_limit=0), FolderStorage(bench.folder))
    with pytest.raises(StudyLimitError):
        studies.create(StudyOptions(title="t", consent_text="c"), "key")


def turning_profile(bench: Bench) -> None:
    with bench.service(profile="flicker") as client:
        job_id = client.post("/v1/sur-curve", files={"image": png(4, 4)}).json()["id"]
        request = client.app.state.services.jobs.get(job_id).request
        assert client.get("/v1/models").json()["default_observer"] == "flicker"
    assert isinstance(request, SurCurveRequest)
    assert request.observer == "flicker"


def turning_max_upload_bytes(bench: Bench) -> None:
    assert bench.posted("/v1/quality-score", bytes(1025), max_upload_bytes=1024).status_code == 413


def _waits(bench: Bench, **settings: Any) -> str:
    class Silent:
        headers: ClassVar[dict[str, str]] = {}

        async def receive(self) -> None:
            await asyncio.sleep(60)

    async def read() -> None:
        body = LimitedBody(Silent(), ApiSettings(**settings), 1000)  # type: ignore[arg-type]
        await body.is_empty()

    with pytest.raises(ProblemError) as problem:
        asyncio.run(asyncio.wait_for(read(), 20))
    return problem.value.code


def turning_receive_idle_s(bench: Bench) -> None:
    assert _waits(bench, receive_idle_s=0.01) == "upload-timeout"


def turning_receive_total_s(bench: Bench) -> None:
    assert _waits(bench, receive_total_s=0.01) == "upload-timeout"


def turning_max_wait_s(bench: Bench) -> None:
    reply = bench.posted("/v1/quality-score", png(4, 4), {"Prefer": "wait=60"}, max_wait_s=0)
    assert reply.headers["preference-applied"] == "wait=0"


def turning_keep_alive_s(bench: Bench) -> None:
    given: list[float] = []

    async def one_comment(*_: object, after: str | None, keep_alive_s: float) -> Any:
        given.append(keep_alive_s)
        yield ": still there\n\n"

    bench.patch.setattr(app.routes.jobs, "event_stream", one_comment)
    with bench.service(keep_alive_s=3.5) as client:
        job_id = client.post("/v1/quality-score", files={"image": png(4, 4)}).json()["id"]
        assert client.get(f"/v1/jobs/{job_id}/events").status_code == 200
    assert given == [3.5]


def turning_blob_presign(bench: Bench) -> None:
    address = "https://bucket.example/photo"
    bench.patch.setattr(BlobStore, "link", lambda *_, **__: address)
    for wanted, status in ((True, 307), (False, 200)):
        with bench.service(blob_presign=wanted) as client:
            services = client.app.state.services
            job_id = client.post("/v1/quality-score", files={"image": png(4, 4)}).json()["id"]
            artefact = Artefact(name="a", media_type="image/png", key=services.blobs.put(png(4, 4)), size_bytes=1)
            result = JobResult(body=StudyLadderResult(width=1, height=1), artefacts=[artefact])
            with running(services.jobs, job_id) as run:
                run.succeed(result)
            reply = client.get(f"/v1/jobs/{job_id}/artefacts/a", follow_redirects=False)
        assert (reply.status_code, reply.headers.get("location") == address) == (status, wanted)


def turning_docs(bench: Bench) -> None:
    for shown, status in ((True, 200), (False, 404)):
        with bench.service(docs=shown) as client:
            assert {client.get(path).status_code for path in ("/docs", "/openapi.json")} == {status}


def turning_access_log(bench: Bench) -> None:
    begun: list[bool] = []
    bench.patch.setattr(app.main, "log_access_to_stderr", lambda: begun.append(True))
    for wanted in (False, True):
        with bench.service(access_log=wanted):
            assert begun == [True] * wanted


def _pool_options(**settings: Any) -> dict[str, Any]:
    class Celery:
        def Worker(self, **options: Any) -> Any:  # noqa: N802 - Celery's name
            self.options = options
            return self

        def start(self) -> None:
            pass

        exitcode = 0

    celery: Any = Celery()
    celery.settings = WorkerSettings(**settings)
    run_worker(celery, celery.settings)
    found: dict[str, Any] = celery.options
    return found


def turning_concurrency(bench: Bench) -> None:
    assert _pool_options(concurrency=3)["concurrency"] == 3


def turning_max_tasks_per_child(bench: Bench) -> None:
    assert _pool_options(max_tasks_per_child=5)["max_tasks_per_child"] == 5


def turning_max_memory_per_child_mb(bench: Bench) -> None:
    assert _pool_options(max_memory_per_child_mb=130)["max_memory_per_child"] == 130 * 1024


def turning_threads(bench: Bench) -> None:
    bench.patch.setenv("LIMEN_THREADS", "3")
    assert WorkerSettings().threads == _own_count.__wrapped__() == 3


def turning_device(bench: Bench) -> None:
    bench.patch.setattr(loaded_models, "cuda_available", lambda: False)
    with pytest.raises(ModelArtefactError, match="LIMEN_DEVICE is cuda"):
        loaded_models.open_models(WorkerSettings(device="cuda"))


def turning_max_address_space_mb(bench: Bench) -> None:
    limits: list[tuple[int, int]] = []

    def limited(kind: int, both: tuple[int, int]) -> None:
        limits.append(both)
        raise SystemExit  # nothing else of a pool process is to begin here

    bench.patch.setattr(resource, "setrlimit", limited)
    celery = create_celery(WorkerSettings(max_address_space_mb=2048))
    bench.patch.setattr(loaded_models, "current_app", celery)
    bench.patch.setattr(type(celery), "_get_current_object", lambda self: self, raising=False)
    with pytest.raises(SystemExit):
        loaded_models.prepare_process()
    assert limits == [(2048 << 20, 2048 << 20)]


def turning_profiles(bench: Bench) -> None:
    shipped = json.loads((WEIGHTS / "observers.json").read_text())
    document = {"profiles": {"team": shipped["profiles"]["flicker"]}}
    (bench.folder / "team.json").write_text(json.dumps(document))
    inputs = Inputs.under(WorkerSettings(profiles=bench.folder), lambda _: b"")
    assert inputs.observers("team").name == "team"
    assert loaded_models.model_version(bench.folder) != loaded_models.model_version(None)
