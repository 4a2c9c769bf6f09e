"""An object store that is away, full or breaks off: named to the client in time, and nothing half done is left."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import obstore
import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import ApiSettings
from tests.assets.fleet.s3_server import S3Server
from tests.assets.photos import scene_jpeg
from workers.blobs.objects import MULTIPART_BYTES, WEB, ObjectStorage, Patience
from workers.blobs.store import BlobStore
from workers.contracts import Artefact, JobResult, StudyLadderResult
from workers.errors import BlobStoreUnavailableError
from workers.run.celery_app import create_celery
from workers.run.running import running

CUT_BYTES = 1 << 20


class Full(BaseHTTPRequestHandler):
    """Has room for nothing, as MinIO or Ceph says it."""

    answer = 507, b""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.answer[0])
        self.end_headers()
        self.wfile.write(self.answer[1])

    def log_message(self, *_: object) -> None:
        pass


class Cut(BaseRequestHandler):
    """Passes a connection on to the real server until ``CUT_BYTES`` have gone up, and then breaks it off."""

    def handle(self) -> None:
        address = self.server.beyond  # type: ignore[attr-defined]  # set where it is made
        with socket.create_connection(address) as beyond:
            down = threading.Thread(target=self._down, args=(beyond,), daemon=True)
            down.start()
            sent = 0
            while sent < CUT_BYTES and (data := self.request.recv(1 << 16)):
                beyond.sendall(data)
                sent += len(data)

    def _down(self, beyond: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := beyond.recv(1 << 16):
                self.request.sendall(data)


class CutServer(ThreadingTCPServer):
    daemon_threads = True


@contextlib.contextmanager
def serving(server: Any) -> Iterator[str]:
    """The address of a server that runs in a thread."""
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def service(s3: S3Server, folder: Path, patch: pytest.MonkeyPatch, **environment: str) -> Iterator[TestClient]:
    """A client of the web process, with temporary files below ``folder``."""
    for name, value in (s3.environment | environment).items():
        patch.setenv(name, value)
    patch.setattr("tempfile.tempdir", str(folder))
    settings = ApiSettings(blob_url=s3.url, access_log=False)
    with TestClient(create_app(settings, celery=create_celery(settings))) as client:
        yield client


def answered(reply: Any, status: int, code: str, began: float) -> None:
    assert (reply.status_code, reply.json()["type"]) == (status, f"/problems/{code}"), reply.text
    assert (status == 503) == ("retry-after" in reply.headers)
    assert time.monotonic() - began < 12


def test_a_store_that_is_away_is_a_503_until_it_is_back(
    own_s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with service(own_s3, temporary, monkeypatch) as client:
        celery: Any = client.app.state.services.celery  # type: ignore[attr-defined]  # of Starlette's application
        job_id = client.post("/v1/jnd-map", files={"image": scene_jpeg()}).json()["id"]
        artefact = Artefact(name="a", media_type="image/png", key=celery.blobs.put(b"a"), size_bytes=1)
        with running(celery.jobs, job_id) as run:
            run.succeed(JobResult(body=StudyLadderResult(width=1, height=1), artefacts=[artefact]))
        own_s3.kill()
        for reply in (
            client.post("/v1/varjpeg", files={"image": scene_jpeg()}),
            client.get(f"/v1/jobs/{job_id}/artefacts/a"),
            client.post("/v1/studies", json={"title": "Chairs", "consent_text": "Nothing."}),
        ):
            answered(reply, 503, "blob-store-unavailable", time.monotonic())
        ready = client.get("/health/ready").json()
        assert ready["checks"]["blobs"] == "cannot be written: BlobStoreUnavailableError"
        assert celery.jobs.unfinished() == []
        assert os.listdir(temporary) == []
        own_s3.start()
        assert client.post("/v1/varjpeg", files={"image": scene_jpeg()}).status_code == 202
        assert client.get("/health/ready").json()["checks"]["blobs"] == "ok"
        answered(client.get(f"/v1/jobs/{job_id}/artefacts/a"), 410, "blob-missing", time.monotonic())


@pytest.mark.parametrize(
    ("status", "text"),
    [(507, b"<Error><Code>XMinioStorageFull</Code></Error>"), (403, b"<Error><Code>QuotaExceeded</Code></Error>")],
)
def test_a_full_store_is_a_507(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, text: bytes
) -> None:
    Full.answer = status, text
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Full)) as endpoint:
        began = time.monotonic()
        with service(s3_server, tmp_path, monkeypatch, AWS_ENDPOINT_URL=endpoint) as client:
            answered(client.post("/v1/varjpeg", files={"image": scene_jpeg()}), 507, "blob-store-full", began)
    assert os.listdir(tmp_path) == []


def test_nothing_can_be_read_of_a_file_that_was_half_sent(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    direct = ObjectStorage(f"{s3_server.url}/half", WEB)
    direct.check()
    server = CutServer(("127.0.0.1", 0), Cut)
    server.beyond = ("127.0.0.1", int(s3_server.endpoint.rpartition(":")[2]))  # type: ignore[attr-defined]
    with serving(server) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        cut = BlobStore(ObjectStorage(direct.url, Patience(request_s=5, outage_s=1)), expiry_s=1)
        key = cut.put(b"small")
        for size in (2 * CUT_BYTES, 2 * MULTIPART_BYTES):
            with pytest.raises(BlobStoreUnavailableError):
                cut.put(os.urandom(size))
    assert [item["path"] for page in obstore.list(direct.opened) for item in page] == [".ready", f"{key[:2]}/{key}"]
