"""Images by address: under the same limits as an upload, from hosts on the list, each redirect looked at anew."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import ApiSettings
from tests.assets.fleet.http_server import serving
from tests.assets.photos import noise, png
from tests.unit.app.http.problems import problem
from workers.run.celery_app import create_celery

PHOTO = png(noise(24, 32, 1))
REDIRECTS = {
    "/once": "/photo.png",
    "/relative/once": "../photo.png",
    "/loop": "/loop",
    "/inside": "http://127.0.0.2:{port}/photo.png",
    "/metadata": "http://169.254.169.254/latest/meta-data/",
    "/file": "file:///etc/passwd",
}


class Photos(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012 - of one server of one test module

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path in REDIRECTS:
            self.send_response(302)
            port = self.server.server_address[1]  # type: ignore[index]
            self.send_header("Location", REDIRECTS[self.path].format(port=port))
            self.end_headers()
            return
        body = {"/photo.png": PHOTO, "/large.png": b"x" * 30_000, "/page.html": b"<p>no photo</p>", "/empty": b""}
        self.send_response(200 if self.path in body or self.path == "/endless" else 404)
        self.end_headers()
        self.wfile.write(body.get(self.path, b""))
        if self.path == "/endless":
            for _ in range(80):
                self.wfile.write(b"x")
                time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving(Photos, "0.0.0.0") as url:
        yield url


@pytest.fixture
def client(server: str, tmp_path: Path) -> Iterator[TestClient]:
    settings = ApiSettings(
        blob_dir=tmp_path,
        max_upload_bytes=20_000,
        fetch_hosts=(server, server.replace("127.0.0.1", "127.0.0.2"), "http://169.254.169.254"),
        outbound_networks="127.0.0.1/32",  # type: ignore[arg-type]
        fetch_limit_s=3,
        access_log=False,
    )
    Photos.asked.clear()
    with TestClient(create_app(settings, celery=create_celery(settings))) as client:
        yield client


def posted(client: TestClient, url: str, **options: Any) -> Any:
    return client.post("/v1/varjpeg", params={"image_url": url} | options)


@pytest.mark.parametrize("path", ["/photo.png", "/once", "/relative/once"])
def test_an_image_by_address_is_the_same_as_the_file(client: TestClient, server: str, path: str) -> None:
    by_address = posted(client, f"{server}{path}", quality=80)
    assert by_address.status_code == 202, by_address.text
    jobs = client.app.state.services.jobs  # type: ignore[attr-defined]
    by_file = client.post("/v1/varjpeg", files={"image": PHOTO}, data={"quality": "80"})
    one, other = (jobs.get(reply.json()["id"]) for reply in (by_address, by_file))
    assert one.request == other.request


def test_an_address_may_stand_beside_a_file(client: TestClient, server: str) -> None:
    form = {"distorted_url": f"{server}/photo.png"}
    assert client.post("/v1/full-reference-score", files={"reference": PHOTO}, data=form).status_code == 202
    both = client.post("/v1/jnd-map", files={"image": PHOTO}, data={"image_url": f"{server}/photo.png"})
    assert problem(both, 422, "request-invalid")["errors"][0]["field"] == "image_url"


@pytest.mark.parametrize(
    ("path", "status", "code", "said"),
    [
        ("/missing.png", 422, "fetch-failed", "it answered 404"),
        ("/loop", 422, "fetch-failed", "more than 3 redirects"),
        ("/endless", 422, "fetch-failed", "no file within 3 s"),
        ("/large.png", 422, "fetch-failed", "more than 20000 bytes"),
        ("/page.html", 415, "image-type-unsupported", ""),
        ("/empty", 422, "upload-empty", ""),
        ("/inside", 422, "address-refused", "not a public address"),
        ("/metadata", 422, "address-refused", "not a public address"),
        ("/file", 422, "address-refused", "begins with https://"),
    ],
)
def test_what_cannot_be_had_is_a_problem_and_leaves_nothing(
    client: TestClient, server: str, tmp_path: Path, path: str, status: int, code: str, said: str
) -> None:
    assert said in problem(posted(client, f"{server}{path}"), status, code)["detail"]
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []
    assert len(Photos.asked) == (4 if path == "/loop" else 1)


def test_a_server_that_is_not_there_and_one_that_is_not_listed(client: TestClient, server: str) -> None:
    problem(posted(client, "https://elsewhere.example/photo.png"), 422, "address-refused")
    assert Photos.asked == []


def test_a_service_that_is_not_set_up_for_it_fetches_nothing(server: str, tmp_path: Path) -> None:
    settings = ApiSettings(blob_dir=tmp_path, access_log=False)
    Photos.asked.clear()
    with TestClient(create_app(settings, celery=create_celery(settings))) as client:
        said = problem(posted(client, f"{server}/photo.png"), 422, "address-refused")["detail"]
        assert said == "This service fetches no images; send the file itself."
        problem(client.post("/v1/varjpeg"), 422, "request-invalid")
    assert Photos.asked == []
